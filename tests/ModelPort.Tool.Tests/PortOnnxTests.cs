using System.Text.Json;
using System.Text.Json.Nodes;

namespace ModelPort.Tool.Tests;

/// <summary>plan and port of ONNX models, as a person runs them.</summary>
public sealed class PortOnnxTests : IDisposable
{
    private static readonly string Digits = Path.Combine(Repository.Root, "tests", "Fixtures", "onnx", "digits-cnn");

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_port_is_summarised_done_once_and_refused_with_exit_code_3()
    {
        var first = await Port("MaxAccuracyDrop=0.5");
        Assert.Equal((0, ""), (first.ExitCode, first.Errors));
        Assert.Contains("accuracy on eval.safetensors 98.99 -> ", first.Lines[0], StringComparison.Ordinal);
        Assert.StartsWith("parity gate of digits INT8 against its source (FP32, onnxruntime", first.Lines[1], StringComparison.Ordinal);
        Assert.StartsWith("written to", first.Lines[^1], StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(_folder.Path, "out", "digits-INT8.onnx")));

        var second = await Port("MaxAccuracyDrop=0.5");
        Assert.StartsWith("nothing to do", second.Lines[^1], StringComparison.Ordinal);

        var missed = await Port("MaxOutputError=0.0001");
        Assert.Equal(3, missed.ExitCode);
        Assert.Contains("error MP3001", missed.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_plan_is_shown_as_text_and_json()
    {
        var text = await ToolProcess.Run("plan", Path.Combine(Digits, "model.onnx"), "--precision", "INT8-Weight");
        Assert.Equal((0, ""), (text.ExitCode, text.Errors));
        Assert.Contains("/0/Conv (Conv) stays in float", text.Output, StringComparison.Ordinal);
        var json = await ToolProcess.Run("plan", Path.Combine(Digits, "model.onnx"), "--precision", "INT8", "--format", "json");
        using var plan = JsonDocument.Parse(json.Output);
        Assert.Equal("model-INT8.onnx", plan.RootElement.GetProperty("ports")[0].GetProperty("file").GetString());
    }

    [Fact]
    public async Task Times_and_memory_are_taken_at_each_batch_size_judged_and_not_taken_again()
    {
        var served = await Port("MaxPeakMemory=1000", "--batch-sizes", "1;8", "--hourly-cost", "3.6", "--budget", "MaxP95Latency=10000");
        Assert.True(served.ExitCode == 0, served.Errors);
        Assert.Contains("MaxP95Latency on batch 1 ", served.Output, StringComparison.Ordinal);
        Assert.Contains("MaxPeakMemory ", served.Output, StringComparison.Ordinal);
        var port = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(_folder.Path, "out", "modelport.json"), TestContext.Current.CancellationToken))!["outputs"]![0]!;
        double Of(string name, string of, string? on = null) =>
            port["metrics"]!.AsArray().Single(m => (string)m!["name"]! == name && (string)m["of"]! == of && (string?)m["on"] == on)!["value"]!.GetValue<double>();
        Assert.All(new[] { "source", "port" }.SelectMany(of => new[] { "batch 1", "batch 8" }.Select(on => (of, on))), f =>
        {
            Assert.InRange(Of("runLatencyP50", f.of, f.on), 1e-4, Of("runLatencyP95", f.of, f.on));
            Assert.InRange(Of("runLatencyP95", f.of, f.on), 0, Of("runLatencyP99", f.of, f.on));
            Assert.Equal(1e6 / Of("samplesPerSecond", f.of, f.on) / 1000, Of("costPerMillionRequests", f.of, f.on), 1e-9);
        });
        // The files are 0.2 MB, and the runtime's working memory is a few.
        Assert.All(new[] { "source", "port" }, of => Assert.InRange(Of("peakMemory", of), 0.2, 100));
        Assert.Equal([1, 8], port["serving"]!["batches"]!.AsArray().Select(b => b!["size"]!.GetValue<int>()));
        Assert.Equal(5, port["serving"]!["ratios"]!.AsArray().Count);
        var page = await File.ReadAllTextAsync(Path.Combine(_folder.Path, "out", "parity.html"), TestContext.Current.CancellationToken);
        Assert.Contains("time of a run (batch 8)", page, StringComparison.Ordinal);
        Assert.Contains("peak memory, MB", page, StringComparison.Ordinal);

        Assert.Contains("nothing to do", (await Port("MaxPeakMemory=900", "--batch-sizes", "1;8")).Output, StringComparison.Ordinal);
        // A port that is slower than its source says at which size.
        var slower = port["serving"]!["ratios"]!.AsArray().Where(r => (string)r!["metric"]! == "runLatencyP50" && r["low"]!.GetValue<double>() > 1).Select(r => ((string)r!["on"]!)["batch ".Length..]).ToArray();
        Assert.Equal(slower.Length > 0, served.Errors.Contains("warning MP3041", StringComparison.Ordinal));
        Assert.All(slower, size => Assert.Contains($"a run of {size} sample", served.Errors, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_file_that_somebody_made_is_validated_as_text_and_json()
    {
        var copy = Path.Combine(_folder.Path, "copy.onnx");
        File.Copy(Path.Combine(Digits, "model.onnx"), copy);
        string[] validate = ["validate", copy, "--source", Path.Combine(Digits, "model.onnx"), "--evaluation", Path.Combine(Digits, "eval.safetensors"), "--threads", "1"];
        var text = await ToolProcess.Run([.. validate, "--precision", "FP32"]);
        Assert.Equal((0, ""), (text.ExitCode, text.Errors));
        Assert.StartsWith("copy.onnx against source c8df66ff7423, 497 samples of eval.safetensors", text.Lines[0], StringComparison.Ordinal);
        Assert.Contains(text.Lines, l => l.StartsWith("MaxAccuracyDrop on eval.safetensors 98.99 -> 98.99", StringComparison.Ordinal));

        var json = await ToolProcess.Run([.. validate, "--budget", "MaxSize=0.1", "--format", "json"]);
        Assert.Equal(3, json.ExitCode);
        var found = JsonNode.Parse(json.Output)!;
        Assert.Equal((497, false), (found["samples"]!.GetValue<int>(), found["kept"]!.GetValue<bool>()));
        Assert.Equal("MaxSize", (string)found["budgets"]!.AsArray().Single()!["name"]!);

        var unlike = await ToolProcess.Run(["validate", Path.Combine(Digits, "model.onnx"), "--source", Path.Combine(Repository.Root, "tests", "Fixtures", "none.onnx"), "--evaluation", "none.npz"]);
        Assert.Equal(1, unlike.ExitCode);
        Assert.Contains("error MP1001", unlike.Errors, StringComparison.Ordinal);
    }

    private Task<ToolResult> Port(string budget, params string[] more) => ToolProcess.Run(
        ["port", Path.Combine(Digits, "model.onnx"), "--name", "digits", "--precision", "INT8", "--calibration", Path.Combine(Digits, "calibration.safetensors"),
        "--evaluation", Path.Combine(Digits, "eval.safetensors"), "--output", Path.Combine(_folder.Path, "out"), "--cache", Path.Combine(_folder.Path, "cache"), "--threads", "1", "--budget", budget, .. more]);
}
