using System.Text.Json;

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

    private Task<ToolResult> Port(string budget) => ToolProcess.Run(
        "port", Path.Combine(Digits, "model.onnx"), "--name", "digits", "--precision", "INT8", "--calibration", Path.Combine(Digits, "calibration.safetensors"),
        "--evaluation", Path.Combine(Digits, "eval.safetensors"), "--output", Path.Combine(_folder.Path, "out"), "--cache", Path.Combine(_folder.Path, "cache"), "--threads", "1", "--budget", budget);
}
