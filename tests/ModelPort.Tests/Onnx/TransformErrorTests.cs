using ModelPort.Diagnostics;
using ModelPort.Formats.Onnx;
using ModelPort.Onnx.Transforms;

namespace ModelPort.Tests.Onnx;

/// <summary>What cannot be done is said with a code, before anything is written.</summary>
public sealed class TransformErrorTests
{
    private static OnnxModel Model(float weight = 1) => OnnxGraphs.Of(
        OnnxGraphs.Floats(1, 4), null, [OnnxGraphs.Node("MatMul", "x,w", "y")], [OnnxGraphs.Weight("w", [4, 1], weight, 2, 3, 4)]);

    [Theory]
    [InlineData("int4", "INT4")]
    [InlineData(" INT8-dynamic", "INT8-Dynamic")]
    public void Names_are_read_in_any_case(string text, string name) => Assert.Equal(name, OnnxPrecision.Parse(text, "").Name);

    [Fact]
    public void Unknown_names_are_refused_with_the_nearest()
    {
        Assert.Contains("Did you mean INT8-Dynamic?", Code("MP1100", () => OnnxPrecision.Parse("INT8-Dinamic", "m.onnx")), StringComparison.Ordinal);
        Assert.Contains("Did you mean tensorrt?", Code("MP1101", () => OnnxHardware.Parse("tensort", "m.onnx")), StringComparison.Ordinal);
    }

    [Fact]
    public void A_model_without_weights_to_convert_is_no_success()
    {
        using var model = OnnxGraphs.Of(OnnxGraphs.Floats(1, 4), null, [OnnxGraphs.Node("Relu", "x", "y")], []);
        foreach (var precision in OnnxPrecision.All.Where(precision => precision != OnnxPrecision.FP32))
        {
            Code("MP2100", () => OnnxTransform.Apply(OnnxTransform.Plan(model, new OnnxTransformRequest(precision)), new Dictionary<string, ValueRange>()));
        }
    }

    [Fact]
    public void Ranges_are_needed_finite_and_not_empty()
    {
        using var model = Model();
        var plan = OnnxTransform.Plan(model, new OnnxTransformRequest(OnnxPrecision.INT8Static));
        Assert.Equal(["x"], plan.Ranges);
        Code("MP2102", () => OnnxTransform.Apply(plan));
        Code("MP2103", () => OnnxTransform.Apply(plan, new Dictionary<string, ValueRange> { ["x"] = new(float.NaN, 1) }));
        Code("MP2103", () => OnnxTransform.Apply(plan, new Dictionary<string, ValueRange> { ["x"] = new(2, 1) }));

        // Nothing was ever seen of the only value: its node stays in float, and then nothing is left.
        Assert.Contains("always zero", Code("MP2100", () => OnnxTransform.Apply(plan, new Dictionary<string, ValueRange> { ["x"] = default })), StringComparison.Ordinal);
    }

    [Fact]
    public void A_value_that_was_always_zero_keeps_its_nodes_in_float_and_warns()
    {
        using var model = OnnxGraphs.Of(
            OnnxGraphs.Floats(1, 4), null, [OnnxGraphs.Node("MatMul", "x,w", "h"), OnnxGraphs.Node("Relu", "h", "r"), OnnxGraphs.Node("MatMul", "r,v", "y")],
            [OnnxGraphs.RandomWeight(1, "w", 4, 4), OnnxGraphs.RandomWeight(2, "v", 4, 4)]);
        var port = OnnxTransform.Apply(
            OnnxTransform.Plan(model, new OnnxTransformRequest(OnnxPrecision.INT8Static)), new Dictionary<string, ValueRange> { ["x"] = new(-1, 1), ["r"] = new(0, 0) });
        Assert.Equal(["MatMul_y"], port.Record.Kept.Select(node => node.Label));
        Assert.Equal(["MP2104", "MP2105"], port.Warnings.Select(warning => warning.Code));
    }

    [Fact]
    public void Nodes_to_keep_must_be_there_and_are_kept()
    {
        using var model = Model();
        Assert.Contains("Did you mean 'MatMul_y'?", Code("MP2107", () => OnnxTransform.Plan(model, new OnnxTransformRequest(OnnxPrecision.INT4) { KeepInFloat = ["MatMul_z"] })), StringComparison.Ordinal);
        Assert.Contains(PrecisionTransform.Asked, Code("MP2100", () => OnnxTransform.Plan(model, new OnnxTransformRequest(OnnxPrecision.INT4) { KeepInFloat = ["MatMul_y"] })), StringComparison.Ordinal);
    }

    [Fact]
    public void Options_must_have_possible_values()
    {
        using var model = Model();
        Code("MP1020", () => OnnxTransform.Plan(model, new OnnxTransformRequest(OnnxPrecision.INT4) { BlockSize = 33 }));
        Code("MP1020", () => OnnxTransform.Plan(model, new OnnxTransformRequest(OnnxPrecision.INT4) { AccuracyLevel = 5 }));
    }

    [Fact]
    public void Nodes_between_products_that_are_named_stay_in_float_too()
    {
        using var model = OnnxGraphs.Of(
            OnnxGraphs.Floats(1, 4, 4, 4), null,
            [OnnxGraphs.Node("Conv", "x,w", "c"), OnnxGraphs.Node("Add", "c,x", "a"), OnnxGraphs.Node("MaxPool", "a", "m", ("kernel_shape", (long[])[2, 2])), OnnxGraphs.Node("Conv", "m,v", "y")],
            [OnnxGraphs.RandomWeight(1, "w", 4, 4, 1, 1), OnnxGraphs.RandomWeight(2, "v", 4, 4, 1, 1)]);
        var request = new OnnxTransformRequest(OnnxPrecision.INT8Static);
        string[] Converted(OnnxTransformRequest asked) => [.. OnnxTransform.Plan(model, asked).Nodes.Where(node => node.Converted).Select(node => node.Operator).Order(StringComparer.Ordinal)];
        Assert.Equal(["Add", "Conv", "Conv", "MaxPool"], Converted(request));
        Assert.Equal(["Conv", "Conv", "MaxPool"], Converted(request with { KeepInFloat = ["Add_a"] }));
        Assert.Equal(["Conv", "Conv"], Converted(request with { KeepInFloat = ["MaxPool_m"] }));
        Assert.Equal(["Conv", "MaxPool"], Converted(request with { KeepInFloat = ["Conv_c"] }));
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void Weights_that_are_no_numbers_are_refused(float value)
    {
        using var model = Model(value);
        foreach (var precision in (OnnxPrecision[])[OnnxPrecision.INT8Dynamic, OnnxPrecision.INT4, OnnxPrecision.INT8Weight, OnnxPrecision.INT8Static, OnnxPrecision.FP8])
        {
            Code("MP2108", () => OnnxTransform.Apply(OnnxTransform.Plan(model, new OnnxTransformRequest(precision)), new Dictionary<string, ValueRange> { ["x"] = new(-1, 1) }));
        }
    }

    [Fact]
    public void An_initialiser_that_callers_may_replace_is_no_weight()
    {
        using var model = Model();
        model.Proto.Graph.Input.Add(new ValueInfoProto { Name = "w", Type = OnnxGraphs.Floats(4, 1) });
        Code("MP2100", () => OnnxTransform.Plan(model, new OnnxTransformRequest(OnnxPrecision.INT8Dynamic)));
    }

    [Fact]
    public void The_source_is_not_changed()
    {
        using var model = Model();
        var before = model.Proto.Clone();
        OnnxTransform.Apply(OnnxTransform.Plan(model, new OnnxTransformRequest(OnnxPrecision.INT4)));
        Assert.Equal(before, model.Proto);
    }

    private static string Code(string code, Func<object> action)
    {
        var diagnostic = Assert.Throws<ModelPortException>(action).Diagnostic;
        Assert.Equal(code, diagnostic.Code);
        return diagnostic.Message;
    }
}
