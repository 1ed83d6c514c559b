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
        Console.WriteLine("precision  step       output      time  processor  peak memory  written/output  speed of the port");
        foreach (var precision in request.Checkpoint.Precisions)
        {
            var (copies, ports) = (new List<StepResult>(), new List<StepResult>());
            for (int round = 0; round < rounds; round++)
            {
                copies.Add(Afresh(Step.Copy, request, precision));
                ports.Add(Afresh(Step.Port, request, precision));
            }

            var (copy, port) = (Middle(copies), Middle(ports));
            Print(precision, Step.Copy, copy, "");
            Print(precision, Step.Port, port, $"{Share(copy.Seconds, port.Seconds)} of the copy's");
            Clear(request, precision);
        }

        void Print(Precision precision, string step, StepResult result, string speed) => Console.WriteLine($"{precision,-10} {step,-4} {Columns(result)}  {speed}");
    }

    private static void CompareWithLlama(PortRequest request, int rounds)
    {
        PrintConditions(request, rounds);
        Console.WriteLine("precision  step                      output      time  processor  peak memory  written/output  the port is faster by");
        foreach (var precision in request.Checkpoint.Precisions)
        {
            var (ports, conversions, quantisations) = (new List<StepResult>(), new List<StepResult>(), new List<StepResult>());
            for (int round = 0; round < rounds; round++)
            {
                ports.Add(Afresh(Step.Port, request, precision));
                conversions.Add(Afresh(Step.Port, request, Precision.BF16));
                quantisations.Add(Step.Run(Step.Llama, request, precision));
            }

            var (port, conversion, quantisation) = (Middle(ports), Middle(conversions), Middle(quantisations));
            var both = quantisation with { Seconds = conversion.Seconds + quantisation.Seconds, Processor = conversion.Processor + quantisation.Processor, Written = conversion.Written + quantisation.Written };
            Print("port", port);
            Print("conversion to BF16", conversion);
            Print("llama_model_quantize", quantisation);
            Print("both", both);
            Clear(request, precision);
            Clear(request, Precision.BF16);

            void Print(string step, StepResult result) => Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"{precision,-10} {step,-20} {Columns(result)}  {result.Seconds / port.Seconds:0.0} (processor {result.Processor / port.Processor:0.0})"));
        }
    }

    private static string Columns(StepResult r) => string.Create(
        CultureInfo.InvariantCulture,
        $"{Sizes.Bytes(r.Output),10} {r.Seconds,7:0.00} s {r.Processor,8:0.00} s {Sizes.Bytes(r.PeakMemory),12} {(double)r.Written / r.Output,15:0.000}");

    private static string Share(double part, double whole) => string.Create(CultureInfo.InvariantCulture, $"{part / whole:0 %}");

    private static StepResult Afresh(string step, PortRequest request, Precision precision)
    {
        // A port that finds its files does nothing.
        Clear(request, precision);
        return Step.Run(step, request, precision);
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

    // Times are medians, memory and bytes the worst.
    private static StepResult Middle(List<StepResult> results) => new(
        Sample.Median([.. results.Select(r => r.Seconds)]),
        Sample.Median([.. results.Select(r => r.Processor)]),
        results.Max(r => r.PeakMemory),
        results.Max(r => r.Written),
        results[0].Output);

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
                Checkpoint = new CheckpointOptions { Precisions = Precision.ParseList(parsed.GetValue(_precisions)!, "") },
                MemoryBudget = Sizes.TryParse(parsed.GetValue(_budget)!, out long bytes) ? bytes : throw new ArgumentException("--memory-budget takes a size such as 256MiB"),
                Threads = parsed.GetValue(_threads),
                Parity = ParityMode.Off,
            };
        }
    }
}
