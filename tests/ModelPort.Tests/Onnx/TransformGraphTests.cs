using ModelPort.Diagnostics;
using ModelPort.Engines.OnnxRuntime;
using ModelPort.Formats.Onnx;
using ModelPort.Onnx.Transforms;

namespace ModelPort.Tests.Onnx;

/// <summary>Graphs that precisions find hard: weights in branches, loops and functions, shared weights, transposed, grouped and one-dimensional ones.</summary>
public sealed class TransformGraphTests(ITestOutputHelper output)
{
    private static readonly TypeProto s_bool = OnnxTypes.Tensor(DataType.Bool, []);

    public static TheoryData<string> Graphs => [.. Models().Keys];

    // What each precision may lose, as a part of the largest result: several layers of random weights lose more than trained ones.
    public static IEnumerable<(OnnxPrecision Precision, OnnxHardware Hardware, double Error)> Precisions =>
    [
        (OnnxPrecision.FP16, OnnxHardware.Cpu, 0.004),
        (OnnxPrecision.INT8Dynamic, OnnxHardware.Cpu, 0.04),
        (OnnxPrecision.INT8Static, OnnxHardware.Cpu, 0.05),
        (OnnxPrecision.INT8Static, OnnxHardware.Arm64, 0.05),
        (OnnxPrecision.INT8Static, OnnxHardware.TensorRT, 0.05),
        (OnnxPrecision.FP8, OnnxHardware.TensorRT, 0.15),
        (OnnxPrecision.INT8Weight, OnnxHardware.Cpu, 0.04),
        (OnnxPrecision.INT4, OnnxHardware.Cpu, 0.4),
    ];

    [Theory]
    [MemberData(nameof(Graphs))]
    public void Every_precision_runs_and_stays_near_or_says_that_it_has_nothing_to_do(string name)
    {
        var (model, x, shape, converts) = Models()[name]();
        using var _ = model;
        var expected = OnnxGraphs.RunY(model, x, shape);
        List<string> made = [];
        foreach (var (precision, hardware, error) in Precisions)
        {
            OnnxTransformResult port;
            try
            {
                port = OnnxGraphs.Port(model, new OnnxTransformRequest(precision) { Hardware = hardware }, x, shape);
            }
            catch (ModelPortException e) when (e.Diagnostic.Code == "MP2100")
            {
                output.WriteLine($"{precision} {hardware}: {e.Diagnostic.Message}");
                continue;
            }

            made.Add(precision.Name);
            var plain = OnnxGraphs.Relative(expected, OnnxGraphs.RunY(port.Model, x, shape));

            // ONNX Runtime's fusion takes QuantizeLinear of 8-bit floats for integers and fails, so that FP8 runs there without it only.
            var level = precision == OnnxPrecision.FP8 ? GraphOptimization.None : GraphOptimization.All;
            var optimized = OnnxGraphs.Relative(expected, OnnxGraphs.RunY(port.Model, x, shape, level));
            output.WriteLine($"{precision} {hardware}: {plain:G3}, optimised {optimized:G3}; {OnnxGraphs.Census(port.Record.Operators)}; {OnnxGraphs.Census(OnnxGraphs.Fused(port.Model, level))}");
            Assert.InRange(plain, precision == OnnxPrecision.FP16 ? 0 : 1e-7, error);
            Assert.InRange(optimized, 0, error);
            Assert.True(port.Record.WeightBytesAfter < port.Record.WeightBytesBefore, $"{port.Record.WeightBytesBefore} -> {port.Record.WeightBytesAfter}");
        }

        Assert.Equal(converts.Split(' '), made.Distinct());
    }

    [Theory]
    [MemberData(nameof(Graphs))]
    public void With_weights_alone_in_a_precision_no_value_is_quantised_wherever_it_is(string name)
    {
        var (model, x, shape, converts) = Models()[name]();
        using var _ = model;
        var expected = OnnxGraphs.RunY(model, x, shape);
        foreach (var (precision, hardware, error) in Precisions.Where(p => converts.Split(' ').Contains(p.Precision.Name)))
        {
            OnnxTransformPlan plan;
            try
            {
                plan = OnnxTransform.Plan(model, new OnnxTransformRequest(precision) { Hardware = hardware });
            }
            catch (ModelPortException e) when (e.Diagnostic.Code == "MP2100")
            {
                // What one target converts another may not.
                continue;
            }

            using var weights = WeightsAlone.Of(plan, precision.Ranges == RangeUse.None ? null : OnnxGraphs.Measure(plan, x, shape));
            string[] left = [.. weights.Bodies().SelectMany(b => b.Nodes).Where(n => n.OpType.Contains("Integer", StringComparison.Ordinal) || n.OpType.Contains("Quantize", StringComparison.Ordinal)).Select(n => n.OpType).Distinct()];
            Assert.Equal([], left.Where(o => o != "DequantizeLinear"));
            Assert.InRange(OnnxGraphs.Relative(expected, OnnxGraphs.RunY(weights, x, shape)), precision == OnnxPrecision.FP16 ? 0 : 1e-7, error);
        }
    }

    [Fact]
    public void The_last_sum_of_a_residual_network_runs_in_integers_as_the_others_do()
    {
        using var model = OnnxGraphs.Of(
            OnnxGraphs.Floats(1, 4, 8, 8),
            OnnxGraphs.Floats(1, 10),
            [
                OnnxGraphs.Node("Conv", "x,w1", "a", ("pads", new long[] { 1, 1, 1, 1 })),
                OnnxGraphs.Node("Relu", "a", "b"),
                OnnxGraphs.Node("Conv", "b,w2", "c", ("pads", new long[] { 1, 1, 1, 1 })),
                OnnxGraphs.Node("Add", "c,b", "d"),
                OnnxGraphs.Node("Relu", "d", "e"),
                OnnxGraphs.Node("GlobalAveragePool", "e", "f"),
                OnnxGraphs.Node("Flatten", "f", "g"),
                OnnxGraphs.Node("Gemm", "g,w3", "y"),
            ],
            [OnnxGraphs.RandomWeight(1, "w1", 4, 4, 3, 3), OnnxGraphs.RandomWeight(2, "w2", 4, 4, 3, 3), OnnxGraphs.RandomWeight(3, "w3", 4, 10)]);
        var (x, shape) = (OnnxGraphs.Random(4, 256), new long[] { 1, 4, 8, 8 });
        var port = OnnxGraphs.Port(model, new OnnxTransformRequest(OnnxPrecision.INT8Static), x, shape);
        Assert.Equal("Flatten:1 QGemm:1 QLinearAdd:1 QLinearConv:2 QLinearGlobalAveragePool:1 QuantizeLinear:1", OnnxGraphs.Census(OnnxGraphs.Fused(port.Model)));
        Assert.InRange(OnnxGraphs.Relative(OnnxGraphs.RunY(model, x, shape), OnnxGraphs.RunY(port.Model, x, shape, GraphOptimization.All)), 0, 0.05);
    }

    [Fact]
    public void INT8_of_a_model_of_operator_set_9_raises_it_and_says_so()
    {
        float[] x = OnnxGraphs.Random(3, 2 * 4 * 6 * 6, 2);
        using var model = OnnxGraphs.Of(
            OnnxGraphs.Floats(2, 4, 6, 6), null,
            [OnnxGraphs.Node("Conv", "x,w", "c"), OnnxGraphs.Node("Clip", "c", "r", ("min", 0f), ("max", 6f)), OnnxGraphs.Node("Softmax", "r", "y")],
            [OnnxGraphs.RandomWeight(1, "w", 8, 4, 3, 3)], 9, 3);
        model.Proto.Graph.Input.Add(new ValueInfoProto { Name = "w", Type = OnnxGraphs.Floats(8, 4, 3, 3) });
        var port = OnnxGraphs.Port(model, new OnnxTransformRequest(OnnxPrecision.INT8Static), x, [2, 4, 6, 6]);
        Assert.Equal(new OpsetRaise(9, 13), port.Record.Raise);
        Assert.Contains("QLinearConv", OnnxGraphs.Fused(port.Model).Keys);
        Assert.InRange(OnnxGraphs.Relative(OnnxGraphs.RunY(model, x, [2, 4, 6, 6]), OnnxGraphs.RunY(port.Model, x, [2, 4, 6, 6])), 1e-7, 0.1);
    }

    private const string All = "FP16 INT8-Dynamic INT8 FP8 INT8-Weight INT4";
    private const string Convolutions = "FP16 INT8-Dynamic INT8 FP8";

    private static Dictionary<string, Func<(OnnxModel Model, float[] X, long[] Shape, string Converts)>> Models() => new()
    {
        ["MatMul"] = () => Matrix([OnnxGraphs.Node("MatMul", "x,w", "y")], [OnnxGraphs.RandomWeight(1, "w", 72, 40)], All),
        ["Gemm with everything"] = () => Matrix(
            [OnnxGraphs.Node("Gemm", "x,w,b", "y", ("transB", 1L), ("alpha", 0.5f))],
            [OnnxGraphs.RandomWeight(1, "w", 40, 72), OnnxGraphs.RandomWeight(2, "b", 40)], All),
        ["Gemm with beta and a transposed first operand"] = () => Matrix(
            [OnnxGraphs.Node("Transpose", "x", "t"), OnnxGraphs.Node("Gemm", "t,w,b", "y", ("transA", 1L), ("beta", 2f))],
            [OnnxGraphs.RandomWeight(1, "w", 72, 40), OnnxGraphs.RandomWeight(2, "b", 40)], "FP16 INT8-Dynamic INT8-Weight INT4"),
        ["One weight for two layers"] = () => Matrix(
            [OnnxGraphs.Node("MatMul", "x,w", "h"), OnnxGraphs.Node("Relu", "h", "r"), OnnxGraphs.Node("MatMul", "r,w", "y")],
            [OnnxGraphs.RandomWeight(1, "w", 72, 72)], All),
        ["Residual block"] = () => Image(
        [
            OnnxGraphs.Node("Conv", "x,w1,b1", "c1", ("pads", (long[])[1, 1, 1, 1])), OnnxGraphs.Node("Relu", "c1", "r1"),
            OnnxGraphs.Node("Conv", "r1,w2,b2", "c2", ("pads", (long[])[1, 1, 1, 1])), OnnxGraphs.Node("Add", "c2,r1", "a"), OnnxGraphs.Node("Relu", "a", "r2"),
            OnnxGraphs.Node("MaxPool", "r2", "m", ("kernel_shape", (long[])[2, 2]), ("strides", (long[])[2, 2])),
            OnnxGraphs.Node("Conv", "m,w3", "y"),
        ],
        [
            OnnxGraphs.RandomWeight(1, "w1", 16, 16, 3, 3), OnnxGraphs.RandomWeight(2, "b1", 16), OnnxGraphs.RandomWeight(3, "w2", 16, 16, 3, 3), OnnxGraphs.RandomWeight(4, "b2", 16),
            OnnxGraphs.RandomWeight(5, "w3", 16, 16, 1, 1),
        ], Convolutions),
        ["Grouped and depthwise convolutions"] = () => Image(
        [
            OnnxGraphs.Node("Conv", "x,w1", "c1", ("group", 4L)), OnnxGraphs.Node("Clip", "c1,zero,six", "r1"), OnnxGraphs.Node("Conv", "r1,w2,b2", "y", ("group", 16L)),
        ],
        [
            OnnxGraphs.RandomWeight(1, "w1", 16, 4, 3, 3), OnnxGraphs.RandomWeight(3, "w2", 16, 1, 3, 3), OnnxGraphs.RandomWeight(4, "b2", 16),
            OnnxGraphs.Weight("zero", [], 0), OnnxGraphs.Weight("six", [], 6),
        ], Convolutions),
        ["Concatenation"] = () => Image(
        [
            OnnxGraphs.Node("Conv", "x,w1", "c1"), OnnxGraphs.Node("Conv", "x,w2", "c2"), OnnxGraphs.Node("Concat", "c1,c2", "c", ("axis", 1L)),
            OnnxGraphs.Node("Conv", "c,w3", "z"), OnnxGraphs.Node("GlobalAveragePool", "z", "y"),
        ],
        [OnnxGraphs.RandomWeight(1, "w1", 16, 16, 3, 3), OnnxGraphs.RandomWeight(2, "w2", 16, 16, 3, 3), OnnxGraphs.RandomWeight(3, "w3", 16, 32, 1, 1)], Convolutions),
        ["Batch normalisation"] = () => Image(
        [
            OnnxGraphs.Node("Conv", "x,w1", "c1"), OnnxGraphs.Node("BatchNormalization", "c1,s,b,m,v", "n"), OnnxGraphs.Node("Relu", "n", "r"), OnnxGraphs.Node("Conv", "r,w3", "y"),
        ],
        [
            OnnxGraphs.RandomWeight(1, "w1", 16, 16, 3, 3), OnnxGraphs.RandomWeight(2, "s", 16), OnnxGraphs.RandomWeight(3, "b", 16), OnnxGraphs.RandomWeight(4, "m", 16),
            OnnxGraphs.Weight("v", [16], [.. OnnxGraphs.Random(5, 16).Select(v => (v * v) + 0.5f)]), OnnxGraphs.RandomWeight(6, "w3", 16, 16, 1, 1),
        ], Convolutions),
        ["Transposed convolution"] = () => Image(
            [OnnxGraphs.Node("ConvTranspose", "x,w,b", "y", ("strides", (long[])[2, 2]))], [OnnxGraphs.RandomWeight(1, "w", 16, 24, 2, 2), OnnxGraphs.RandomWeight(2, "b", 24)], "FP16 INT8 FP8"),
        ["One-dimensional convolution"] = () => Of(
            [OnnxGraphs.Node("Conv", "x,w,b", "y", ("pads", (long[])[2, 0]), ("dilations", (long[])[2]))], [OnnxGraphs.RandomWeight(1, "w", 24, 16, 2), OnnxGraphs.RandomWeight(2, "b", 24)], Convolutions, 2, 16, 20),
        ["LSTM"] = () => Of(
            [OnnxGraphs.Node("LSTM", "x,w,r,b", "h", ("hidden_size", 32L), ("direction", "bidirectional")), OnnxGraphs.Node("Identity", "h", "y")],
            [OnnxGraphs.RandomWeight(1, "w", 2, 128, 24), OnnxGraphs.RandomWeight(2, "r", 2, 128, 32), OnnxGraphs.RandomWeight(3, "b", 2, 256)], "FP16 INT8-Dynamic INT8", 5, 2, 24),
        ["LSTM whose gates are put in order by the graph"] = () => Of(
        [
            OnnxGraphs.Node("Slice", "w,a0,a1", "wa"), OnnxGraphs.Node("Slice", "w,a1,a4", "wb"), OnnxGraphs.Node("Concat", "wb,wa", "wc", ("axis", 0L)), OnnxGraphs.Node("Unsqueeze", "wc,zero", "wd"),
            OnnxGraphs.Node("Transpose", "r", "rt"), OnnxGraphs.Node("Unsqueeze", "rt,zero", "rd"),
            OnnxGraphs.Node("LSTM", "x,wd,rd", "h", ("hidden_size", 32L)), OnnxGraphs.Node("Identity", "h", "y"),
        ],
        [
            OnnxGraphs.RandomWeight(1, "w", 128, 24), OnnxGraphs.RandomWeight(2, "r", 32, 128),
            OnnxGraphs.Integers("a0", 0), OnnxGraphs.Integers("a1", 32), OnnxGraphs.Integers("a4", 128), OnnxGraphs.Integers("zero", 0),
        ], "FP16 INT8-Dynamic INT8", 5, 2, 24),
        ["Branches whose weights are Constant nodes"] = Branches,
        ["Loop"] = Loop,
        ["Function that is called twice"] = Function,
    };

    private static (OnnxModel Model, float[] X, long[] Shape, string Converts) Of(NodeProto[] nodes, TensorProto[] weights, string converts, params long[] shape) =>
        (OnnxGraphs.Of(OnnxGraphs.Floats(shape), null, nodes, weights), OnnxGraphs.Random(7, (int)shape.Aggregate((a, b) => a * b), 2), shape, converts);

    private static (OnnxModel Model, float[] X, long[] Shape, string Converts) Matrix(NodeProto[] nodes, TensorProto[] weights, string converts) => Of(nodes, weights, converts, 9, 72);

    private static (OnnxModel Model, float[] X, long[] Shape, string Converts) Image(NodeProto[] nodes, TensorProto[] weights, string converts) => Of(nodes, weights, converts, 2, 16, 8, 8);

    // As Silero's voice detector has it: no initialiser at all, and the same names in both branches.
    private static (OnnxModel Model, float[] X, long[] Shape, string Converts) Branches()
    {
        GraphProto Branch(int seed)
        {
            var graph = OnnxGraphs.Graph(
            [
                NodeAttributes.Node("Constant", [], ["w"]).Set("value", OnnxGraphs.RandomWeight(seed, "", 72, 40)),
                NodeAttributes.Node("Constant", [], ["two"]).Set("value_float", 2f),
                OnnxGraphs.Node("MatMul", "x,w", "m"), OnnxGraphs.Node("Mul", "m,two", "out"),
            ], []);
            graph.Output.Add(new ValueInfoProto { Name = "out", Type = OnnxGraphs.Floats(9, 40) });
            return graph;
        }

        NodeProto[] nodes =
        [
            OnnxGraphs.Node("ReduceSum", "x", "sum", ("keepdims", 0L)),
            NodeAttributes.Node("Constant", [], ["zero"]).Set("value_float", 0f),
            OnnxGraphs.Node("Less", "sum,zero", "cond"),
            OnnxGraphs.Node("If", "cond", "z", ("then_branch", Branch(1)), ("else_branch", Branch(2))),
            OnnxGraphs.Node("Relu", "z", "y"),
        ];
        return Of(nodes, [], All, 9, 72);
    }

    private static (OnnxModel Model, float[] X, long[] Shape, string Converts) Loop()
    {
        var body = OnnxGraphs.Graph([OnnxGraphs.Node("MatMul", "state,w", "m"), OnnxGraphs.Node("Tanh", "m", "next"), OnnxGraphs.Node("Identity", "go", "on")], [OnnxGraphs.RandomWeight(3, "w", 72, 72)]);
        body.Input.Add(new ValueInfoProto { Name = "i", Type = OnnxTypes.Tensor(DataType.Int64, []) });
        body.Input.Add(new ValueInfoProto { Name = "go", Type = s_bool });
        body.Input.Add(new ValueInfoProto { Name = "state", Type = OnnxGraphs.Floats(9, 72) });
        body.Output.Add(new ValueInfoProto { Name = "on", Type = s_bool });
        body.Output.Add(new ValueInfoProto { Name = "next", Type = OnnxGraphs.Floats(9, 72) });
        return Of([OnnxGraphs.Node("Loop", "count,,x", "y", ("body", body))], [OnnxGraphs.Integers("count", 3)], All, 9, 72);
    }

    private static (OnnxModel Model, float[] X, long[] Shape, string Converts) Function()
    {
        FunctionProto function = new() { Domain = "local", Name = "Layer" };
        function.Input.Add("in");
        function.Output.Add("out");
        function.Attribute.Add("slope");
        function.OpsetImport.Add(new OperatorSetIdProto { Domain = "", Version = 13 });
        function.Node.Add(NodeAttributes.Node("Constant", [], ["w"]).Set("value", OnnxGraphs.RandomWeight(1, "", 72, 72)));
        function.Node.Add(NodeAttributes.Node("MatMul", ["in", "w"], ["h"]));
        var leaky = NodeAttributes.Node("LeakyRelu", ["h"], ["out"]);
        leaky.Attribute.Add(new AttributeProto { Name = "alpha", RefAttrName = "slope", Type = AttributeType.Float });
        function.Node.Add(leaky);
        NodeProto[] calls =
        [
            NodeAttributes.Node("Layer", ["x"], ["h"], "first", "local").Set("slope", 0.1f), NodeAttributes.Node("Layer", ["h"], ["y"], "second", "local").Set("slope", 0.5f),
        ];
        var made = Of(calls, [], All, 9, 72);
        made.Model.Proto.Functions.Add(function);
        made.Model.Proto.OpsetImport.Add(new OperatorSetIdProto { Domain = "local", Version = 1 });
        return made;
    }
}
