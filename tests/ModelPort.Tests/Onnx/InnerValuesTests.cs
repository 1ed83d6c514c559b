using ModelPort.Diagnostics;
using ModelPort.Engines.OnnxRuntime;
using ModelPort.Formats.Onnx;
using ModelPort.Onnx;
using ModelPort.Onnx.Transforms;
using ModelPort.Tests.Support;

namespace ModelPort.Tests.Onnx;

/// <summary>Values inside bodies of If, Loop and Scan: they are seen, and what multiplies them becomes integers there.</summary>
public sealed class InnerValuesTests(ITestOutputHelper output)
{
    private const int Width = 32;
    private static readonly long[] s_image = [1, Width, 6, 6];
    private static readonly long[] s_rows = [4, Width];

    public static TheoryData<string> Graphs => [.. Models().Keys];

    [Theory]
    [MemberData(nameof(Graphs))]
    public void Bodies_compute_with_integers_and_give_what_the_source_gives(string name)
    {
        var (model, shape, kernels) = Models()[name]();
        using var _ = model;
        var x = OnnxGraphs.Random(7, (int)shape.Aggregate((a, b) => a * b), 2);
        float[][] inputs = [x, [.. x.Select(v => -v)], [.. x.Select(v => v / 2)], [.. x.Select(v => -v / 2)]];
        var expected = Results(model, inputs, shape, GraphOptimization.None);
        double Error(OnnxModel port, GraphOptimization level) => expected.Zip(Results(port, inputs, shape, level)).Max(pair => OnnxGraphs.Relative(pair.First, pair.Second));
        foreach (var (precision, hardware, error) in ((OnnxPrecision, OnnxHardware, double)[])[(OnnxPrecision.FP16, OnnxHardware.Cpu, 0.004), (OnnxPrecision.INT8Static, OnnxHardware.Cpu, 0.06), (OnnxPrecision.INT8Static, OnnxHardware.TensorRT, 0.06), (OnnxPrecision.FP8, OnnxHardware.TensorRT, 0.2)])
        {
            var port = OnnxGraphs.Port(model, new OnnxTransformRequest(precision) { Hardware = hardware }, x, shape, inputs.AsSpan(1));
            var plain = Error(port.Model, GraphOptimization.None);
            var level = precision == OnnxPrecision.FP8 ? GraphOptimization.None : GraphOptimization.Extended;
            var optimized = Error(port.Model, level);
            var census = OnnxGraphs.Census(OnnxGraphs.Fused(port.Model, level));
            output.WriteLine($"{precision} {hardware}: {plain:G3}, optimised {optimized:G3}; {census}");
            Assert.InRange(plain, 1e-7, error);
            Assert.InRange(optimized, 1e-7, error);
            if (precision == OnnxPrecision.INT8Static && hardware == OnnxHardware.Cpu)
            {
                Assert.All(kernels.Split(' '), kernel => Assert.Contains(kernel, census, StringComparison.Ordinal));
                Assert.Empty(port.Record.Kept);
            }
        }
    }

    [Fact]
    public void A_branch_that_calibration_never_took_stays_in_float_and_is_named()
    {
        var (model, shape, _) = Models()["A branch with layers of its own"]();
        using var _1 = model;
        var x = OnnxGraphs.Random(7, (int)shape.Aggregate((a, b) => a * b), 2);
        x[0] -= 2 * x.Sum();
        var port = OnnxGraphs.Port(model, new OnnxTransformRequest(OnnxPrecision.INT8Static), x, shape);
        var taken = x.Sum() < 0 ? "then" : "else";
        Assert.All(port.Record.Kept, node => Assert.Equal($"calibration never reached {node.Body}", node.Reason));
        var body = Assert.Single(port.Record.Kept.Select(node => node.Body).Distinct());
        Assert.DoesNotContain(taken, body, StringComparison.Ordinal);
        Assert.Equal(["MP2109", "MP2105"], port.Warnings.Select(warning => warning.Code));
        Assert.All(port.Warnings, warning => Assert.Contains(body, warning.Message, StringComparison.Ordinal));

        // FP16 converts what it knows nothing of, and says so.
        var half = OnnxGraphs.Port(model, new OnnxTransformRequest(OnnxPrecision.FP16), x, shape);
        Assert.Empty(half.Record.Kept);
        Assert.Contains(body, Assert.Single(half.Warnings, warning => warning.Code == "MP2109").Message, StringComparison.Ordinal);

        // Nothing is left where no branch was reached.
        var plan = OnnxTransform.Plan(model, new OnnxTransformRequest(OnnxPrecision.INT8Static));
        var nothing = Assert.Throws<ModelPortException>(() => OnnxTransform.Apply(plan, new Dictionary<string, ValueRange> { ["x"] = new(-1, 1) })).Diagnostic;
        Assert.Equal("MP2100", nothing.Code);
        Assert.Contains("calibration never reached", nothing.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("A loop whose values change shape")]
    [InlineData("A branch in a loop")]
    [InlineData("A loop that takes values from outside")]
    [InlineData("A scan")]
    public void Ends_are_those_of_all_values_of_all_iterations(string name)
    {
        var (model, shape, _) = Models()[name]();
        using var _1 = model;
        var x = OnnxGraphs.Random(7, (int)shape.Aggregate((a, b) => a * b), 2);
        var plan = OnnxTransform.Plan(model, new OnnxTransformRequest(OnnxPrecision.FP16));
        Dictionary<string, float[]> Seen(bool ends)
        {
            using var copy = plan.Model.Copy();
            var shown = InnerValues.Show(copy, plan.Ranges, ends);
            var results = OnnxGraphs.Run(copy, x, shape, outputs: [.. shown.Where(value => value.Name != "x").Select(value => value.Output)]);
            return shown.Where(value => value.IsEnds || (!ends && value.Name != value.Output)).ToDictionary(value => value.Name, value => ((EngineTensor)results[value.Output]).As<float>().ToArray());
        }

        var (ends, all) = (Seen(ends: true), Seen(ends: false));
        Assert.NotEmpty(ends);
        Assert.Equal(name == "A scan" ? [] : ends.Keys, all.Keys);
        foreach (var (value, numbers) in all)
        {
            Assert.Equal(new ValueEnds(numbers.Min(), numbers.Max(), numbers.Where(v => v != 0).Min(Math.Abs), false), InnerValues.EndsOf(ends[value]));
        }

        if (name == "A loop whose values change shape")
        {
            Assert.Equal((8 + 12 + 16) * Width, all["longer"].Length);
        }
    }

    [Fact]
    public void What_is_no_number_in_a_loop_is_noticed_and_calibration_refuses_it()
    {
        var (model, shape, _) = Loop([OnnxGraphs.Node("Div", "state,x", "d"), Product("d", "w", "a"), OnnxGraphs.Node("Tanh", "a", "next")], 4, "");
        using var _1 = model;
        using var folder = new TemporaryFolder();
        model.Save(folder["loop.onnx"]);
        var data = DataFiles.Write(folder["data.safetensors"], ("x", new float[4 * Width], shape));
        var code = Assert.Throws<ModelPortException>(() => Run(folder, "loop.onnx", data)).Diagnostic;
        Assert.Equal("MP1091", code.Code);
        Assert.Contains("'d'", code.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("A loop whose values change shape", "Entropy", "")]
    [InlineData("A branch in a branch", "Percentile", "")]
    [InlineData("A scan", "Percentile", "MP2111")]
    public void The_whole_road_takes_bodies_with_every_method_and_names_the_nodes_inside_that_add_error(string name, string method, string warning)
    {
        var (model, shape, _) = Models()[name]();
        using var _1 = model;
        using var folder = new TemporaryFolder();
        model.Save(folder["m.onnx"]);
        var x = OnnxGraphs.Random(7, (int)shape.Aggregate((a, b) => a * b), 2);
        var data = DataFiles.Write(folder["data.safetensors"], ("x", (float[])[.. x, .. x.Select(v => -v), .. x.Select(v => v / 2), .. x.Select(v => -v / 2)], [4, .. shape]));
        var outcome = Run(folder, "m.onnx", data, ("CalibrationMethod", method), ("MaxOutputError", "0.000001"));
        var port = Assert.Single(outcome.Manifest.Outputs);
        Assert.Equal(warning.Length > 0 ? [warning] : [], outcome.Manifest.Warnings.Select(w => w.Code));
        Assert.Empty(port.Graph!.Kept);
        var wanted = OnnxTransform.Plan(model, new OnnxTransformRequest(OnnxPrecision.INT8Static)).Ranges;
        Assert.All(wanted, value => Assert.Contains(value, port.Graph.Ranges.Select(range => range.Name)));
        var layers = port.Graph.Layers!.Select(layer => layer.Node).ToArray();
        Assert.Equal(name != "A scan", layers.Any(layer => layer is "Conv_c1" or "MatMul_a" or "Conv_deep"));
    }

    private static float[][] Results(OnnxModel model, float[][] inputs, long[] shape, GraphOptimization level)
    {
        using var folder = new TemporaryFolder();
        model.Save(folder["m.onnx"]);
        using var session = OnnxSession.Open(folder["m.onnx"], new OnnxSessionOptions { Optimization = level, Threads = 1 });
        return [.. inputs.Select(x => ((EngineTensor)session.Run(new Dictionary<string, EngineValue> { ["x"] = EngineTensor.Of<float>(x, shape) }, ["y"])["y"]).As<float>().ToArray())];
    }

    private static PortOutcome Run(TemporaryFolder folder, string model, string data, params (string Name, string Value)[] more)
    {
        Dictionary<string, string> metadata = new() { ["Precision"] = "INT8", ["Calibration"] = data, ["Evaluation"] = data };
        foreach (var (name, value) in more)
        {
            metadata[name] = value;
        }

        return PortPipeline.Run(PortRequest.Parse(folder[model], folder["out"], metadata, new Dictionary<string, string> { ["Threads"] = "1", ["CacheDirectory"] = "none" }, ""), new QuietObserver(), TestContext.Current.CancellationToken);
    }

    private static Dictionary<string, Func<(OnnxModel Model, long[] Shape, string Kernels)>> Models() => new()
    {
        ["A branch with layers of its own"] = () => Branches(
            Body([Conv("x", "w1", "c1"), Relu("c1", "r1"), Conv("r1", "w2", "out")], Weights(1), s_image), Body([Conv("x", "w3", "out")], [OnnxGraphs.RandomWeight(9, "w3", Width, Width, 1, 1)], s_image), [], s_image, "QLinearConv:3"),
        ["Weights from outside that both branches use"] = () => Branches(
            Body([Conv("x", "w1", "c1"), Relu("c1", "r1"), Conv("r1", "w2", "out")], [], s_image), Body([Conv("x", "w2", "d1"), Relu("d1", "s1"), Conv("s1", "w1", "out")], [], s_image), Weights(1), s_image, "QLinearConv:4"),
        ["A branch in a branch"] = () =>
        {
            var inner = Branch("low", Body([Conv("r1", "w2", "deep")], [], s_image, "deep"), Body([Conv("r1", "w1", "deeper")], [], s_image, "deeper"), "out");
            return Branches(Body([Conv("x", "w1", "c1"), Relu("c1", "r1"), inner], [], s_image), Body([Conv("x", "w1", "out")], [], s_image), Weights(1), s_image, "QLinearConv:4");
        },
        ["What a layer outside made"] = () =>
        {
            var made = Branches(Body([Conv("r", "w1", "out")], [], s_image), Body([Conv("r", "w2", "out")], [], s_image), Weights(1), s_image, "QLinearConv:3");
            made.Model.Proto.Graph.Node.Insert(0, Conv("x", "w1", "c"));
            made.Model.Proto.Graph.Node.Insert(1, Relu("c", "r"));
            return made;
        },
        ["What a layer outside made, turned round"] = () =>
        {
            var made = Branches(Body([OnnxGraphs.Node("Tanh", "s", "out")], [], s_image), Body([OnnxGraphs.Node("Sigmoid", "s", "out")], [], s_image), Weights(1), s_image, "QLinearConv:1");
            made.Model.Proto.Graph.Initializer.RemoveAt(1);
            made.Model.Proto.Graph.Initializer.Add(OnnxGraphs.Integers("from", 1));
            made.Model.Proto.Graph.Initializer.Add(OnnxGraphs.Integers("to", 5));
            made.Model.Proto.Graph.Initializer.Add(OnnxGraphs.Integers("last", 3));
            NodeProto[] before = [Conv("x", "w1", "c"), Relu("c", "r"), OnnxGraphs.Node("Transpose", "r", "t", ("perm", (long[])[0, 1, 3, 2])), OnnxGraphs.Node("Slice", "t,from,to,last", "s")];
            for (var i = 0; i < before.Length; i++)
            {
                made.Model.Proto.Graph.Node.Insert(i, before[i]);
            }

            return made;
        },
        ["A loop that takes values from outside"] = () => Loop([Product("x", "w", "a"), Product("state", "v", "b"), OnnxGraphs.Node("Add", "a,b", "s"), OnnxGraphs.Node("Tanh", "s", "next")], -1, "MatMulIntegerToFloat:2"),
        ["A loop whose values change shape"] = () => Loop([OnnxGraphs.Node("Concat", "state,x", "longer", ("axis", 0L)), Product("longer", "w", "a"), OnnxGraphs.Node("Tanh", "a", "next")], -1, "MatMulIntegerToFloat:1"),
        ["A branch in a loop"] = () => Loop(
            [OnnxGraphs.Node("Equal", "i,one", "now"), Branch("now", Body([Product("state", "w", "p"), OnnxGraphs.Node("Tanh", "p", "q")], [], s_rows, "q"), Body([Product("state", "v", "r")], [], s_rows, "r"), "next")], 4, "MatMulIntegerToFloat:2"),
        ["A scan"] = Scan,
    };

    private static NodeProto Conv(string x, string w, string y) => OnnxGraphs.Node("Conv", $"{x},{w}", y);

    private static NodeProto Relu(string x, string y) => OnnxGraphs.Node("Relu", x, y);

    private static NodeProto Product(string x, string w, string y) => OnnxGraphs.Node("MatMul", $"{x},{w}", y);

    private static TensorProto[] Weights(int seed) => [OnnxGraphs.RandomWeight(seed, "w1", Width, Width, 1, 1), OnnxGraphs.RandomWeight(seed + 1, "w2", Width, Width, 1, 1)];

    private static GraphProto Body(NodeProto[] nodes, TensorProto[] weights, long[] shape, string result = "out")
    {
        var graph = OnnxGraphs.Graph(nodes, weights);
        graph.Output.Add(new ValueInfoProto { Name = result, Type = OnnxGraphs.Floats(shape) });
        return graph;
    }

    private static NodeProto Branch(string condition, GraphProto then, GraphProto otherwise, string y) => OnnxGraphs.Node("If", condition, y, ("then_branch", then), ("else_branch", otherwise));

    // What is in x says which branch runs.
    private static (OnnxModel Model, long[] Shape, string Kernels) Branches(GraphProto then, GraphProto otherwise, TensorProto[] weights, long[] shape, string kernels)
    {
        NodeProto[] nodes =
        [
            OnnxGraphs.Node("ReduceSum", "x", "sum", ("keepdims", 0L)), OnnxGraphs.Node("Less", "sum,zero", "cond"), OnnxGraphs.Node("ReduceMax", "x", "most", ("keepdims", 0L)), OnnxGraphs.Node("Less", "most,two", "low"),
            Branch("cond", then, otherwise, "y"),
        ];
        return (OnnxGraphs.Of(OnnxGraphs.Floats(shape), null, nodes, [.. weights, OnnxGraphs.Weight("zero", [], 0), OnnxGraphs.Weight("two", [], 2)]), shape, kernels);
    }

    private static (OnnxModel Model, long[] Shape, string Kernels) Loop(NodeProto[] nodes, long rows, string kernels)
    {
        var body = OnnxGraphs.Graph([.. nodes, OnnxGraphs.Node("Identity", "go", "on")], [OnnxGraphs.RandomWeight(3, "w", Width, Width)]);
        var state = OnnxGraphs.Floats(rows, Width);
        body.Input.Add(new ValueInfoProto { Name = "i", Type = OnnxTypes.Tensor(DataType.Int64, []) });
        body.Input.Add(new ValueInfoProto { Name = "go", Type = OnnxTypes.Tensor(DataType.Bool, []) });
        body.Input.Add(new ValueInfoProto { Name = "state", Type = state });
        body.Output.Add(new ValueInfoProto { Name = "on", Type = OnnxTypes.Tensor(DataType.Bool, []) });
        body.Output.Add(new ValueInfoProto { Name = "next", Type = state });
        return (OnnxGraphs.Of(OnnxGraphs.Floats(s_rows), null, [OnnxGraphs.Node("Loop", "count,,x", "y", ("body", body))], [OnnxGraphs.Integers("count", 3), One(), OnnxGraphs.RandomWeight(4, "v", Width, Width)]), s_rows, kernels);
    }

    private static TensorProto One()
    {
        var one = OnnxGraphs.Integers("one", 1);
        one.Dims.Clear();
        return one;
    }

    private static (OnnxModel Model, long[] Shape, string Kernels) Scan()
    {
        var body = OnnxGraphs.Graph([Product("state", "w", "a"), OnnxGraphs.Node("Mul", "a,row", "s"), OnnxGraphs.Node("Tanh", "s", "next"), Product("next", "v", "step")], [OnnxGraphs.RandomWeight(3, "w", Width, Width)]);
        body.Input.Add(new ValueInfoProto { Name = "state", Type = OnnxGraphs.Floats(1, Width) });
        body.Input.Add(new ValueInfoProto { Name = "row", Type = OnnxGraphs.Floats(Width) });
        body.Output.Add(new ValueInfoProto { Name = "next", Type = OnnxGraphs.Floats(1, Width) });
        body.Output.Add(new ValueInfoProto { Name = "step", Type = OnnxGraphs.Floats(1, Width) });
        return (OnnxGraphs.Of(OnnxGraphs.Floats(s_rows), null, [OnnxGraphs.Node("Scan", "start,x", "last,y", ("body", body), ("num_scan_inputs", 1L))], [OnnxGraphs.RandomWeight(5, "start", 1, Width), OnnxGraphs.RandomWeight(4, "v", Width, Width)]), s_rows, "MatMulIntegerToFloat:2");
    }
}
