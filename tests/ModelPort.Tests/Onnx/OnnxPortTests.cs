using System.Text.Json;
using ModelPort.Diagnostics;
using ModelPort.Manifests;
using ModelPort.Packages;
using ModelPort.Parity;
using ModelPort.Reports;
using ModelPort.Tests.Support;

namespace ModelPort.Tests.Onnx;

/// <summary>The digits model by the whole road, once for all tests.</summary>
public sealed class DigitsPorts : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public DigitsPorts() => Outcome = Run(Folder);

    public string Folder => _folder["digits"];

    public PortOutcome Outcome { get; }

    public string Beside(string name) => _folder[name];

    public PortOutcome Run(string output, string precisions = "FP32;FP16;INT8;INT8-Dynamic", params (string Name, string Value)[] more) =>
        PortPipeline.Run(Request(output, precisions, more), new QuietObserver(), TestContext.Current.CancellationToken);

    public PortRequest Request(string output, string precisions, params (string Name, string Value)[] more)
    {
        var metadata = new Dictionary<string, string>
        {
            ["Precision"] = precisions,
            ["Evaluation"] = Path.Combine(DigitsModel.Folder, "eval.safetensors"),
            ["Calibration"] = Path.Combine(DigitsModel.Folder, "calibration.safetensors"),
            ["MaxAccuracyDrop"] = "0.5",
        };
        foreach (var (name, value) in more)
        {
            metadata[name] = value;
        }

        return PortRequest.Parse(Path.Combine(DigitsModel.Folder, "model.onnx"), output, metadata, new Dictionary<string, string> { ["Threads"] = "1", ["CacheDirectory"] = _folder["cache"] }, "app.csproj");
    }

    public void Dispose() => _folder.Dispose();
}

/// <summary>Ports of a real ONNX model: request, plan, port, parity, manifest, gate, cache, report.</summary>
public sealed class OnnxPortTests(DigitsPorts ports, ITestOutputHelper output) : IClassFixture<DigitsPorts>
{
    private Manifest Digits => ports.Outcome.Manifest;

    [Fact]
    public void Weights_that_a_file_may_not_hold_are_in_several_which_the_engine_loads_as_they_are()
    {
        var folder = ports.Beside("parts");
        var outcome = ports.Run(folder, "FP32;INT8", ("SplitMaxSize", "80KB"));
        var (whole, small) = (outcome.Manifest.Outputs[0], outcome.Manifest.Outputs[1]);
        Assert.Equal(
            ["model-FP32.onnx", "model-FP32.onnx-00001-of-00003.data", "model-FP32.onnx-00002-of-00003.data", "model-FP32.onnx-00003-of-00003.data"], whole.Files.Select(f => f.Name));
        Assert.All(whole.Files, f => Assert.InRange(f.Bytes, 1, 80_000));
        Assert.All(whole.Files, f => Assert.Equal(f.Sha256, Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(Path.Combine(folder, f.Name))))));
        Assert.Equal("model-INT8.onnx", Assert.Single(small.Files).Name);
        Assert.Equal(Digits.Outputs[0].Metrics.Find(Metric.Accuracy, Subject.Port, on: "eval.safetensors")!.Value, whole.Metrics.Find(Metric.Accuracy, Subject.Port, on: "eval.safetensors")!.Value);

        // Another folder has them from the store; another cut in the same folder leaves none of the old files.
        var again = ports.Run(ports.Beside("parts again"), "FP32;INT8", ("SplitMaxSize", "80KB"));
        Assert.False(again.Measured);
        Assert.Equal(whole.Files, again.Manifest.Outputs[0].Files);
        ports.Run(folder, "FP32;INT8");
        Assert.Equal(["model-FP32.onnx", "model-INT8.onnx"], Directory.GetFiles(folder, "*.*n*").Select(Path.GetFileName).Where(n => n!.StartsWith("model-", StringComparison.Ordinal)).Order(StringComparer.Ordinal));

        var tooLarge = Assert.Throws<ModelPortException>(() => ports.Run(ports.Beside("too large"), "FP32", ("SplitMaxSize", "70KB"))).Diagnostic;
        Assert.Equal("MP2010", tooLarge.Code);
        Assert.Contains("tensor '6.weight' needs a file of 73728 bytes", tooLarge.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Inputs_and_outputs_of_half_floats_are_measured_with_rounded_samples_and_said()
    {
        var half = ports.Run(ports.Beside("half"), "FP16;INT8", ("HalfInputsAndOutputs", "true"));
        Assert.Empty(half.Missed);
        var graph = half.Manifest.Outputs[0].Graph!;
        Assert.Equal(("image", "FLOAT16 [batch, 1, 8, 8]"), graph.Inputs!.Select(p => (p.Name, p.Type)).Single());
        Assert.Equal(("logits", "FLOAT16 [batch, 10]"), graph.Outputs!.Select(p => (p.Name, p.Type)).Single());
        Assert.Contains("Inputs and outputs that are FLOAT16 now: image, logits.", graph.Notes);
        Assert.InRange(half.Manifest.Outputs[0].Metrics.Find(Metric.LargestOutputDifference, Subject.Port, Reference.Source, "logits")!.Value, 1e-6, 0.05);
        Assert.Null(half.Manifest.Outputs[1].Graph!.Inputs);

        Assert.Equal("MP1020", Assert.Throws<ModelPortException>(() => ports.Run(ports.Beside("no half"), "INT8", ("HalfInputsAndOutputs", "true"))).Diagnostic.Code);
    }

    [Fact]
    public void The_source_computes_what_its_framework_computed()
    {
        using var reference = JsonDocument.Parse(File.ReadAllText(Path.Combine(DigitsModel.Folder, "reference.json")));
        var figures = Digits.Outputs[0].Metrics;
        Assert.Equal(100 * reference.RootElement.GetProperty("fp32_accuracy").GetDouble(), figures.Find(Metric.Accuracy, Subject.Source, on: "eval.safetensors")!.Value, 1e-5);
        Assert.InRange(figures.Find(Metric.LargestOutputDifference, Subject.Source, Reference.ReferenceOutputs, "logits")!.Value, 0, 1e-4);
        Assert.Equal(reference.RootElement.GetProperty("test_rows").GetInt32(), Digits.Evaluation!.Positions);
    }

    [Fact]
    public void Each_port_is_within_its_budgets_and_smaller_than_its_source()
    {
        foreach (var port in Digits.Outputs)
        {
            output.WriteLine(Summary.Line(Digits, port));
            output.WriteLine(Gate.Line(Digits, port));
        }

        Assert.Empty(ports.Outcome.Missed);
        Assert.All(Digits.Outputs, port =>
        {
            Assert.Equal(Verdict.Kept, port.Verdict);
            Assert.InRange(port.Metrics.Find(Metric.AccuracyDrop, Subject.Port, Reference.Source, "eval.safetensors")!.Value, -1, 0.5);
        });
        Assert.All(Digits.Outputs.Skip(1), port => Assert.InRange(port.Bytes, 0, Digits.Source.WeightBytes * 6 / 10));
    }

    [Fact]
    public void FP32_is_the_source_byte_for_byte() =>
        Assert.Equal(File.ReadAllBytes(Path.Combine(DigitsModel.Folder, "model.onnx")), File.ReadAllBytes(Path.Combine(ports.Folder, Digits.Outputs[0].FileName)));

    [Fact]
    public void Every_calibration_sample_is_used_and_counted()
    {
        Assert.Equal(100, Digits.Ranges!.Samples);
        Assert.NotEmpty(Digits.Outputs.Single(o => o.Precision == "INT8").Graph!.Ranges);
        Assert.Empty(Digits.Outputs.Single(o => o.Precision == "INT8-Dynamic").Graph!.Ranges);
    }

    [Fact]
    public void What_the_model_takes_and_gives_is_in_the_manifest()
    {
        Assert.Equal("image", Assert.Single(Digits.Model.Inputs!).Name);
        Assert.Equal("logits", Assert.Single(Digits.Model.Outputs!).Name);
    }

    [Fact]
    public void A_second_run_does_nothing()
    {
        var again = ports.Run(ports.Folder);
        Assert.False(again.Ported);
        Assert.False(again.Measured);
        Assert.Equal(Digits.ToJson(), again.Manifest.ToJson());
    }

    [Fact]
    public void Another_folder_gets_the_same_from_the_cache_and_a_further_precision_is_all_that_is_made()
    {
        var folder = ports.Beside("other");
        var same = ports.Run(folder);
        Assert.True(same.Ported);
        Assert.False(same.Measured);
        Assert.Equal(Digits.Outputs.Select(o => o.Sha256), same.Manifest.Outputs.Select(o => o.Sha256));
        var more = ports.Run(folder, "INT8;INT8-Weight");
        Assert.True(more.Measured);
        Assert.Equal(Digits.Outputs[2].Sha256, more.Manifest.Outputs[0].Sha256);
    }

    [Fact]
    public void A_change_is_named()
    {
        var request = ports.Request(ports.Folder, "FP32;FP16;INT8;INT8-Dynamic", ("CalibrationMethod", "Entropy"));
        Assert.Contains("CalibrationMethod changed: MinMax -> Entropy", Assert.Single(PortPipeline.WhyPortedAgain(request, new QuietObserver(), TestContext.Current.CancellationToken)!), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Entropy")]
    [InlineData("Percentile")]
    public void Other_calibrations_keep_the_accuracy_too(string method)
    {
        var outcome = ports.Run(ports.Beside(method), "INT8", ("CalibrationMethod", method));
        output.WriteLine(Summary.Line(outcome.Manifest, outcome.Manifest.Outputs[0]));
        Assert.Empty(outcome.Missed);
        Assert.Equal(method, outcome.Manifest.Ranges!.Method.ToString());

        // Entropy sees no far tail here, and cuts none off.
        Assert.Equal(method == "Entropy", Digits.Outputs[2].Sha256 == outcome.Manifest.Outputs[0].Sha256);
    }

    [Fact]
    public void A_missed_budget_is_named_with_what_it_was_measured_on()
    {
        var outcome = ports.Run(ports.Beside("missed"), "INT8", ("MaxOutputError", "0.01"));
        var missed = Assert.Single(outcome.Missed);
        Assert.Equal("MP3001", missed.Code);
        Assert.Contains("497 samples of eval.safetensors", missed.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Nodes_that_cost_too_much_stay_in_float_until_the_accuracy_is_kept_and_the_search_is_remembered()
    {
        (string, string)[] harsh = [("CalibrationMethod", "Percentile"), ("CalibrationPercentile", "60")];
        var missed = ports.Run(ports.Beside("harsh"), "INT8", [.. harsh, ("MaxAccuracyDrop", "100")]);
        Assert.True(missed.Manifest.Outputs[0].Metrics.Find(Metric.AccuracyDrop, Subject.Port, Reference.Source, "eval.safetensors")!.Value > 5);
        Assert.Equal(Verdict.Missed, missed.Manifest.Outputs[0].Verdict);
        Assert.Matches("Conv.*MinCosineSimilarity set to 0.98 by yourself leaves the worst nodes in float", missed.Missed.Single(m => m.Message.Contains("MinCosineSimilarity", StringComparison.Ordinal)).Message);

        var outcome = ports.Run(ports.Beside("searched"), "INT8", [.. harsh, ("MinCosineSimilarity", "0.5")]);
        output.WriteLine(Summary.Line(outcome.Manifest, outcome.Manifest.Outputs[0]));
        Assert.Empty(outcome.Missed);
        var kept = outcome.Manifest.Outputs[0].Graph!.Kept.Where(n => n.Reason.Contains("measured", StringComparison.Ordinal)).ToArray();
        Assert.NotEmpty(kept);
        Assert.Single(outcome.Manifest.Warnings, w => w.Code == "MP3040");
        Assert.NotEmpty(outcome.Manifest.Outputs[0].Graph!.Quantised);

        var again = ports.Run(ports.Beside("searched-again"), "INT8", [.. harsh, ("MinCosineSimilarity", "0.5")]);
        Assert.False(again.Measured);
        Assert.Equal(outcome.Manifest.Outputs[0].Sha256, again.Manifest.Outputs[0].Sha256);

        // Without labels a limit on the outputs does the same.
        var near = ports.Run(ports.Beside("near"), "INT8", ("MinCosineSimilarity", "0.99999"));
        Assert.Empty(near.Missed);
        Assert.Contains("MinCosineSimilarity 0.99999", Assert.Single(near.Manifest.Warnings, w => w.Code == "MP3040").Message, StringComparison.Ordinal);
        Assert.NotEmpty(near.Manifest.Outputs[0].Graph!.Quantised);
    }

    [Fact]
    public void A_plan_says_what_stays_in_float_and_needs_no_data()
    {
        var request = ports.Request(ports.Beside("none"), "FP32;INT8-Weight;INT8") with { Evaluation = null, Calibration = null };
        var plan = ModelPort.Onnx.OnnxPlanSummary.Of(request, why: false, new QuietObserver(), TestContext.Current.CancellationToken);
        Assert.Equal(["model-FP32.onnx", "model-INT8-Weight.onnx", "model-INT8.onnx"], plan.Ports.Select(p => p.File));
        Assert.Contains(plan.Ports[1].Kept, n => n.Operator == "Conv");
        Assert.True(plan.Ports[2].Ranges > 0);
        Assert.Equal([], ModelPort.Onnx.OnnxPlanSummary.Of(ports.Request(ports.Folder, "FP32;FP16;INT8;INT8-Dynamic"), why: true, new QuietObserver(), TestContext.Current.CancellationToken).Why!);
    }

    [Fact]
    public void The_report_is_read_back_and_shown()
    {
        var report = ParityReport.TryRead(Path.Combine(ports.Folder, ParityReport.FileName), Digits);
        Assert.NotNull(report);
        var page = File.ReadAllText(ports.Outcome.ReportPath!);
        Assert.Contains("Outputs against the source", page, StringComparison.Ordinal);
        Assert.DoesNotContain("perplexity", page, StringComparison.Ordinal);
    }

    [Fact]
    public void Releases_of_the_model_are_compared()
    {
        using var before = PackedFiles.Open(ports.Folder);
        using var now = PackedFiles.Open(ports.Folder);
        var same = PackageComparison.Compare(before, "1.0", now, "1.1");
        Assert.All(same.Lines, line => Assert.Equal(ChangeKind.None, line.Kind));
        Assert.Contains(same.Lines, line => line.What == "inputs");
        Assert.Contains(same.Lines, line => line.What.Contains("accuracy", StringComparison.Ordinal));
    }

    [Fact]
    public void Weights_in_a_file_of_their_own_stay_in_one()
    {
        using var folder = new TemporaryFolder();
        using (var model = DigitsModel.Open())
        {
            model.Save(folder["large.onnx"], "large.weights");
        }

        PortOutcome Port() => PortPipeline.Run(
            ports.Request(folder["out"], "FP32;FP16", ("Name", "large")) with { Source = folder["large.onnx"], Calibration = null }, new QuietObserver(), TestContext.Current.CancellationToken);
        var outcome = Port();
        Assert.Contains(folder["large.weights"], outcome.InputPaths);
        Assert.All(outcome.Manifest.Outputs, port => Assert.Equal([$"large-{port.Precision}.onnx", $"large-{port.Precision}.onnx.data"], port.Files.Select(f => f.Name)));
        Assert.All(outcome.OutputPaths, path => Assert.True(File.Exists(path), path));
        Assert.Empty(Directory.GetDirectories(folder["out"]));
        Assert.False(Port().Ported);
        File.WriteAllBytes(folder["large.weights"], [.. File.ReadAllBytes(folder["large.weights"]).Select((b, i) => i == 5 ? (byte)(b ^ 1) : b)]);
        Assert.True(Port().Ported);
    }
}
