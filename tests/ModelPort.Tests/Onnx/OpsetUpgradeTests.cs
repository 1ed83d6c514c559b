using ModelPort.Diagnostics;
using ModelPort.Engines.OnnxRuntime;
using ModelPort.Formats.Onnx;
using ModelPort.Onnx.Opsets;
using ModelPort.Tests.Support;

namespace ModelPort.Tests.Onnx;

/// <summary>Nodes as old exporters wrote them, run as they are and at newer operator sets: the values must be the same.</summary>
public sealed class OpsetUpgradeTests : IDisposable
{
    private static readonly OnnxSessionOptions OneThread = new() { Threads = 1 };

    private readonly TemporaryFolder _folder = new();

    private static readonly Dictionary<string, Func<NodeProto>> Nodes = new()
    {
        ["Softmax over the rest"] = () => One("Softmax"),
        ["Softmax from axis 2"] = () => One("Softmax").Set("axis", 2),
        ["Softmax over the last"] = () => One("Softmax").Set("axis", 3),
        ["LogSoftmax over the rest"] = () => One("LogSoftmax").Set("axis", 1),
        ["Hardmax over all"] = () => One("Hardmax").Set("axis", 0),
        ["Slice"] = () => One("Slice").Set("starts", Longs(1, -3)).Set("ends", Longs(3, 9)).Set("axes", Longs(1, 3)),
        ["Slice without axes"] = () => One("Slice").Set("starts", Longs(0, 1)).Set("ends", Longs(1, 2)),
        ["Clip"] = () => One("Clip").Set("min", -0.25f).Set("max", 0.5f),
        ["Clip above"] = () => One("Clip").Set("max", 0.5f),
        ["Clip nowhere"] = () => One("Clip"),
        ["Pad"] = () => One("Pad").Set("pads", Longs(0, 0, 1, 2, 0, 0, 3, 0)).Set("value", 2.5f),
        ["Pad with the edge"] = () => One("Pad").Set("pads", Longs(0, 0, 1, 1, 0, 0, 1, 1)).Set("mode", "edge"),
        ["Dropout"] = () => One("Dropout").Set("ratio", 0.3f),
        ["Squeeze"] = () => One("Squeeze").Set("axes", Longs(0)),
        ["Squeeze all"] = () => One("Squeeze"),
        ["Unsqueeze"] = () => One("Unsqueeze").Set("axes", Longs(0, 3)),
        ["ReduceSum"] = () => One("ReduceSum").Set("axes", Longs(1, 3)),
        ["ReduceSum of all"] = () => One("ReduceSum").Set("keepdims", 0),
        ["ReduceMean"] = () => One("ReduceMean").Set("axes", Longs(2)).Set("keepdims", 0),
        ["ReduceMax"] = () => One("ReduceMax"),
        ["ReduceL2"] = () => One("ReduceL2").Set("axes", Longs(3)),
        ["Split"] = () => Two("Split").Set("axis", 1).Set("split", Longs(1, 3)),
        ["Split in halves"] = () => Two("Split").Set("axis", 1),
        ["TopK"] = () => Of("TopK", ["x"], ["y", "indices"]).Set("k", 2).Set("axis", 1),
        ["Upsample"] = () => Of("Upsample", ["x", "scales"], ["y"]).Set("mode", "nearest"),
        ["Upsample between"] = () => Of("Upsample", ["x", "scales"], ["y"]).Set("mode", "linear"),
        ["BatchNormalization"] = () => Of("BatchNormalization", ["x", "four", "four", "four", "four"], ["y"]).Set("epsilon", 0.01f),
        ["Flatten"] = () => One("Flatten").Set("axis", 2),
    };

    public static TheoryData<string> Cases() => [.. Nodes.Keys];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_node_gives_the_same_at_newer_operator_sets(string name)
    {
        foreach (var typed in (bool[])[true, false])
        {
            using var source = Model(9, typed, Nodes[name]());
            var expected = Run(source, 9);
            foreach (var opset in (long[])[10, 11, 13, 14, 18, 21])
            {
                var model = source.Copy();
                OpsetUpgrade.Run(model, opset);
                Assert.Equal(opset, model.Bodies()[0].Opset(Domains.Standard));
                Same(expected, Run(model, opset));
            }
        }
    }

    [Theory]
    [InlineData("nearest", 2f)]
    [InlineData("nearest", 0.6f)]
    [InlineData("linear", 1.7f)]
    public void Resize_of_version_10_gives_the_same(string mode, float scale)
    {
        using var source = Model(10, true, Of("Resize", ["x", "scales"], ["y"]).Set("mode", mode));
        source.Weights().Single(weight => weight.Name == "scales").Replace(DataType.Float, [4], OnnxContent.Of(Bytes([1, 1, scale, scale])));
        var model = source.Copy();
        OpsetUpgrade.Run(model, 21);
        Same(Run(source, 10), Run(model, 21));
    }

    [Fact]
    public void Nodes_in_branches_and_functions_are_taken_along()
    {
        using var source = Model(9, true, NodeAttributes.Node("Twice", ["inner"], ["y"], "call", "local"));
        source.Proto.IrVersion = 8;
        source.Proto.OpsetImport.Add(new OperatorSetIdProto { Domain = "local", Version = 1 });
        GraphProto branch = new() { Name = "branch" };
        branch.Node.Add(Of("Squeeze", ["x"], ["b"]).Set("axes", Longs(0)));
        branch.Output.Add(new ValueInfoProto { Name = "b", Type = OnnxTypes.Tensor(DataType.Float) });
        source.Proto.Graph.Initializer.Add(source.NewTensor("flag", DataType.Bool, [], OnnxContent.Of(new byte[] { 1 })));
        source.Proto.Graph.Node.Insert(0, Of("If", ["flag"], ["inner"]).Set("then_branch", branch).Set("else_branch", branch));
        FunctionProto function = new() { Name = "Twice", Domain = "local" };
        function.OpsetImport.Add(new OperatorSetIdProto { Domain = "", Version = 9 });
        function.Input.Add("a");
        function.Output.Add("c");
        function.Node.Add(Of("Clip", ["a"], ["c"]).Set("min", -0.5f).Set("max", 0.25f));
        source.Proto.Functions.Add(function);

        var model = source.Copy();
        OpsetUpgrade.Run(model, 21);
        Assert.All(model.Bodies(), body => Assert.Equal(21, body.Opset(Domains.Standard)));
        Same(Run(source, 9), Run(model, 21));
    }

    [Fact]
    public void An_operator_without_a_rule_is_MP2070_and_named()
    {
        using var model = Model(17, true, Of("GroupNormalization", ["x", "four", "four"], ["y"]));
        var diagnostic = Assert.Throws<ModelPortException>(() => OpsetUpgrade.Run(model, 21)).Diagnostic;
        Assert.Equal("MP2070", diagnostic.Code);
        Assert.Contains("GroupNormalization", diagnostic.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_use_without_a_rule_is_MP2070_and_named()
    {
        using var model = Model(9, true, Of("Dropout", ["x"], ["y", "mask"]));
        var diagnostic = Assert.Throws<ModelPortException>(() => OpsetUpgrade.Run(model, 13)).Diagnostic;
        Assert.Equal("MP2070", diagnostic.Code);
        Assert.Contains("mask", diagnostic.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_operator_set_before_9_is_MP2071()
    {
        using var model = Model(8, true, One("Relu"));
        Assert.Equal("MP2071", Assert.Throws<ModelPortException>(() => OpsetUpgrade.Run(model, 13)).Diagnostic.Code);
    }

    [Fact]
    public void A_model_that_is_there_already_stays_as_it_is()
    {
        using var model = Model(17, true, One("Mystery"));
        var before = model.Proto.Clone();
        OpsetUpgrade.Run(model, 13);
        Assert.Equal(before, model.Proto);
    }

    private Dictionary<string, EngineTensor> Run(OnnxModel model, long opset)
    {
        var path = Path.Combine(_folder.Path, $"{opset}.onnx");
        model.Save(path);
        OnnxModel.Open(path).Dispose();
        using var session = OnnxSession.Open(path, OneThread);
        var values = new float[4 * 6 * 5];
        var random = new Random(7);
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = (random.NextSingle() * 2) - 1;
        }

        Dictionary<string, EngineValue> inputs = new() { ["x"] = EngineTensor.Of(values, 1, 4, 6, 5) };
        return session.Run(inputs, null, TestContext.Current.CancellationToken).ToDictionary(output => output.Key, output => (EngineTensor)output.Value);
    }

    private static void Same(Dictionary<string, EngineTensor> expected, Dictionary<string, EngineTensor> actual)
    {
        Assert.Equal(expected.Keys, actual.Keys);
        foreach (var (name, tensor) in expected)
        {
            Assert.True(ExpectedOutput.Matches(tensor, actual[name], 1e-6, 0));
            Assert.True(tensor.ElementCount > 0);
        }
    }

    // x is 1 x 4 x 6 x 5; with its type stated, or with a value in between whose type nothing states.
    private static OnnxModel Model(long opset, bool typed, NodeProto node)
    {
        ModelProto proto = new() { IrVersion = 4, Graph = new GraphProto { Name = "g" } };
        proto.OpsetImport.Add(new OperatorSetIdProto { Domain = "", Version = opset });
        var model = OnnxModel.Create(proto);
        proto.Graph.Input.Add(new ValueInfoProto { Name = "x", Type = OnnxTypes.Tensor(DataType.Float, [1, 4, 6, 5]) });
        proto.Graph.Initializer.Add(model.NewTensor("scales", DataType.Float, [4], OnnxContent.Of(Bytes([1, 1, 2, 3]))));
        proto.Graph.Initializer.Add(model.NewTensor("four", DataType.Float, [4], OnnxContent.Of(Bytes([0.5f, 1, 2, 3]))));
        if (!typed)
        {
            proto.Graph.Node.Add(NodeAttributes.Node("Identity", ["x"], ["untyped"]));
            node.Input[0] = "untyped";
        }

        proto.Graph.Node.Add(node);
        proto.Graph.Output.AddRange(node.Output.Select(output => new ValueInfoProto { Name = output, Type = OnnxTypes.Tensor(output == "indices" ? DataType.Int64 : DataType.Float) }));
        return model;
    }

    private static NodeProto One(string operatorType) => Of(operatorType, ["x"], ["y"]);

    private static NodeProto Two(string operatorType) => Of(operatorType, ["x"], ["y", "z"]);

    private static NodeProto Of(string operatorType, string[] inputs, string[] outputs) => NodeAttributes.Node(operatorType, inputs, outputs, "node");

    private static long[] Longs(params long[] values) => values;

    private static byte[] Bytes(float[] values) => System.Runtime.InteropServices.MemoryMarshal.AsBytes<float>(values).ToArray();
}
