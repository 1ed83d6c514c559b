using ModelPort.Engines.OnnxRuntime;
using ModelPort.Formats.Onnx;
using ModelPort.Onnx.Transforms;
using ModelPort.Tests.Support;

namespace ModelPort.Tests.Onnx;

/// <summary>Tables that rows are looked up in, tied to a product or not, and weights that are stored sparse.</summary>
public sealed class TableTests(ITestOutputHelper output)
{
    private const int Rows = 200;
    private const int Width = 64;
    private static readonly long[] s_tokens = [3, 0, 199, -1, 77, 3];

    [Theory]
    [InlineData("INT4", 64, 0.08, 0.17)]
    [InlineData("INT8-Weight", 64, 0.006, 0.29)]
    [InlineData("INT4", 48, 0.08, 0.2)]
    [InlineData("INT8-Weight", 48, 0.006, 0.32)]
    public void An_embedding_is_looked_up_in_blocks_that_fit_its_rows(string precision, int width, double error, double size)
    {
        using var model = Encoder([OnnxGraphs.Node("Gather", "table,x", "e"), OnnxGraphs.Node("Tanh", "e", "y")], width: width);
        var port = Port(model, precision);
        Assert.Equal(["Gather:1"], port.Record.Operators.Select(o => $"{o.Key}:{o.Value}"));
        Same(model, port.Model, error, "GatherBlockQuantized");
        Assert.InRange(port.Record.WeightBytesAfter, 1, port.Record.WeightBytesBefore * size);
    }

    [Theory]
    [InlineData("INT8", "cpu")]
    [InlineData("INT8", "arm64")]
    [InlineData("INT8-Dynamic", "cpu")]
    public void An_embedding_is_integers_with_a_scale_for_each_row_beside_products_of_integers(string precision, string hardware)
    {
        using var model = Encoder([OnnxGraphs.Node("Gather", "table,x", "e"), OnnxGraphs.Node("Tanh", "e", "y")]);
        var port = Port(model, precision, hardware);
        Assert.Equal(["Gather:1"], port.Record.Operators.Select(o => $"{o.Key}:{o.Value}"));
        Same(model, port.Model, 0.006);
        Assert.InRange(port.Record.WeightBytesAfter, 1, port.Record.WeightBytesBefore * 0.27);

        using var tied = Encoder([OnnxGraphs.Node("Gather", "table,x", "e"), OnnxGraphs.Node("Gemm", "e,table", "y", ("transB", 1L))]);
        var kept = OnnxTransform.Plan(tied, new OnnxTransformRequest(OnnxPrecision.Parse(precision, "")) { Hardware = OnnxHardware.Parse(hardware, "") }).Nodes.Single(node => !node.Converted);
        Assert.Equal(("Gather", "others read its table too, which would be stored twice"), (kept.Operator, kept.Reason));
    }

    [Theory]
    [InlineData("Gemm", "INT4", 64, 0.15)]
    [InlineData("Gemm", "INT8-Weight", 64, 0.02)]
    [InlineData("MatMul", "INT4", 64, 0.15)]
    [InlineData("MatMul", "INT8-Weight", 64, 0.02)]
    [InlineData("Gemm", "INT4", 48, 0.15)]
    public void A_tied_embedding_is_stored_once(string product, string precision, int width, double error)
    {
        using var model = Encoder(
        [
            OnnxGraphs.Node("Gather", "table,x", "e"), OnnxGraphs.Node("Tanh", "e", "h"),
            .. product == "Gemm" ? (NodeProto[])[OnnxGraphs.Node("Gemm", "h,table", "y", ("transB", 1L))] : [OnnxGraphs.Node("Transpose", "table", "turned", ("perm", (long[])[1, 0])), OnnxGraphs.Node("MatMul", "h,turned", "y")],
        ], width: width);
        var port = Port(model, precision);
        Assert.Equal(["Gather:1", $"{product}:1"], port.Record.Operators.Select(o => $"{o.Key}:{o.Value}"));
        Same(model, port.Model, error, "GatherBlockQuantized", "MatMulNBits");
        Assert.DoesNotContain(port.Model.Proto.Graph.Node, node => node.OpType == "Transpose");
        Assert.InRange(port.Record.WeightBytesAfter, 1, port.Record.WeightBytesBefore * (precision != "INT4" ? 0.29 : width == 64 ? 0.17 : 0.2));
    }

    [Theory]
    [InlineData("TensorRT", 0L, 64, "there is no Gather of blocks for tensorrt")]
    [InlineData("cpu", 1L, 64, "blocks are looked up by rows, along axis 0")]
    [InlineData("cpu", 0L, 40, "its rows of 40 values are no whole number of blocks")]
    public void What_cannot_be_looked_up_so_stays_and_says_why_and_that_it_is_there_twice(string hardware, long axis, int width, string reason)
    {
        using var model = Encoder([OnnxGraphs.Node("Gather", "table,x", "e", ("axis", axis)), OnnxGraphs.Node("MatMul", "e,v", "y"), OnnxGraphs.Node("Gemm", "e,table", "z", ("transB", 1L))], s_tokens.Length, width);
        var plan = OnnxTransform.Plan(model, new OnnxTransformRequest(OnnxPrecision.INT4) { Hardware = OnnxHardware.Parse(hardware, "") });
        var port = OnnxTransform.Apply(plan);
        Assert.Equal(("Gather", reason), Assert.Single(port.Record.Kept.Select(node => (node.Operator, node.Reason))));
        Assert.Contains(port.Record.Notes, note => note.Contains("as they were too", StringComparison.Ordinal) && note.Contains("'table'", StringComparison.Ordinal));
        Assert.Contains(port.Warnings, warning => warning.Code == "MP2105");
    }

    [Theory]
    [InlineData("INT8-Dynamic", false, false)]
    [InlineData("INT8", false, true)]
    [InlineData("INT4", true, false)]
    [InlineData("INT8-Weight", true, true)]
    [InlineData("FP16", false, false)]
    public void A_sparse_weight_is_made_whole_where_that_is_no_larger(string precision, bool flat, bool constant)
    {
        var x = OnnxGraphs.Random(2, 5 * Width);
        using var model = Sparse(constant, flat, 0.6);
        var port = OnnxGraphs.Port(model, new OnnxTransformRequest(OnnxPrecision.Parse(precision, "")), x, [5, Width]);
        Assert.Equal(1, port.Record.Operators["MatMul"]);
        Assert.Contains(port.Record.Notes, note => note == "Sparse weights were made whole: 'w'.");
        Assert.InRange(OnnxGraphs.Relative(OnnxGraphs.RunY(model, x, [5, Width]), OnnxGraphs.RunY(port.Model, x, [5, Width])), 1e-7, 0.15);
        Assert.True(port.Record.WeightBytesAfter < port.Record.WeightBytesBefore);
    }

    [Theory]
    [InlineData("INT8-Dynamic")]
    [InlineData("INT8")]
    [InlineData("INT4")]
    public void A_sparse_weight_of_few_values_stays_and_says_why(string precision)
    {
        using var model = Sparse(false, true, 0.1);
        var error = Assert.Throws<Diagnostics.ModelPortException>(() => OnnxTransform.Plan(model, new OnnxTransformRequest(OnnxPrecision.Parse(precision, "")))).Diagnostic;
        Assert.Equal("MP2100", error.Code);
        Assert.Contains("its weight 'w' is sparse, and takes fewer bytes so", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_place_outside_a_sparse_weight_is_refused()
    {
        using var model = Sparse(false, true, 0.6);
        var indices = model.Proto.Graph.SparseInitializer[0].Indices;
        indices.RawData = Google.Protobuf.ByteString.CopyFrom([.. indices.RawData.Span[..^8], .. BitConverter.GetBytes(1L << 40)]);
        var error = Assert.Throws<Formats.InvalidModelFileException>(() => OnnxTransform.Apply(OnnxTransform.Plan(model, new OnnxTransformRequest(OnnxPrecision.INT4))));
        Assert.Contains("1099511627776", error.Message, StringComparison.Ordinal);
    }

    private static OnnxModel Encoder(NodeProto[] nodes, int tokens = 0, int width = Width)
    {
        List<TensorProto> weights = [OnnxGraphs.RandomWeight(1, "table", tokens == 0 ? Rows : width, width), OnnxGraphs.RandomWeight(2, "v", width, 24)];
        if (nodes.All(node => !node.Input.Contains("v")))
        {
            weights.RemoveAt(1);
        }

        return OnnxGraphs.Of(OnnxTypes.Tensor(DataType.Int64, [tokens == 0 ? s_tokens.Length : tokens]), null, nodes, weights);
    }

    private static OnnxTransformResult Port(OnnxModel model, string precision, string hardware = "cpu") =>
        OnnxTransform.Apply(OnnxTransform.Plan(model, new OnnxTransformRequest(OnnxPrecision.Parse(precision, "")) { Hardware = OnnxHardware.Parse(hardware, "") }));

    private void Same(OnnxModel source, OnnxModel port, double error, params string[] operators)
    {
        var expected = Run(source, GraphOptimization.None);
        foreach (var level in (GraphOptimization[])[GraphOptimization.None, GraphOptimization.All])
        {
            var difference = OnnxGraphs.Relative(expected, Run(port, level));
            output.WriteLine($"{level}: {difference:G3}");
            Assert.InRange(difference, 1e-7, error);
        }

        Assert.All(operators, o => Assert.Contains(o, OnnxGraphs.Fused(port).Keys));
    }

    private static float[] Run(OnnxModel model, GraphOptimization level)
    {
        using var folder = new TemporaryFolder();
        model.Save(folder["m.onnx"]);
        using var session = OnnxSession.Open(folder["m.onnx"], new OnnxSessionOptions { Optimization = level, Threads = 1 });
        return ((EngineTensor)session.Run(new Dictionary<string, EngineValue> { ["x"] = EngineTensor.Of<long>(s_tokens, s_tokens.Length) }, ["y"])["y"]).As<float>().ToArray();
    }

    // A product whose matrix is stored as the values that are not zero, with positions or with coordinates.
    private static OnnxModel Sparse(bool constant, bool flat, double share)
    {
        var random = new Random(6);
        var values = OnnxGraphs.Random(5, Width * Width, 0.3f);
        long[] places = [.. Enumerable.Range(0, values.Length).Where(_ => random.NextDouble() < share).Select(i => (long)i)];
        long[] indices = flat ? places : [.. places.SelectMany(place => (long[])[place / Width, place % Width])];
        SparseTensorProto sparse = new() { Values = OnnxGraphs.Weight("w", [places.Length], [.. places.Select(place => values[place])]), Indices = OnnxGraphs.Integers("", indices) };
        sparse.Dims.AddRange([Width, Width]);
        if (!flat)
        {
            sparse.Indices.Dims.Clear();
            sparse.Indices.Dims.AddRange([places.Length, 2]);
        }

        var node = NodeAttributes.Node("Constant", [], ["w"]);
        node.Attribute.Add(new AttributeProto { Name = "sparse_value", Type = AttributeType.SparseTensor, SparseTensor = sparse });
        var model = OnnxGraphs.Of(OnnxGraphs.Floats(5, Width), null, [.. constant ? (NodeProto[])[node] : [], OnnxGraphs.Node("MatMul", "x,w", "m"), OnnxGraphs.Node("Relu", "m", "y")], []);
        if (!constant)
        {
            model.Proto.Graph.SparseInitializer.Add(sparse);
        }

        return model;
    }
}
