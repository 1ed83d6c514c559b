using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using ModelPort.Checkpoints;
using ModelPort.Diagnostics;
using ModelPort.Engines.LlamaCpp;
using ModelPort.Parity;
using ModelPort.Planning;
using ModelPort.Porting;

namespace ModelPort.Benchmarks;

/// <summary>
/// The verb <c>parity</c>: measuring a port against its source, and llama-perplexity doing the same with the same two files, text, windows and threads (one
/// run that records the base, one that compares). Whole processes are timed, the two alternate. A second figure is our memory when the text grows.
/// </summary>
internal static partial class ParityBenchmark
{
    internal static Command Command()
    {
        var source = new Argument<string>("source") { Description = "A checkpoint." };
        var output = new Option<string>("--output") { Description = "Where the two files and what the programs record go.", Required = true };
        var program = new Option<string>("--llama-perplexity") { Description = "The program llama-perplexity.", Required = true };
        var precision = new Option<string>("--precision") { Description = "The port's precision; the source runs at its own.", DefaultValueFactory = _ => "Q4_K_M" };
        var text = new Option<string>("--evaluation") { Description = "The text.", DefaultValueFactory = _ => Path.Combine(Repository.Root, "tests", "Fixtures", "texts", "held-out.txt") };
        var window = new Option<int>("--evaluation-window") { Description = "Tokens in a window.", DefaultValueFactory = _ => 512 };
        var tokens = new Option<int>("--evaluation-tokens") { Description = "Tokens to measure.", DefaultValueFactory = _ => 8192 };
        var threads = new Option<int>("--threads") { Description = "Threads of both programs.", DefaultValueFactory = _ => Environment.ProcessorCount };
        var rounds = new Option<int>("--rounds") { Description = "Alternating measurements.", DefaultValueFactory = _ => 5 };
        var times = new Option<int>("--times") { Description = "How much longer the second text is that memory is measured with.", DefaultValueFactory = _ => 10 };
        var once = new Option<string?>("--once") { Description = "One measurement of a source as GGUF, the port is the argument." };
        var command = new Command("parity", "Measuring a port, against llama-perplexity.") { source, output, program, precision, text, window, tokens, threads, rounds, times, once };
        command.SetAction(parsed =>
        {
            var request = new PortRequest
            {
                Source = Path.GetFullPath(parsed.GetValue(source)!),
                Name = "benchmark",
                OutputDirectory = Path.GetFullPath(parsed.GetValue(output)!),
                Evaluation = Path.GetFullPath(parsed.GetValue(text)!),
                Checkpoint = new CheckpointOptions
                {
                    Precisions = Precision.ParseList(parsed.GetValue(precision)!, ""),
                    EvaluationWindow = parsed.GetValue(window),
                    EvaluationTokens = parsed.GetValue(tokens),
                },
                Threads = parsed.GetValue(threads),
            };
            Directory.CreateDirectory(request.OutputDirectory);
            if (parsed.GetValue(once) is { } recorded)
            {
                MeasureOnce(recorded, request);
            }
            else
            {
                Compare(request, Path.GetFullPath(parsed.GetValue(program)!), parsed.GetValue(rounds), parsed.GetValue(times));
            }

            return 0;
        });
        return command;
    }

    private static void MeasureOnce(string source, PortRequest request)
    {
        var runtime = LlamaRuntime.Load();
        RecordedLogits? logits = null;
        OutputFile? record = null;
        using (var model = new Evaluator(runtime, source, request.Threads, request.MemoryBudget, CancellationToken.None))
        {
            var windows = TextSample.Take(model.Model, EvaluationText.Open(request.Evaluation), request.Checkpoint.EvaluationTokens!.Value, request.Checkpoint.EvaluationWindow).Windows;
            record = RecordedLogits.Record(
                Path.Combine(request.OutputDirectory, "benchmark-logits.safetensors"),
                windows,
                model.Model.VocabularySize,
                source,
                (reader, log) => model.Run(windows, LlamaCacheType.F16, reader, _ => { }, CancellationToken.None, log));
            logits = RecordedLogits.Open(record.TemporaryPath, model.Model.VocabularySize);
        }

        using (record)
        using (logits)
        using (var model = new Evaluator(runtime, request.Source, request.Threads, request.MemoryBudget, CancellationToken.None))
        {
            var positions = LogitComparison.Run(logits, model, LlamaCacheType.F16, _ => { }, CancellationToken.None).Positions;
            var divergence = PositionFigures.Of(positions, Subject.Port, Reference.Source).First(f => f.Name == Metric.MeanDivergence.Name);
            Console.WriteLine(divergence.Value.ToString("0.000000", CultureInfo.InvariantCulture));
        }
    }

    private static void Compare(PortRequest request, string program, int rounds, int times)
    {
        var (source, port) = Files(request);
        int chunks = request.Checkpoint.EvaluationTokens!.Value / request.Checkpoint.EvaluationWindow!.Value;
        string record = Path.Combine(request.OutputDirectory, "benchmark.kld");
        string[] common = ["-c", Number(request.Checkpoint.EvaluationWindow.Value), "-t", Number(request.Threads), "--kl-divergence-base", record];
        Console.WriteLine($"{chunks} windows of {request.Checkpoint.EvaluationWindow} tokens, {request.Threads} threads, {rounds} alternating rounds of whole processes");
        List<Run> theirs = [];
        List<Run> ours = [];
        for (int round = 0; round < rounds; round++)
        {
            var bases = Start(program, ["-m", source, "-f", request.Evaluation!, "--chunks", Number(chunks), .. common]);
            var compared = Start(program, ["-m", port, "--kl-divergence", .. common]);
            theirs.Add(new Run(bases.Seconds + compared.Seconds, Math.Max(bases.Memory, compared.Memory), MeanDivergence().Match(compared.Output).Groups[1].Value));
            ours.Add(Measure(source, port, request));
        }

        double tokens = 2.0 * chunks * request.Checkpoint.EvaluationWindow.Value;
        void Print(string name, List<Run> runs) => Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{name,-17} median {Sample.Median([.. runs.Select(r => r.Seconds)]),7:0.00} s, least {runs.Min(r => r.Seconds),7:0.00} s, {tokens / Sample.Median([.. runs.Select(r => r.Seconds)]),7:0} tokens/s, peak {Sizes.Bytes(runs.Max(r => r.Memory))}, mean divergence {runs[0].Output.Trim()}"));
        Print("llama-perplexity", theirs);
        Print("ModelPort", ours);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"speed of ModelPort  {Sample.Median([.. theirs.Zip(ours, (t, o) => t.Seconds / o.Seconds)]):0.00} of llama-perplexity's (median of the ratios of the rounds)"));

        string longer = Path.Combine(request.OutputDirectory, "longer.txt");
        File.WriteAllText(longer, string.Concat(Enumerable.Repeat(File.ReadAllText(request.Evaluation!), times)));
        var grown = Measure(source, port, request with { Evaluation = longer, Checkpoint = request.Checkpoint with { EvaluationTokens = times * request.Checkpoint.EvaluationTokens } });
        Console.WriteLine($"{times} times the text and tokens: peak of ModelPort {Sizes.Bytes(ours.Max(r => r.Memory))} -> {Sizes.Bytes(grown.Memory)}");
    }

    private static (string Source, string Port) Files(PortRequest request)
    {
        using var checkpoint = Checkpoint.Open(request.Source);
        var own = Planner.OwnPrecision(checkpoint);
        var plan = Planner.Plan(checkpoint, request with { Checkpoint = request.Checkpoint with { Precisions = [own, .. request.Checkpoint.Precisions] } });
        var files = plan.Outputs.Select(o => OutputFiles.Create(o, request.OutputDirectory)).ToArray();
        Porter.Run(plan, files, request, new QuietObserver(), CancellationToken.None);
        foreach (var file in files.SelectMany(f => f.Files))
        {
            file.Commit();
            file.Dispose();
        }

        return (files[0].Files[0].Path, files[^1].Files[0].Path);
    }

    private static Run Measure(string source, string port, PortRequest request)
    {
        string[] host = Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet" ? [Environment.GetCommandLineArgs()[0]] : [];
        return Start(
            Environment.ProcessPath!,
            [
                .. host, "parity", port, "--output", request.OutputDirectory, "--llama-perplexity", "none", "--evaluation", request.Evaluation!,
                "--evaluation-window", Number(request.Checkpoint.EvaluationWindow!.Value), "--evaluation-tokens", Number(request.Checkpoint.EvaluationTokens!.Value), "--threads", Number(request.Threads), "--once", source,
            ]);
    }

    private static Run Start(string program, string[] arguments)
    {
        var start = Stopwatch.GetTimestamp();
        using var child = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var output = child.StandardOutput.ReadToEndAsync();
        var errors = child.StandardError.ReadToEndAsync();
        long memory = 0;
        while (!child.WaitForExit(20))
        {
            try
            {
                child.Refresh();
                memory = Math.Max(memory, child.PeakWorkingSet64);
            }
            catch (InvalidOperationException)
            {
                // It ended between the wait and the look.
            }
        }

        var elapsed = Stopwatch.GetElapsedTime(start);
        return child.ExitCode == 0
            ? new Run(elapsed.TotalSeconds, memory, output.Result + errors.Result)
            : throw new InvalidOperationException($"{program} ended with {child.ExitCode}: {errors.Result}");
    }

    private static string Number(int value) => value.ToString(CultureInfo.InvariantCulture);

    private sealed record Run(double Seconds, long Memory, string Output);

    [GeneratedRegex(@"^Mean +KLD: +(\S+)", RegexOptions.Multiline)]
    private static partial Regex MeanDivergence();
}
