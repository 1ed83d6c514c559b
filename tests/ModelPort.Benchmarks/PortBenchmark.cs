using System.CommandLine;
using System.Globalization;
using ModelPort.Diagnostics;
using ModelPort.Planning;

namespace ModelPort.Benchmarks;

/// <summary>
/// The verb <c>port</c>: the whole port (parity off) against copying the same bytes. The verb <c>against-llama</c>: the same against llama.cpp's
/// own way, a conversion to BF16 and <c>llama_model_quantize</c>. Every measurement is a process of its own, and they take turns.
/// </summary>
internal static class PortBenchmark
{
    internal static Command AgainstCopy()
    {
        var options = new Options("BF16;Q8_0;Q4_K_M");
        var once = new Option<string?>("--once") { Description = $"One measurement: {Step.Copy}, {Step.Port} or {Step.Llama}." };
        var command = new Command("port", "The whole port against copying the same bytes.") { once };
        options.AddTo(command);
        command.SetAction(parsed =>
        {
            var request = options.Read(parsed);
            if (parsed.GetValue(once) is { } what)
            {
                Step.CarryOut(what, request);
            }
            else
            {
                CompareWithCopy(request, parsed.GetValue(options.Rounds));
            }
        });
        return command;
    }

    internal static Command AgainstLlama()
    {
        var options = new Options("Q4_K_M");
        var command = new Command("against-llama", "The whole port against llama_model_quantize, with and without the conversion that it needs.");
        options.AddTo(command);
        command.SetAction(parsed => CompareWithLlama(options.Read(parsed), parsed.GetValue(options.Rounds)));
        return command;
    }

    private static void CompareWithCopy(PortRequest request, int rounds)
    {
        PrintConditions(request, rounds);
        Console.WriteLine("precision      output      copy      port   copy/port   peak memory   written/output");
        foreach (var precision in request.Precisions)
        {
            var (copies, ports) = (new List<StepResult>(), new List<StepResult>());
            for (int round = 0; round < rounds; round++)
            {
                copies.Add(Step.Run(Step.Copy, request, precision));
                File.Delete(Step.PathOf(request, precision));
                ports.Add(Afresh(request, precision));
            }

            var (copy, port) = (Seconds(copies), Seconds(ports));
            var worst = Worst(ports);
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{precision,-10} {Sizes.Bytes(worst.Output),10} {copy,7:0.00} s {port,7:0.00} s {copy / port,11:0 %} {Sizes.Bytes(worst.PeakMemory),13} {(double)worst.Written / worst.Output,16:0.000}"));
            Clear(request, precision);
        }
    }

    private static void CompareWithLlama(PortRequest request, int rounds)
    {
        PrintConditions(request, rounds);
        Console.WriteLine("precision                    step      time   peak memory   written/output   port's share of the time");
        foreach (var precision in request.Precisions)
        {
            var (ports, conversions, quantisations) = (new List<StepResult>(), new List<StepResult>(), new List<StepResult>());
            for (int round = 0; round < rounds; round++)
            {
                ports.Add(Afresh(request, precision));
                conversions.Add(Afresh(request, Precision.BF16));
                quantisations.Add(Step.Run(Step.Llama, request, precision));
            }

            var (port, conversion, quantisation) = (Seconds(ports), Seconds(conversions), Seconds(quantisations));
            Print("port", port, Worst(ports), port);
            Print("conversion to BF16", conversion, Worst(conversions), port);
            Print("llama_model_quantize", quantisation, Worst(quantisations), port);
            Print("both", conversion + quantisation, null, port);
            Clear(request, precision);
            Clear(request, Precision.BF16);

            void Print(string step, double seconds, StepResult? worst, double ours) => Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{precision,-10} {step,22} {seconds,7:0.00} s {(worst is null ? "" : Sizes.Bytes(worst.PeakMemory)),13} {(worst is null ? "" : $"{(double)worst.Written / worst.Output:0.000}"),16} {"1/",22}{seconds / ours:0.0}"));
        }
    }

    // The port finds what was there, and does nothing; the manifest goes, so that it is made anew.
    private static StepResult Afresh(PortRequest request, Precision precision)
    {
        Clear(request, precision);
        return Step.Run(Step.Port, request, precision);
    }

    private static void Clear(PortRequest request, Precision precision)
    {
        File.Delete(Path.Combine(request.OutputDirectory, Manifests.Manifest.FileName));
        File.Delete(Path.Combine(request.OutputDirectory, "copy"));
        File.Delete(Path.Combine(request.OutputDirectory, "llama.gguf"));
        File.Delete(Step.PathOf(request, precision));
    }

    private static void PrintConditions(PortRequest request, int rounds)
    {
        long source = new DirectoryInfo(request.Source).EnumerateFiles("*.safetensors").Sum(f => f.Length);
        Console.WriteLine($"source {Sizes.Bytes(source)}, {request.Threads} threads, memory budget {Sizes.Bytes(request.MemoryBudget)}, medians of {rounds} alternating rounds");
    }

    private static double Seconds(List<StepResult> results) => Sample.Median([.. results.Select(r => r.Seconds)]);

    private static StepResult Worst(List<StepResult> results) => new(0, results.Max(r => r.PeakMemory), results.Max(r => r.Written), results[0].Output);

    private sealed class Options(string precisions)
    {
        private readonly Argument<string> _source = new("source") { Description = "A checkpoint, for instance one made by synthesise." };
        private readonly Option<string> _output = new("--output") { Description = "Where the outputs go, on the disk to measure.", Required = true };
        private readonly Option<string> _precisions = new("--precision") { Description = "Precisions, each measured alone.", DefaultValueFactory = _ => precisions };
        private readonly Option<string> _budget = new("--memory-budget") { Description = "The port's memory budget.", DefaultValueFactory = _ => "256MiB" };
        private readonly Option<int> _threads = new("--threads") { Description = "Threads of the port, and of llama.cpp.", DefaultValueFactory = _ => Environment.ProcessorCount };

        public Option<int> Rounds { get; } = new("--rounds") { Description = "Alternating measurements.", DefaultValueFactory = _ => 3 };

        public void AddTo(Command command)
        {
            command.Add(_source);
            foreach (Option option in new Option[] { _output, _precisions, _budget, _threads, Rounds })
            {
                command.Add(option);
            }
        }

        public PortRequest Read(ParseResult parsed)
        {
            Directory.CreateDirectory(parsed.GetValue(_output)!);
            return new PortRequest
            {
                Source = Path.GetFullPath(parsed.GetValue(_source)!),
                Name = "benchmark",
                OutputDirectory = Path.GetFullPath(parsed.GetValue(_output)!),
                Precisions = Precision.ParseList(parsed.GetValue(_precisions)!, ""),
                MemoryBudget = Sizes.TryParse(parsed.GetValue(_budget)!, out long bytes) ? bytes : throw new ArgumentException("--memory-budget takes a size such as 256MiB"),
                Threads = parsed.GetValue(_threads),
                Parity = ParityMode.Off,
            };
        }
    }
}
