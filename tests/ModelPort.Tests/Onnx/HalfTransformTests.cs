using ModelPort.Engines.OnnxRuntime;
using ModelPort.Formats.Onnx;
using ModelPort.Onnx.Transforms;
using ModelPort.Tests.Support;

namespace ModelPort.Tests.Onnx;

/// <summary>What stays FP32 under FP16, and why.</summary>
public sealed class HalfTransformTests
{
    private static readonly OnnxTransformRequest s_half = new(OnnxPrecision.FP16);

    [Fact]
    public void Measured_ranges_decide_what_stays_in_FP32()
    {
        // The square of 300 is beyond a half float's range, its root is not.
        float[] x = [300, -2, 0.5f, 1];
        using var model = OnnxGraphs.Of(
            OnnxGraphs.Floats(1, 4), null,
            [OnnxGraphs.Node("Mul", "x,x", "square"), OnnxGraphs.Node("ReduceSum", "square", "sum"), OnnxGraphs.Node("Sqrt", "sum", "root"), OnnxGraphs.Node("Div", "x,root", "z"), OnnxGraphs.Node("MatMul", "z,w", "y")],
            [OnnxGraphs.RandomWeight(1, "w", 4, 4)]);
        var port = OnnxGraphs.Port(model, s_half, x, [1, 4]);
        Assert.Equal(["Mul_square", "ReduceSum_sum", "Sqrt_root"], port.Record.Kept.Select(node => node.Label));
        Assert.All(port.Record.Kept, node => Assert.Contains("65504", node.Reason, StringComparison.Ordinal));
        Assert.InRange(OnnxGraphs.Relative(OnnxGraphs.RunY(model, x, [1, 4]), OnnxGraphs.RunY(port.Model, x, [1, 4])), 0, 0.002);
        Assert.Contains("MP2105", port.Warnings.Select(warning => warning.Code));

        // Without ranges nobody could know, and the result is wrong.
        var blind = OnnxTransform.Apply(OnnxTransform.Plan(model, s_half));
        Assert.Empty(blind.Record.Kept);
    }

    [Fact]
    public void Weights_beyond_the_range_stay_as_they_are_with_their_node()
    {
        float[] x = [1, 2, 3, 4];
        using var model = OnnxGraphs.Of(
            OnnxGraphs.Floats(1, 4), null,
            [OnnxGraphs.Node("MatMul", "x,w", "h"), OnnxGraphs.Node("Add", "h,mask", "m"), OnnxGraphs.Node("Add", "m,tiny", "y")],
            [OnnxGraphs.RandomWeight(1, "w", 4, 4), OnnxGraphs.Weight("mask", [4], 0, -1e9f, 0, 1e-6f), OnnxGraphs.Weight("tiny", [1], 1e-12f)]);
        var port = OnnxTransform.Apply(OnnxTransform.Plan(model, s_half), new Dictionary<string, ValueRange>());
        Assert.Equal(["Add_m", "Add_y"], port.Record.Kept.Select(node => node.Label));
        Assert.Equal([new HalfWeight("mask", 1, 1, true), new HalfWeight("tiny", 0, 1, true)], port.Record.Halves);
        Assert.Equal(DataType.Float, port.Model.Proto.Graph.Initializer.Single(tensor => tensor.Name == "mask").DataType);
        Assert.Equal(DataType.Float16, port.Model.Proto.Graph.Initializer.Single(tensor => tensor.Name == "w").DataType);
        Assert.Contains("MP2106", port.Warnings.Select(warning => warning.Code));
        Assert.InRange(OnnxGraphs.RunY(port.Model, x, [1, 4])[1], -1.0001e9f, -0.9999e9f);
    }

    [Fact]
    public void Nodes_that_stay_for_one_reason_are_one_warning_whatever_the_names_of_their_weights()
    {
        using var model = OnnxGraphs.Of(
            OnnxGraphs.Floats(1, 4), null,
            [OnnxGraphs.Node("MatMul", "x,w", "h"), OnnxGraphs.Node("Add", "h,tiny", "m"), OnnxGraphs.Node("Add", "m,less", "y")],
            [OnnxGraphs.RandomWeight(1, "w", 4, 4), OnnxGraphs.Weight("tiny", [1], 1e-12f), OnnxGraphs.Weight("less", [1], 1e-13f)]);
        var port = OnnxTransform.Apply(OnnxTransform.Plan(model, s_half), new Dictionary<string, ValueRange>());
        Assert.Contains(
            "2 nodes stay in float ('Add_m', 'Add_y'): its weight 'tiny' is below what FP16 holds, and so for the others.",
            Assert.Single(port.Warnings, warning => warning.Code == "MP2105").Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Numbers_that_become_zero_are_noted()
    {
        using var model = OnnxGraphs.Of(OnnxGraphs.Floats(1, 4), null, [OnnxGraphs.Node("MatMul", "x,w", "h"), OnnxGraphs.Node("Softmax", "h", "y")], [OnnxGraphs.RandomWeight(1, "w", 4, 4)]);
        var port = OnnxTransform.Apply(OnnxTransform.Plan(model, s_half), new Dictionary<string, ValueRange> { ["h"] = new(-50, 50) { SmallestNonZero = 0.1f }, ["y"] = new(0, 1) { SmallestNonZero = 1e-20f } });
        Assert.Empty(port.Record.Kept);
        Assert.Contains("zero as half floats: y.", port.Record.Notes.Single(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_weight_of_both_sides_is_there_in_both_types()
    {
        float[] x = OnnxGraphs.Random(3, 8);
        using var model = OnnxGraphs.Of(
            OnnxGraphs.Floats(2, 4), null,
            [OnnxGraphs.Node("MatMul", "x,w", "h"), OnnxGraphs.Node("MatMul", "h,w", "y")], [OnnxGraphs.RandomWeight(1, "w", 4, 4)]);
        var port = OnnxGraphs.Port(model, s_half with { KeepInFloat = ["MatMul_h"] }, x, [2, 4]);
        Assert.Equal([DataType.Float, DataType.Float16], port.Model.Proto.Graph.Initializer.Select(tensor => tensor.DataType));
        Assert.InRange(OnnxGraphs.Relative(OnnxGraphs.RunY(model, x, [2, 4]), OnnxGraphs.RunY(port.Model, x, [2, 4])), 0, 0.002);
    }

    [Fact]
    public void Operators_that_take_no_half_floats_get_casts_and_types_in_attributes_follow()
    {
        float[] x = OnnxGraphs.Random(3, 16);
        using var model = OnnxGraphs.Of(
            OnnxGraphs.Floats(1, 1, 4, 4), OnnxGraphs.Floats(1, 1, 8, 8),
            [
                OnnxGraphs.Node("Resize", "x,,scales", "big", ("mode", "nearest")), OnnxGraphs.Node("Shape", "big", "shape"),
                OnnxGraphs.Node("ConstantOfShape", "shape", "ones", ("value", OnnxGraphs.Weight("", [1], 2))), OnnxGraphs.Node("Cast", "shape", "numbers", ("to", (long)DataType.Float)),
                OnnxGraphs.Node("ReduceSum", "numbers", "count"), OnnxGraphs.Node("Mul", "big,ones", "twice"), OnnxGraphs.Node("Div", "twice,count", "z"), OnnxGraphs.Node("Mul", "z,w", "y"),
            ],
            [OnnxGraphs.Weight("scales", [4], 1, 1, 2, 2), OnnxGraphs.RandomWeight(1, "w", 8, 8)]);
        model.Proto.Graph.ValueInfo.Add(new ValueInfoProto { Name = "twice", Type = OnnxGraphs.Floats(1, 1, 8, 8) });
        var expected = OnnxGraphs.RunY(model, x, [1, 1, 4, 4]);
        var port = OnnxGraphs.Port(model, s_half, x, [1, 1, 4, 4]).Model;
        Assert.InRange(OnnxGraphs.Relative(expected, OnnxGraphs.RunY(port, x, [1, 1, 4, 4])), 0, 0.002);
        Assert.Equal(DataType.Float16, OnnxTypes.ElementType(port.Proto.Graph.ValueInfo.Single().Type));
        Assert.Equal(DataType.Float, port.Proto.Graph.Initializer.Single(tensor => tensor.Name == "scales").DataType);
    }

    [Fact]
    public void Inputs_and_outputs_become_half_floats_if_that_is_asked()
    {
        using var model = OnnxGraphs.Of(OnnxGraphs.Floats(2, 4), OnnxGraphs.Floats(2, 4), [OnnxGraphs.Node("MatMul", "x,w", "y")], [OnnxGraphs.RandomWeight(1, "w", 4, 4)]);
        var kept = OnnxTransform.Apply(OnnxTransform.Plan(model, s_half)).Model.Proto.Graph;
        var changed = OnnxTransform.Apply(OnnxTransform.Plan(model, s_half with { KeepInputsAndOutputs = false })).Model.Proto.Graph;
        Assert.Equal([DataType.Float, DataType.Float], kept.Input.Concat(kept.Output).Select(info => OnnxTypes.ElementType(info.Type)));
        Assert.Equal([DataType.Float16, DataType.Float16], changed.Input.Concat(changed.Output).Select(info => OnnxTypes.ElementType(info.Type)));
        Assert.Equal(["x", "y"], changed.Input.Concat(changed.Output).Select(info => info.Name));
        Assert.Equal(["MatMul"], changed.Node.Select(node => node.OpType));
    }

    // Models of the ONNX project, one operator each: what is converted must be taken by ONNX Runtime, and compute the same within half floats.
    [Fact]
    public void Every_operator_that_is_converted_runs_as_half_floats()
    {
        Assert.SkipUnless(Directory.Exists(TestData.Root), TestData.Missing);
        var unsupported = File.ReadAllLines(Path.Combine(Repository.Root, "tests", "Fixtures", "onnx", "operator-survey.txt")).Select(line => line.Split(':')[0]).ToHashSet(StringComparer.Ordinal);
        using TemporaryFolder scratch = new();
        HashSet<string> operators = new(StringComparer.Ordinal);
        var run = 0;
        foreach (var folder in TestData.Folders().Where(folder => !unsupported.Contains(Path.GetFileName(folder))))
        {
            using var model = OnnxModel.Open(Path.Combine(folder, "model.onnx"));
            if (model.Bodies()[0].Opset(Domains.Standard) is null or < 6)
            {
                continue;
            }

            // Without weights there is no port, so the transform is called by itself.
            var (prepared, _, _) = Preparation.Prepare(model, s_half);
            GraphContext graph = new(prepared, s_half);
            HalfTransform half = new(graph, new Dictionary<string, ValueRange>());
            half.Decide();
            if (!half.Decisions.Any(decision => decision.Converted))
            {
                continue;
            }

            half.Rewrite();
            graph.Finish();
            prepared.Save(scratch["m.onnx"]);
            using var session = OnnxSession.Open(scratch["m.onnx"], new OnnxSessionOptions { Threads = 1 });
            var types = prepared.Proto.Graph.Input.ToDictionary(input => input.Name, input => input.Type);
            var set = Path.Combine(folder, "test_data_set_0");
            var inputs = TestData.Read(set, "input", [.. session.Inputs.Select(input => types[input.Name])]);
            var expected = TestData.Read(set, "output", [.. model.Proto.Graph.Output.Select(output => output.Type)]);
            var actual = session.Run(session.Inputs.Zip(inputs).ToDictionary(pair => pair.First.Name, pair => pair.Second), null, TestContext.Current.CancellationToken);
            foreach (var (value, output) in expected.Zip(session.Outputs))
            {
                if (value is EngineTensor { Type: TensorType.Float, ElementCount: > 0 } tensor)
                {
                    Assert.True(Worst(tensor.As<float>(), ((EngineTensor)actual[output.Name]).As<float>()) < 0.005, $"{Path.GetFileName(folder)}: {output.Name}");
                }
            }

            run++;
            operators.UnionWith(half.Decisions.Where(decision => decision.Converted).Select(decision => decision.Node.OpType));
        }

        Assert.InRange(run, 700, 1072);
        Assert.InRange(operators.Count, 100, 200);
    }

    private static double Worst(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual)
    {
        double worst = 0, largest = 1e-3;
        for (var i = 0; i < expected.Length; i++)
        {
            largest = float.IsFinite(expected[i]) ? Math.Max(largest, Math.Abs(expected[i])) : largest;
            worst = expected[i].Equals(actual[i]) ? worst : Math.Max(worst, Math.Abs((double)expected[i] - actual[i]));
        }

        return worst / largest;
    }
}
