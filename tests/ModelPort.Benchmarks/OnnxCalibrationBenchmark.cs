using System.CommandLine;
using System.Globalization;
using ModelPort.Diagnostics;
using ModelPort.Engines.OnnxRuntime;
using ModelPort.Onnx;
using ModelPort.Onnx.Calibration;
using ModelPort.Onnx.Data;

namespace ModelPort.Benchmarks;

/// <summary>
/// The verb <c>onnx-calibration</c>: an INT8 port whose ranges are measured on many samples, by each method, beside plain runs of the same samples. Each is a
/// process of its own. A second measurement with a tenth of the samples shows what memory follows.
/// </summary>
internal static class OnnxCalibrationBenchmark
{
    private const int Side = 32;
    private const int Channels = 16;
    private const string Plain = "plain";

    internal static Command Command()
    {
        var output = new Option<string>("--output") { Description = "Where model, samples and ports go.", Required = true };
        var samples = new Option<int>("--samples") { Description = "Samples; a tenth of them is measured too.", DefaultValueFactory = _ => 10_000 };
        var once = new Option<string?>("--once") { Description = $"One measurement: {Plain}, or a method." };
        var command = new Command("onnx-calibration", "Calibration on many samples, against plain runs of them.") { output, samples, once };
        command.SetAction(parsed =>
        {
            string folder = Path.GetFullPath(parsed.GetValue(output)!);
            Directory.CreateDirectory(folder);
            string source = Path.Combine(folder, "calibration.onnx");
            int count = parsed.GetValue(samples);
            if (parsed.GetValue(once) is { } what)
            {
                OwnProcess.Measure(() => CarryOut(what, source, DataOf(folder, count), Path.Combine(folder, what)));
                return 0;
            }

            using (var model = SyntheticOnnx.Convolutions(Side, Channels))
            {
                model.Save(source);
            }

            Console.WriteLine("samples  work          a sample  to plain  processor to plain  peak memory");
            foreach (int each in new[] { count / 10, count })
            {
                SyntheticSamples.Images(DataOf(folder, each), each, Side, 1);
                ProcessFigures? plain = null;
                foreach (string work in (string[])[Plain, .. Enum.GetNames<RangeMethod>()])
                {
                    var took = OwnProcess.Run("onnx-calibration", "--output", folder, "--samples", each.ToString(CultureInfo.InvariantCulture), "--once", work);
                    plain ??= took;
                    Console.WriteLine(string.Create(
                        CultureInfo.InvariantCulture,
                        $"{each,7}  {work,-10} {1000 * took.Seconds / each,8:0.00} ms  {took.Seconds / plain.Seconds,8:0.00}  {took.Processor / plain.Processor,18:0.00}  {Sizes.Bytes(took.PeakMemory),11}"));
                }

                File.Delete(DataOf(folder, each));
            }

            return 0;
        });
        return command;
    }

    private static string DataOf(string folder, int samples) => Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"images-{samples}.safetensors"));

    private static void CarryOut(string what, string source, string data, string output)
    {
        if (what == Plain)
        {
            Run(source, data);
            return;
        }

        var request = PortRequest.Parse(
            source,
            output,
            new Dictionary<string, string> { ["Precision"] = "INT8", ["Calibration"] = data, ["CalibrationMethod"] = what },
            new Dictionary<string, string> { ["Threads"] = "1", ["Parity"] = "off", ["CacheDirectory"] = "none" },
            "");
        var port = PortPipeline.Run(request, new QuietObserver(), CancellationToken.None);
        Console.WriteLine($"{port.Manifest.Ranges!.Samples} samples, {port.Manifest.Outputs[0].Graph!.Ranges.Count} ranges");
        Directory.Delete(output, recursive: true);
    }

    // As calibration runs them: one a run, without optimisation.
    private static void Run(string source, string data)
    {
        using var model = OnnxSource.Open(source);
        using var samples = SampleSet.Open(data, model.Signature, []);
        using var session = OnnxSession.Open(source, new OnnxSessionOptions { Threads = 1 });
        var runner = new ModelRunner(session, model.Signature, []);
        string[] outputs = [.. model.Signature.Outputs.Select(o => o.Name)];
        foreach (var run in samples.Runs())
        {
            runner.Run(run, outputs, CancellationToken.None);
        }
    }
}
