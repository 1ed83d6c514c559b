using System.Text.Json;
using ModelPort.Diagnostics;
using ModelPort.Parity;
using ModelPort.Tests.Support;

namespace ModelPort.Tests.Onnx;

/// <summary>A transformer as PyTorch exports it, by the whole road, beside what ONNX Runtime's Python tools make of it (reference.json).</summary>
public sealed class GlossEncoderTests(ITestOutputHelper output)
{
    private const string Data = "eval.safetensors";

    private static readonly Dictionary<string, string> OfPythonTools = new() { ["FP16"] = "fp16", ["INT8"] = "qdq_minmax_u8s8_perchannel", ["INT8-Dynamic"] = "dynamic" };

    private static string Folder => Path.Combine(Repository.Root, "tests", "Fixtures", "onnx", "gloss-encoder");

    [Fact]
    public void A_transformer_keeps_its_accuracy_at_the_precisions_of_integers_and_half_floats()
    {
        using var folder = new TemporaryFolder();
        var manifest = Port(folder, "FP32;FP16;INT8;INT8-Dynamic").Manifest;
        using var reference = JsonDocument.Parse(File.ReadAllText(Path.Combine(Folder, "reference.json")));
        foreach (var port in manifest.Outputs)
        {
            var (accuracy, of) = (port.Metrics.Find(Metric.Accuracy, Subject.Port, on: Data)!.Value, port.Metrics.Find(Metric.Accuracy, Subject.Source, on: Data)!.Value);
            output.WriteLine(FormattableString.Invariant($"{port.Precision}: {port.Bytes} bytes, {of:F2} -> {accuracy:F2} %"));
            Assert.Equal(65.8, of, 6);
            Assert.InRange(accuracy, of - 1, 100);
            Assert.Equal(Verdict.Kept, port.Verdict);
            if (OfPythonTools.TryGetValue(port.Precision, out var name))
            {
                Assert.InRange(port.Bytes, 1, (long)(1.05 * reference.RootElement.GetProperty(name).GetProperty("bytes").GetInt64()));
            }
        }
    }

    private static PortOutcome Port(TemporaryFolder folder, string precisions)
    {
        var metadata = new Dictionary<string, string>
        {
            ["Name"] = "gloss",
            ["Precision"] = precisions,
            ["Evaluation"] = Path.Combine(Folder, Data),
            ["Calibration"] = Path.Combine(Folder, "calibration.safetensors"),
        };
        var request = PortRequest.Parse(Path.Combine(Folder, "model.onnx"), folder["out"], metadata, new Dictionary<string, string> { ["Threads"] = "1", ["CacheDirectory"] = folder["cache"] }, "app.csproj");
        return PortPipeline.Run(request, new QuietObserver(), TestContext.Current.CancellationToken);
    }
}
