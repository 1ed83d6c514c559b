using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using ModelPort.Diagnostics;
using ModelPort.Planning;
using ModelPort.Porting;

namespace ModelPort.Benchmarks;

/// <summary>
/// The verb <c>port</c>: the port stage (source hashing included, parity off) against copying the same bytes, that is reading the source once and
/// writing as many bytes as the output has, flushed to the disk like the output. Each measurement is a process of its own, the two alternate.
/// </summary>
internal static class PortBenchmark
{
    private const int CopyBytes = 1 << 20;

    internal static Command Command()
    {
        var source = new Argument<string>("source") { Description = "A checkpoint, for instance one made by synthesise." };
        var output = new Option<string>("--output") { Description = "Where the outputs go, on the disk to measure.", Required = true };
        var precisions = new Option<string>("--precision") { Description = "Precisions, each measured alone.", DefaultValueFactory = _ => "BF16;Q8_0;Q4_K_M" };
        var rounds = new Option<int>("--rounds") { Description = "Alternating measurements.", DefaultValueFactory = _ => 5 };
        var budget = new Option<string>("--memory-budget") { Description = "The port's memory budget.", DefaultValueFactory = _ => "256MiB" };
        var threads = new Option<int>("--threads") { Description = "The port's threads.", DefaultValueFactory = _ => Environment.ProcessorCount };
        var once = new Option<string?>("--once") { Description = "One measurement: copy or port." };
        var command = new Command("port", "The port stage against copying the same bytes.") { source, output, precisions, rounds, budget, threads, once };
        command.SetAction(parsed =>
        {
            Directory.CreateDirectory(parsed.GetValue(output)!);
            if (!Sizes.TryParse(parsed.GetValue(budget)!, out long bytes))
            {
                Console.Error.WriteLine("--memory-budget takes a size such as 256MiB");
                return 2;
            }

            var request = new PortRequest
            {
                Source = Path.GetFullPath(parsed.GetValue(source)!),
                Name = "benchmark",
                OutputDirectory = Path.GetFullPath(parsed.GetValue(output)!),
                Precisions = Precision.ParseList(parsed.GetValue(precisions)!, ""),
                MemoryBudget = bytes,
                Threads = parsed.GetValue(threads),
                Parity = ParityMode.Off,
            };
            if (parsed.GetValue(once) is { } what)
            {
                MeasureOnce(what, request);
            }
            else
            {
                Compare(request, parsed.GetValue(rounds), parsed.GetValue(budget)!);
            }

            return 0;
        });
        return command;
    }

    private static void MeasureOnce(string what, PortRequest request)
    {
        long start = Stopwatch.GetTimestamp();
        if (what == "copy")
        {
            Copy(request);
        }
        else
        {
            Port(request);
        }

        var elapsed = Stopwatch.GetElapsedTime(start);
        using var self = Process.GetCurrentProcess();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{elapsed.TotalSeconds} {self.PeakWorkingSet64}"));
    }

    private static void Port(PortRequest request)
    {
        using var checkpoint = Checkpoints.Checkpoint.Open(request.Source);
        var plan = Planner.Plan(checkpoint, request);
        var output = plan.Outputs[0];
        using var file = OutputFile.Create(Path.Combine(request.OutputDirectory, output.FileName), output.FileLength);
        Porter.Run(plan, [(output, file)], request, new QuietObserver(), CancellationToken.None);
        file.Commit();
    }

    private static void Copy(PortRequest request)
    {
        using var checkpoint = Checkpoints.Checkpoint.Open(request.Source);
        long left = Planner.Plan(checkpoint, request).Outputs[0].FileLength;
        using var file = OutputFile.Create(Path.Combine(request.OutputDirectory, "copy"), left);
        var buffer = new byte[CopyBytes];
        long written = 0;
        foreach (var source in checkpoint.Tensors.Files)
        {
            using var handle = File.OpenHandle(source.Path, options: FileOptions.SequentialScan);
            for (long read = 0; read < source.FileLength;)
            {
                int count = RandomAccess.Read(handle, buffer, read);
                int wanted = (int)Math.Min(count, left - written);
                file.Write(buffer.AsSpan(0, wanted), written);
                read += count;
                written += wanted;
            }
        }

        file.Commit();
    }

    private static void Compare(PortRequest request, int rounds, string budget)
    {
        long source = new DirectoryInfo(request.Source).EnumerateFiles("*.safetensors").Sum(f => f.Length);
        Console.WriteLine($"source {Sizes.Bytes(source)}, {request.Threads} threads, memory budget {budget}, medians of {rounds} alternating rounds");
        Console.WriteLine("precision    output    copy      port      port/copy speed   peak memory");
        foreach (var precision in request.Precisions)
        {
            var copies = new List<double>();
            var ports = new List<double>();
            long peak = 0;
            for (int round = 0; round < rounds; round++)
            {
                copies.Add(Child("copy", request, precision, budget).Seconds);
                var (seconds, memory) = Child("port", request, precision, budget);
                ports.Add(seconds);
                peak = Math.Max(peak, memory);
            }

            long size = new FileInfo(Path.Combine(request.OutputDirectory, $"benchmark-{precision}.gguf")).Length;
            var (copy, port) = (Sample.Median(copies), Sample.Median(ports));
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{precision,-10} {Sizes.Bytes(size),9} {copy,7:0.00} s {port,7:0.00} s {copy / port,12:0 %}      {Sizes.Bytes(peak),14}"));
        }
    }

    private static (double Seconds, long Memory) Child(string what, PortRequest request, Precision precision, string budget)
    {
        string[] host = Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet" ? [Environment.GetCommandLineArgs()[0]] : [];
        string[] arguments =
        [
            .. host, "port", request.Source, "--output", request.OutputDirectory, "--precision", precision.Name, "--memory-budget", budget,
            "--threads", request.Threads.ToString(CultureInfo.InvariantCulture), "--once", what,
        ];
        var start = new ProcessStartInfo(Environment.ProcessPath!, arguments) { RedirectStandardOutput = true };
        using var child = Process.Start(start)!;
        string[] numbers = child.StandardOutput.ReadToEnd().Split();
        child.WaitForExit();
        return (double.Parse(numbers[0], CultureInfo.InvariantCulture), long.Parse(numbers[1], CultureInfo.InvariantCulture));
    }
}
