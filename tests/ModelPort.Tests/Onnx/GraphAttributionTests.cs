using ModelPort.Diagnostics;
using ModelPort.Formats.Onnx;
using ModelPort.Onnx.Transforms;
using ModelPort.Parity;
using ModelPort.Parity.Attribution;
using ModelPort.Tests.Support;

namespace ModelPort.Tests.Onnx;

/// <summary>What each layer of a port of an ONNX model costs.</summary>
public sealed class GraphAttributionTests(ITestOutputHelper output) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("FP16")]
    [InlineData("INT8")]
    [InlineData("INT8-Dynamic")]
    [InlineData("INT8-Weight")]
    [InlineData("INT4")]
    [InlineData("FP8")]
    public void Every_precision_of_the_digits_is_taken_apart_from_the_source_to_the_port(string precision)
    {
        var outcome = Digits(precision);
        var port = outcome.Manifest.Outputs[0];
        var costs = port.Attribution!.Graph!;
        foreach (var line in AttributionText.Of(port.Attribution))
        {
            output.WriteLine(line);
        }

        Assert.Equal([Layer.Graph, Layer.Weights, Layer.Values, Layer.Kernels], costs.Steps.Select(s => s.Layer));
        Assert.Equal(precision == "FP8" ? [Layer.Kernels] : [], costs.Steps.Where(s => s.NotMeasured is not null).Select(s => s.Layer));
        Assert.Equal(497, costs.Samples);
        var (form, weights, values) = (costs.Steps[0], costs.Steps[1], costs.Steps[2]);
        Assert.InRange(costs.Source.Error!.Value, 0, 1e-3);
        Assert.InRange(form.Error!.Value, 0, 1e-3);
        Assert.True(weights.Error > 1e-3, "weights cost something");
        // Of half floats this processor's kernels keep values in FP32 between nodes.
        Assert.Equal(precision == "FP16", values.Error == 0);
        // Steps are sides of a triangle whose third is the error from the source.
        Assert.InRange(values.FromSource!.Value, Math.Abs(values.Error!.Value - weights.FromSource!.Value) - 1e-6, values.Error.Value + weights.FromSource.Value + 1e-6);
        var whole = costs.Steps.Last(s => s.Error is not null);
        Assert.Equal(port.Metrics.Find(Metric.RelativeOutputError, Subject.Port, Reference.Source, "logits")!.Value, whole.FromSource!.Value, 1e-9);
        Assert.Equal(port.Metrics.Find(Metric.Accuracy, Subject.Port, on: "eval.safetensors")!.Value, whole.Accuracy);
        Assert.StartsWith("attribution: ", AttributionText.Line(port.Attribution), StringComparison.Ordinal);
        Assert.NotEmpty(costs.Nodes);
        Assert.Contains("Every change was measured on 497 samples", File.ReadAllText(outcome.ReportPath!), StringComparison.Ordinal);
        Assert.DoesNotContain("matrices were compared", File.ReadAllText(outcome.ReportPath!), StringComparison.Ordinal);
        Assert.Equal(["model-" + precision + ".onnx", "modelport.json", "parity.html", "parity.json"], Directory.GetFiles(_folder["out"]).Select(Path.GetFileName).Where(n => !n!.StartsWith('.')).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void It_is_measured_when_it_is_asked_for_and_once()
    {
        Assert.Null(Digits("INT8-Dynamic", attribute: false).Manifest.Outputs[0].Attribution);
        var first = Digits("INT8-Dynamic");
        Assert.True(first.Measured);
        Assert.False(Digits("INT8-Dynamic").Measured);
        Directory.Delete(_folder["out"], recursive: true);
        var again = Digits("INT8-Dynamic");
        Assert.False(again.Measured);
        Assert.Equal(first.Manifest.ToJson(), again.Manifest.ToJson());
    }

    [Fact]
    public void A_port_that_is_saved_as_the_runtime_rewrites_it_is_taken_apart_too()
    {
        var costs = Digits("INT8", true, ("Optimize", "extended")).Manifest.Outputs[0].Attribution!.Graph!;
        var plain = Digits("INT8").Manifest.Outputs[0].Attribution!.Graph!;
        Assert.Equal(plain.Steps.Select(s => (s.Layer, s.NotMeasured)), costs.Steps.Select(s => (s.Layer, s.NotMeasured)));
        Assert.Equal(plain.Steps[2].FromSource!.Value, costs.Steps[2].FromSource!.Value, 1e-9);
        Assert.Equal("port before it is rewritten", costs.Steps[2].To);
        Assert.NotEmpty(costs.Nodes);
    }

    [Fact]
    public void The_same_weights_cost_the_same_whatever_becomes_of_the_values() =>
        Assert.Equal(
            Digits("INT8").Manifest.Outputs[0].Attribution!.Graph!.Steps[1].Error!.Value,
            Digits("INT8-Dynamic").Manifest.Outputs[0].Attribution!.Graph!.Steps[1].Error!.Value,
            1e-3);

    [Fact]
    public void The_source_itself_loses_nothing_and_its_kernels_are_all_that_there_is()
    {
        var costs = Digits("FP32").Manifest.Outputs[0].Attribution!.Graph!;
        Assert.Equal([(Layer.Precision, 0.0)], costs.Steps.Take(1).Select(s => (s.Layer, s.Error!.Value)));
        Assert.Equal(Layer.Kernels, costs.Steps[1].Layer);
        Assert.Equal(costs.Source.Error, costs.Steps[1].Error);
    }

    [Fact]
    public void A_missed_budget_names_the_layer_and_the_node()
    {
        var missed = Assert.Single(Digits("INT8", true, ("MaxOutputError", "0.001")).Missed);
        Assert.Contains("The layer: weights cost ", missed.Message, StringComparison.Ordinal);
        Assert.Contains("most is added by '", missed.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Weights_alone_are_exactly_the_weights_that_the_port_stores()
    {
        // Powers of two and a half are the same in 8 bits; the values in between are not.
        float[] matrix = [1, 0.5f, -0.25f, 2, 127f / 64, -1, 0.75f, 0.125f, 3];
        float[] x = [0.1f, -0.3f, 0.7f, 1.3f, 0.01f, -2];
        using var model = OnnxGraphs.Of(OnnxGraphs.Floats(-1, 3), OnnxGraphs.Floats(-1, 3), [OnnxGraphs.Node("MatMul", "x,w", "y")], [OnnxGraphs.Weight("w", [3, 3], matrix)]);
        foreach (var precision in new[] { OnnxPrecision.INT8Static, OnnxPrecision.INT8Dynamic, OnnxPrecision.INT4, OnnxPrecision.INT8Weight, OnnxPrecision.FP16, OnnxPrecision.FP8 })
        {
            var plan = OnnxTransform.Plan(model, new OnnxTransformRequest(precision));
            var ranges = precision.Ranges == RangeUse.None ? null : OnnxGraphs.Measure(plan, x, [2, 3]);
            using var weights = WeightsAlone.Of(plan, ranges);
            var stored = Stored(precision, matrix);
            float[] expected = [.. from row in Enumerable.Range(0, 2) from column in Enumerable.Range(0, 3) select Enumerable.Range(0, 3).Sum(k => x[(3 * row) + k] * stored[(3 * k) + column])];
            var actual = OnnxGraphs.RunY(weights, x, [2, 3]);
            Assert.True(OnnxGraphs.Relative(expected, actual) < 1e-6, $"{precision}: {string.Join(' ', actual)} instead of {string.Join(' ', expected)}");
        }
    }

    [Fact]
    public void Recurrent_layers_of_integers_become_layers_of_floats_with_the_weights_of_the_integers()
    {
        const int Inputs = 5;
        const int Hidden = 4;
        using var model = OnnxGraphs.Of(
            OnnxGraphs.Floats(-1, 1, Inputs),
            null,
            [OnnxGraphs.Node("LSTM", "x,w,r,b", "y", ("hidden_size", (long)Hidden))],
            [OnnxGraphs.RandomWeight(1, "w", 1, 4 * Hidden, Inputs), OnnxGraphs.RandomWeight(2, "r", 1, 4 * Hidden, Hidden), OnnxGraphs.RandomWeight(3, "b", 1, 8 * Hidden)]);
        var x = OnnxGraphs.Random(4, 6 * Inputs);
        var plan = OnnxTransform.Plan(model, new OnnxTransformRequest(OnnxPrecision.INT8Dynamic));
        using var weights = WeightsAlone.Of(plan, null);
        using var port = OnnxTransform.Apply(plan).Model;
        Assert.DoesNotContain(weights.Bodies().SelectMany(b => b.Nodes), n => n.OpType == "DynamicQuantizeLSTM");
        var (ofSource, ofWeights, ofPort) = (OnnxGraphs.RunY(model, x, [6, 1, Inputs]), OnnxGraphs.RunY(weights, x, [6, 1, Inputs]), OnnxGraphs.RunY(port, x, [6, 1, Inputs]));
        Assert.InRange(OnnxGraphs.Relative(ofSource, ofWeights), 1e-6, 0.01);
        Assert.InRange(OnnxGraphs.Relative(ofSource, ofPort), OnnxGraphs.Relative(ofWeights, ofPort) / 4, 0.05);
    }

    // What the precision makes of each weight: a scale for a column (INT8, FP8), for a block of 32 in a column, which is the column (INT4, INT8-Weight), or none.
    private static float[] Stored(OnnxPrecision precision, float[] matrix)
    {
        if (precision == OnnxPrecision.FP16)
        {
            return [.. matrix.Select(v => (float)(Half)v)];
        }

        using var model = OnnxGraphs.Of(OnnxGraphs.Floats(-1, 3), OnnxGraphs.Floats(-1, 3), [OnnxGraphs.Node("MatMul", "x,w", "y")], [OnnxGraphs.Weight("w", [3, 3], matrix)]);
        var stored = new float[9];
        for (var column = 0; column < 3; column++)
        {
            float[] values = [matrix[column], matrix[3 + column], matrix[6 + column]];
            var largest = values.MaxBy(Math.Abs);
            for (var row = 0; row < 3; row++)
            {
                stored[(3 * row) + column] = precision == OnnxPrecision.INT8Static || precision == OnnxPrecision.INT8Dynamic ? MathF.Round(values[row] / (Math.Abs(largest) / 127)) * (Math.Abs(largest) / 127)
                    : precision == OnnxPrecision.FP8 ? Float8(values[row] / (Math.Abs(largest) / 448)) * (Math.Abs(largest) / 448)
                    : precision == OnnxPrecision.INT8Weight ? (Math.Clamp(MathF.Round(values[row] / (largest / -128)) + 128, 0, 255) - 128) * (largest / -128)
                    : Int4(values[row], Math.Min(0, values.Min()), Math.Max(0, values.Max()));
            }
        }

        return stored;
    }

    private static float Int4(float value, float least, float most)
    {
        var scale = (most - least) / 15;
        var zero = Math.Clamp(MathF.Round(-least / scale), 0, 15);
        return (Math.Clamp(MathF.Round((value / scale) + zero), 0, 15) - zero) * scale;
    }

    // E4M3: three bits after the first.
    private static float Float8(float value)
    {
        if (value == 0)
        {
            return 0;
        }

        var step = MathF.Pow(2, Math.Max(-6, MathF.Floor(MathF.Log2(Math.Abs(value)))) - 3);
        return MathF.Round(value / step, MidpointRounding.ToEven) * step;
    }

    private PortOutcome Digits(string precision, bool attribute = true, params (string Name, string Value)[] more)
    {
        var metadata = new Dictionary<string, string>
        {
            ["Precision"] = precision,
            ["Evaluation"] = Path.Combine(DigitsModel.Folder, "eval.safetensors"),
            ["Attribute"] = attribute ? "true" : "false",
        };
        if (precision is "INT8" or "FP8" or "FP16")
        {
            metadata["Calibration"] = Path.Combine(DigitsModel.Folder, "calibration.safetensors");
        }

        foreach (var (name, value) in more)
        {
            metadata[name] = value;
        }

        var request = PortRequest.Parse(Path.Combine(DigitsModel.Folder, "model.onnx"), _folder["out"], metadata, new Dictionary<string, string> { ["Threads"] = "1", ["CacheDirectory"] = _folder["cache"] }, "app.csproj");
        return PortPipeline.Run(request, new QuietObserver(), TestContext.Current.CancellationToken);
    }
}
