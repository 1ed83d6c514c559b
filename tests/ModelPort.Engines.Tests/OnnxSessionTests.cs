using System.Runtime.InteropServices;
using ModelPort.Engines.OnnxRuntime;
using ModelPort.Formats.Onnx;

namespace ModelPort.Engines.Tests;

public sealed class OnnxSessionTests : IDisposable
{
    private static readonly OnnxSessionOptions OneThread = new() { Threads = 1 };

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_version_is_the_one_that_results_were_measured_with() => Assert.Equal("1.31.1", OnnxSession.Version);

    [Theory]
    [InlineData(GraphOptimization.None)]
    [InlineData(GraphOptimization.Basic)]
    [InlineData(GraphOptimization.Extended)]
    [InlineData(GraphOptimization.All)]
    public void The_digits_model_gives_the_logits_that_PyTorch_gave(GraphOptimization level) => ExpectDigits(DigitsFixture.Model, OneThread with { Optimization = level });

    [Fact]
    public void A_model_that_was_saved_again_gives_the_same_logits_in_one_file_and_in_two()
    {
        using (var model = OnnxModel.Open(DigitsFixture.Model))
        {
            model.Save(_folder["one.onnx"]);
            model.Save(_folder["two.onnx"], "two.onnx.data");
        }

        Assert.Equal(File.ReadAllBytes(DigitsFixture.Model), File.ReadAllBytes(_folder["one.onnx"]));
        Assert.True(new FileInfo(_folder["two.onnx"]).Length < 20_000);
        Assert.True(new FileInfo(_folder["two.onnx.data"]).Length > 100_000);
        ExpectDigits(_folder["two.onnx"], OneThread);
    }

    [Fact]
    public void The_optimised_graph_can_be_saved_and_gives_the_same_logits()
    {
        using (OnnxSession.Open(DigitsFixture.Model, OneThread with { Optimization = GraphOptimization.Extended, OptimizedModelPath = _folder["fused.onnx"] }))
        {
        }

        using (var fused = OnnxModel.Open(_folder["fused.onnx"]))
        using (var source = OnnxModel.Open(DigitsFixture.Model))
        {
            Assert.True(fused.Proto.Graph.Node.Count < source.Proto.Graph.Node.Count);
        }

        ExpectDigits(_folder["fused.onnx"], OneThread);
    }

    [Fact]
    public void Inputs_and_outputs_tell_their_types_and_open_dimensions()
    {
        using var session = OnnxSession.Open(DigitsFixture.Model, OneThread);
        var input = Assert.Single(session.Inputs);
        Assert.Equal(("image", true, TensorType.Float), (input.Name, input.IsTensor, input.Type));
        Assert.Equal([-1, 1, 8, 8], input.Dimensions);
        Assert.NotEqual("", input.DimensionNames[0]);
        Assert.Equal([-1, 10], Assert.Single(session.Outputs).Dimensions);
    }

    [Fact]
    public void A_value_inside_can_be_made_an_output()
    {
        string inside;
        using (var model = OnnxModel.Open(DigitsFixture.Model))
        {
            inside = model.Proto.Graph.Node[0].Output[0];
            model.AddOutputs(inside);
            model.Save(_folder["more.onnx"]);
        }

        using var session = OnnxSession.Open(_folder["more.onnx"], OneThread);
        Assert.Equal(2, session.Outputs.Length);
        var value = Assert.IsType<EngineTensor>(Run(session, Images(session), inside)[inside]);
        Assert.Equal(4, value.Shape.Length);
        Assert.Equal(497, value.Shape[0]);
    }

    [Theory]
    [InlineData(DataType.Float, TensorType.Float)]
    [InlineData(DataType.Double, TensorType.Double)]
    [InlineData(DataType.Float16, TensorType.Float16)]
    [InlineData(DataType.Bfloat16, TensorType.BFloat16)]
    [InlineData(DataType.Int64, TensorType.Int64)]
    [InlineData(DataType.Int32, TensorType.Int32)]
    [InlineData(DataType.Int16, TensorType.Int16)]
    [InlineData(DataType.Int8, TensorType.Int8)]
    [InlineData(DataType.Uint64, TensorType.UInt64)]
    [InlineData(DataType.Uint32, TensorType.UInt32)]
    [InlineData(DataType.Uint16, TensorType.UInt16)]
    [InlineData(DataType.Uint8, TensorType.UInt8)]
    [InlineData(DataType.Bool, TensorType.Bool)]
    public void Values_of_every_type_go_in_and_come_out(DataType type, TensorType engine)
    {
        using var session = Save(OnnxGraphs.OneNode("Identity", type));
        Assert.Equal(engine, session.Inputs[0].Type);
        foreach (var rows in (int[])[4, 0])
        {
            var bytes = Enumerable.Range(0, rows * 3 * EngineTensor.SizeOf(engine)).Select(i => (byte)(type == DataType.Bool ? i % 2 : 0x11 * i)).ToArray();
            var output = Assert.IsType<EngineTensor>(Run(session, Input(new EngineTensor(engine, [rows, 3], bytes)))["y"]);
            Assert.Equal(engine, output.Type);
            Assert.Equal([rows, 3], output.Shape);
            Assert.Equal(bytes, output.Bytes.ToArray());
        }
    }

    [Fact]
    public void Strings_go_in_and_come_out()
    {
        using var session = Save(OnnxGraphs.OneNode("Identity", DataType.String));
        var output = Assert.IsType<EngineTensor>(Run(session, Input(new EngineTensor([1, 3], ["a", "", "漢字 ß"])))["y"]);
        Assert.Equal(["a", "", "漢字 ß"], output.Strings);
    }

    [Fact]
    public void Sequences_go_in_and_come_out()
    {
        var tensor = OnnxTypes.Tensor(DataType.Float);
        TypeProto sequence = new() { SequenceType = new SequenceTypeProto { ElemType = tensor } };
        using var session = Save(OnnxGraphs.Of([NodeAttributes.Node("SequenceInsert", ["x", "t"], ["y"])], [("x", sequence), ("t", tensor)], [("y", sequence)]));
        Assert.False(session.Inputs[0].IsTensor);
        var output = Assert.IsType<EngineSequence>(Run(session, new Dictionary<string, EngineValue>
        {
            ["x"] = new EngineSequence([EngineTensor.Of<float>([1, 2], 2)]),
            ["t"] = EngineTensor.Of<float>([3], 1),
        })["y"]);
        Assert.Equal([[1, 2], [3]], output.Items.Select(item => ((EngineTensor)item).As<float>().ToArray()));
    }

    [Fact]
    public void What_is_no_fitting_input_is_refused_before_the_run()
    {
        using var session = OnnxSession.Open(DigitsFixture.Model, OneThread);
        Refused(session, [], "nothing for the input 'image'", "Float [");
        Refused(session, new() { ["image"] = EngineTensor.Of(new float[64], 1, 1, 8, 8), ["imaeg"] = EngineTensor.Of(new float[1], 1) }, "'imaeg'", "image");
        Refused(session, new() { ["image"] = EngineTensor.Of(new double[64], 1, 1, 8, 8) }, "Double [1, 1, 8, 8]", "Float [");
        Refused(session, new() { ["image"] = EngineTensor.Of(new float[64], 1, 8, 8) }, "Float [1, 8, 8]", "1, 8, 8]");
        Refused(session, new() { ["image"] = EngineTensor.Of(new float[98], 1, 1, 7, 14) }, "Float [1, 1, 7, 14]", "1, 8, 8]");
        Refused(session, new() { ["image"] = new EngineSequence([]) }, "image", "Float [");
    }

    [Fact]
    public void A_file_that_is_no_model_is_refused_and_named()
    {
        File.WriteAllBytes(_folder["bad.onnx"], [1, 2, 3, 4]);
        Assert.Equal(_folder["bad.onnx"], Fails(EngineFault.ModelRefused, () => OnnxSession.Open(_folder["bad.onnx"], OneThread)).Path);
        Fails(EngineFault.ModelRefused, () => OnnxSession.Open(_folder["none.onnx"], OneThread));
    }

    [Fact]
    public void An_operator_without_an_implementation_is_named()
    {
        var type = OnnxTypes.Tensor(DataType.Bfloat16, [2, 2]);
        var e = Fails(
            EngineFault.OperatorUnsupported,
            () => Save(OnnxGraphs.Of([NodeAttributes.Node("MatMul", ["a", "b"], ["y"], "product")], [("a", type), ("b", type)], [("y", type)])));
        Assert.Contains("MatMul", e.Found, StringComparison.Ordinal);
        Assert.Contains("product", e.Found, StringComparison.Ordinal);
    }

    [Fact]
    public void Eight_bit_floats_are_for_the_inside_of_models_only()
    {
        var e = Fails(EngineFault.ModelRefused, () => Save(OnnxGraphs.OneNode("Identity", DataType.Float8E4M3Fn)));
        Assert.Contains("does not hand over", e.Found, StringComparison.Ordinal);

        var floats = OnnxTypes.Tensor(DataType.Float, [5]);
        var model = OnnxGraphs.Of(
            [NodeAttributes.Node("QuantizeLinear", ["x", "scale", "zero"], ["q"]), NodeAttributes.Node("DequantizeLinear", ["q", "scale", "zero"], ["y"])],
            [("x", floats)],
            [("y", floats)]);
        model.Proto.Graph.Initializer.Add(model.NewTensor("scale", DataType.Float, [], OnnxContent.Of(BitConverter.GetBytes(1f))));
        model.Proto.Graph.Initializer.Add(model.NewTensor("zero", DataType.Float8E4M3Fn, [], OnnxContent.Of(new byte[1])));
        using var session = Save(model);
        var output = (EngineTensor)Run(session, Input(EngineTensor.Of<float>([1, 1.0625f, 448, 1000, -0.5f], 5)))["y"];
        Assert.Equal([1, 1, 448, 448, -0.5f], output.As<float>().ToArray());
    }

    [Fact]
    public void A_run_that_fails_is_told_with_the_engines_words()
    {
        var floats = OnnxTypes.Tensor(DataType.Float);
        using var session = Save(OnnxGraphs.Of([NodeAttributes.Node("MatMul", ["a", "b"], ["y"], "product")], [("a", floats), ("b", floats)], [("y", floats)]));
        var e = Fails(EngineFault.RunFailed, () => Run(session, new Dictionary<string, EngineValue>
        {
            ["a"] = EngineTensor.Of(new float[6], 2, 3),
            ["b"] = EngineTensor.Of(new float[6], 2, 3),
        }));
        Assert.Contains("product", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_run_can_be_ended()
    {
        using var session = OnnxSession.Open(DigitsFixture.Model, OneThread);
        using CancellationTokenSource source = new();
        source.Cancel();
        Assert.Throws<OperationCanceledException>(() => session.Run(Images(session), cancellationToken: source.Token));
    }

    private static void ExpectDigits(string path, OnnxSessionOptions options)
    {
        using var session = OnnxSession.Open(path, options);
        var logits = Assert.IsType<EngineTensor>(Assert.Single(Run(session, Images(session))).Value).As<float>();
        var (bytes, _) = DigitsFixture.Evaluation("reference_logits");
        var reference = MemoryMarshal.Cast<byte, float>(bytes);
        Assert.Equal(4970, logits.Length);
        var largest = 0f;
        for (var i = 0; i < logits.Length; i++)
        {
            largest = Math.Max(largest, Math.Abs(logits[i] - reference[i]));
        }

        Assert.InRange(largest, 0, 1e-4f);
    }

    private static Dictionary<string, EngineValue> Images(OnnxSession session)
    {
        var (bytes, shape) = DigitsFixture.Evaluation("image");
        return new() { [session.Inputs[0].Name] = new EngineTensor(TensorType.Float, shape, bytes) };
    }

    private static IReadOnlyDictionary<string, EngineValue> Run(OnnxSession session, Dictionary<string, EngineValue> inputs, params string[] outputs) =>
        session.Run(inputs, outputs.Length == 0 ? null : outputs, TestContext.Current.CancellationToken);

    private static Dictionary<string, EngineValue> Input(EngineTensor tensor) => new() { ["x"] = tensor };

    private OnnxSession Save(OnnxModel model)
    {
        model.Save(_folder["model.onnx"]);
        return OnnxSession.Open(_folder["model.onnx"], OneThread);
    }

    private static void Refused(OnnxSession session, Dictionary<string, EngineValue> inputs, string found, string expected)
    {
        var e = Fails(EngineFault.InputRefused, () => Run(session, inputs));
        Assert.Contains(found, e.Found, StringComparison.Ordinal);
        Assert.Contains(expected, e.Expected, StringComparison.Ordinal);
    }

    private static EngineException Fails(EngineFault fault, Action action)
    {
        var e = Assert.Throws<EngineException>(action);
        Assert.Equal((fault, "ONNX Runtime"), (e.Fault, e.Engine));
        return e;
    }
}
