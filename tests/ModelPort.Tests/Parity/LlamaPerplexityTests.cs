using System.Globalization;
using System.Text.Json;
using ModelPort.Engines.LlamaCpp;
using ModelPort.Parity;
using ModelPort.Tests.Support;

namespace ModelPort.Tests.Parity;

/// <summary>
/// The figures of a comparison against what llama-perplexity printed for the same two files, text and windows: every digit. Logits differ from one variant of
/// the CPU back-end to the next, so the digits belong to one variant; the arithmetic by itself is tested everywhere (<see cref="PositionStatisticsTests"/>).
/// </summary>
public sealed class LlamaPerplexityTests
{
    private static readonly JsonElement[] Golden = Read();

    public static TheoryData<string, string, string, int> Cases() =>
        [.. Golden.Select(c => (Text(c, "model"), Text(c, "source"), Text(c, "port"), c.GetProperty("windowLength").GetInt32())).Distinct()];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Every_printed_digit_is_equal(string model, string source, string port, int window)
    {
        var runtime = LlamaRuntime.Load();
        var golden = Golden.FirstOrDefault(c =>
            (Text(c, "cpuBackend"), Text(c, "model"), Text(c, "source"), Text(c, "port"), c.GetProperty("windowLength").GetInt32()) == (runtime.CpuBackend, model, source, port, window));
        Assert.SkipWhen(golden.ValueKind == JsonValueKind.Undefined, $"llama-perplexity was not run on a processor for which llama.cpp chooses {runtime.CpuBackend}.");

        var printed = golden.GetProperty("figures").EnumerateObject().ToDictionary(f => f.Name, f => f.Value.EnumerateArray().Select(v => v.GetString()!).ToArray());
        Assert.Equal(35, printed.Count);
        var found = Measure(runtime, model, source, port, window, golden.GetProperty("windows").GetInt32());
        Assert.All(printed, expected =>
        {
            var (value, error) = found[expected.Key];
            Assert.Equal(expected.Value, ((double[])[value, error ?? 0])[..expected.Value.Length].Zip(expected.Value, Like));
        });
    }

    private static Dictionary<string, (double Value, double? Error)> Measure(LlamaRuntime runtime, string model, string source, string port, int window, int windows)
    {
        using var folder = new TemporaryFolder();
        var files = Ports.Make(Repository.Checkpoint(model), $"{source};{port}", folder.Path);
        using var first = Load(runtime, files[source]);
        var sample = TextSample.Take(first.Model, EvaluationText.Open(Path.Combine(Repository.Root, "samples", "data", "evaluation.txt")), windows * window, window).Windows;
        using var record = RecordedLogits.Record(
            folder["logits"], sample, first.Model.VocabularySize, model, (reader, _) => first.Run(sample, LlamaCacheType.F16, reader, _ => { }, TestContext.Current.CancellationToken));
        using var logits = RecordedLogits.Open(record.TemporaryPath, first.Model.VocabularySize);
        using var second = Load(runtime, files[port]);
        var positions = LogitComparison.Run(logits, second, LlamaCacheType.F16, _ => { }, TestContext.Current.CancellationToken).Positions;

        // The second run of llama-perplexity knows the losses of the base from its 16-bit codes.
        PositionStatistics[] coded = [.. positions.Select(p => p with { ReferenceLoss = p.CodedReferenceLoss })];
        var figures = PositionFigures.Of(coded, Subject.Port, Reference.Source).ToDictionary(f => f.Name, f => (f.Value, f.Error));
        figures["sourcePerplexity"] = (PositionFigures.ReferencePerplexity(positions).Value, PositionFigures.ReferencePerplexity(positions).Error);
        figures["codedSourcePerplexity"] = (PositionFigures.ReferencePerplexity(coded).Value, PositionFigures.ReferencePerplexity(coded).Error);
        return figures;
    }

    // One thread: on a busy machine several would wait for each other, and digits do not depend on it.
    private static Evaluator Load(LlamaRuntime runtime, string path) => new(runtime, path, 1, PortRequest.DefaultMemoryBudget, TestContext.Current.CancellationToken);

    private static string Like(double value, string printed) => value.ToString("F" + (printed.Length - printed.IndexOf('.') - 1), CultureInfo.InvariantCulture);

    private static string Text(JsonElement golden, string name) => golden.GetProperty(name).GetString()!;

    private static JsonElement[] Read()
    {
        using var document = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Repository.Root, "tests", "Fixtures", "parity", "llama-perplexity.json")));
        return [.. document.RootElement.Clone().GetProperty("cases").EnumerateArray()];
    }
}
