using System.CommandLine;
using System.Globalization;
using ModelPort.Diagnostics;
using ModelPort.Manifests;
using ModelPort.Parity;

namespace ModelPort.Benchmarks;

/// <summary>
/// The verb <c>onnx-int8</c>: a convolution network and an encoder are ported as users port, and run by turns with their sources, both as an application loads
/// them. Ratios are medians of the rounds, with quartiles, so that a busy machine slows both alike; beside them stands what runs.
/// </summary>
internal static class OnnxInt8Benchmark
{
    private const int CalibrationSamples = 32;
    private const int EvaluationSamples = 32;

    internal static Command Command()
    {
        var output = new Option<string>("--output") { Description = "Where models, samples and ports go.", Required = true };
        var precisions = new Option<string>("--precision") { Description = "Precisions.", DefaultValueFactory = _ => "INT8" };
        var optimize = new Option<string>("--optimize") { Description = "How far the graph is rewritten before it is saved.", DefaultValueFactory = _ => "none" };
        var threads = new Option<int>("--threads") { Description = "Threads of a run.", DefaultValueFactory = _ => 1 };
        var command = new Command("onnx-int8", "INT8 ports of a convolution network and of an encoder, against their sources.") { output, precisions, optimize, threads };
        command.SetAction(parsed =>
        {
            string folder = Path.GetFullPath(parsed.GetValue(output)!);
            Directory.CreateDirectory(folder);
            foreach (string name in new[] { "convolutions", "transformer" })
            {
                string source = Path.Combine(folder, name + ".onnx");
                using (var model = name == "convolutions" ? SyntheticOnnx.Convolutions() : SyntheticOnnx.Transformer())
                {
                    model.Save(source);
                }

                string Samples(string what, int count, int seed) => name == "convolutions"
                    ? SyntheticSamples.Images(Path.Combine(folder, $"{name}-{what}.safetensors"), count, SyntheticOnnx.Side, seed)
                    : SyntheticSamples.Texts(Path.Combine(folder, $"{name}-{what}.safetensors"), count, seed);
                var request = PortRequest.Parse(
                    source,
                    Path.Combine(folder, name),
                    new Dictionary<string, string>
                    {
                        ["Precision"] = parsed.GetValue(precisions)!,
                        ["Optimize"] = parsed.GetValue(optimize)!,
                        ["Calibration"] = Samples("calibration", CalibrationSamples, 1),
                        ["Evaluation"] = Samples("evaluation", EvaluationSamples, 2),
                        ["Serving"] = "true",
                    },
                    new Dictionary<string, string> { ["Threads"] = parsed.GetValue(threads).ToString(CultureInfo.InvariantCulture), ["CacheDirectory"] = "none" },
                    "");
                Print(name, PortPipeline.Run(request, new QuietObserver(), CancellationToken.None).Manifest);
            }

            return 0;
        });
        return command;
    }

    private static void Print(string name, Manifest manifest)
    {
        foreach (var port in manifest.Outputs)
        {
            var ratio = port.Serving!.Ratios.First(r => r.Metric == Metric.RunLatencyP50.Name);
            double Of(Subject of) => port.Metrics.Find(Metric.RunLatencyP50, of)!.Value;
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{name} {port.Precision}: {Of(Subject.Source):0.00} -> {Of(Subject.Port):0.00} ms a run, {1 / ratio.Median:0.00} times as fast (quartiles {1 / ratio.High:0.00} to {1 / ratio.Low:0.00}, {port.Serving.Rounds} rounds), cosine similarity {port.Metrics.Find(Metric.CosineSimilarity, Subject.Port, Reference.Source, "logits")!.Value:0.0000}, {manifest.Source.WeightBytes / 1e6:0.0} -> {port.Bytes / 1e6:0.0} MB"));
            Console.WriteLine($"  source runs {Census(port.Kernels!.SourceRuns)}");
            Console.WriteLine($"  port runs   {Census(port.Kernels!.PortRuns)}");
            foreach (var unfused in port.Kernels.Unfused)
            {
                Console.WriteLine($"  {unfused}");
            }
        }
    }

    private static string Census(IReadOnlyDictionary<string, int>? operators) =>
        operators is null ? "not known" : string.Join(", ", operators.OrderByDescending(o => o.Value).ThenBy(o => o.Key, StringComparer.Ordinal).Select(o => $"{o.Value} {o.Key}"));
}
