using System.Diagnostics;
using System.Globalization;
using ModelPort.Diagnostics;
using ModelPort.Engines.LlamaCpp;
using ModelPort.Planning;
using ModelPort.Porting;

namespace ModelPort.Benchmarks;

/// <summary>What one step took.</summary>
/// <param name="Seconds">From the call to the return, without the start of the process.</param>
/// <param name="Processor">Seconds of processor time, over all threads and the start of the process: what a busy machine cannot distort much.</param>
/// <param name="PeakMemory">The most memory the process held at once, in bytes: pages of mapped files count.</param>
/// <param name="Written">Bytes it caused to be written to the disk, by /proc/self/io; 0 where there is none.</param>
/// <param name="Output">Bytes of the file it made.</param>
internal sealed record StepResult(double Seconds, double Processor, long PeakMemory, long Written, long Output);

/// <summary>A step of a benchmark, measured in a process of its own so that memory and bytes written are its own.</summary>
internal static class Step
{
    private const int CopyBytes = 1 << 20;
    private const string Answer = "measured ";

    /// <summary>The whole port to one precision, as the command does it, parity off: plan, hashes, files flushed and named, manifest.</summary>
    internal const string Port = "port";

    /// <summary>Reading the source's bytes once and writing as many as the port has, flushed: what dd does with a block of 1 MiB and conv=fsync.</summary>
    internal const string Copy = "copy";

    /// <summary>llama_model_quantize from a BF16 GGUF of the same weights to the same precision; it does not flush.</summary>
    internal const string Llama = "llama";

    /// <summary>Where a port to a precision lies.</summary>
    internal static string PathOf(PortRequest request, Precision precision) => Path.Combine(request.OutputDirectory, $"{request.Name}-{precision.Name}.gguf");

    /// <summary>Runs a step in another process.</summary>
    internal static StepResult Run(string what, PortRequest request, Precision precision)
    {
        string[] host = Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet" ? [Environment.GetCommandLineArgs()[0]] : [];
        string[] arguments =
        [
            .. host, "port", request.Source, "--output", request.OutputDirectory, "--precision", precision.Name,
            "--memory-budget", request.MemoryBudget.ToString(CultureInfo.InvariantCulture),
            "--threads", request.Threads.ToString(CultureInfo.InvariantCulture), "--once", what,
        ];
        using var child = Process.Start(new ProcessStartInfo(Environment.ProcessPath!, arguments) { RedirectStandardOutput = true })!;
        string said = child.StandardOutput.ReadToEnd();
        child.WaitForExit();
        string line = said.Split('\n').FirstOrDefault(l => l.StartsWith(Answer, StringComparison.Ordinal)) ?? throw new InvalidOperationException($"The step {what} failed:\n{said}");
        string[] numbers = line[Answer.Length..].Split(' ');
        return new StepResult(Real(0), Real(1), Whole(2), Whole(3), Whole(4));

        double Real(int index) => double.Parse(numbers[index], CultureInfo.InvariantCulture);
        long Whole(int index) => long.Parse(numbers[index], CultureInfo.InvariantCulture);
    }

    /// <summary>Carries a step out here and prints what it took.</summary>
    internal static void CarryOut(string what, PortRequest request)
    {
        long start = Stopwatch.GetTimestamp();
        string output = what switch
        {
            Copy => CopyBytesOf(request),
            Llama => Quantise(request),
            _ => PortPipeline.Run(request, new QuietObserver(), CancellationToken.None).OutputPaths[0],
        };
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        using var self = Process.GetCurrentProcess();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{Answer}{seconds} {self.TotalProcessorTime.TotalSeconds} {self.PeakWorkingSet64} {Written()} {new FileInfo(output).Length}"));
    }

    private static string Quantise(PortRequest request)
    {
        string output = Path.Combine(request.OutputDirectory, "llama.gguf");
        LlamaFileQuantizer.Quantize(PathOf(request, Precision.BF16), output, (int)request.Checkpoint.Precisions[0].FileType, new LlamaFileQuantizerOptions { Threads = request.Threads });
        return output;
    }

    private static string CopyBytesOf(PortRequest request)
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
        return file.Path;
    }

    private static long Written()
    {
        const string Key = "write_bytes: ";
        const string Counters = "/proc/self/io";
        string? line = File.Exists(Counters) ? File.ReadLines(Counters).FirstOrDefault(l => l.StartsWith(Key, StringComparison.Ordinal)) : null;
        return line is null ? 0 : long.Parse(line.AsSpan(Key.Length), CultureInfo.InvariantCulture);
    }
}
