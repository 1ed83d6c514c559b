using System.Diagnostics;
using System.Globalization;

namespace ModelPort.Benchmarks;

/// <summary>What a process took.</summary>
/// <param name="Seconds">From the beginning of the work to its end, without the start of the process.</param>
/// <param name="Processor">Seconds of processor time over all threads: what a busy machine cannot distort much.</param>
/// <param name="PeakMemory">The most memory it held at once, in bytes; pages of mapped files count.</param>
internal sealed record ProcessFigures(double Seconds, double Processor, long PeakMemory);

/// <summary>Work of this program in a process of its own, so that its memory is its own.</summary>
internal static class OwnProcess
{
    private const string Answer = "took ";

    /// <summary>Runs this program again, which has to come to <see cref="Measure"/>.</summary>
    internal static ProcessFigures Run(params ReadOnlySpan<string> arguments)
    {
        string[] host = Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet" ? [Environment.GetCommandLineArgs()[0]] : [];
        using var child = Process.Start(new ProcessStartInfo(Environment.ProcessPath!, [.. host, .. arguments]) { RedirectStandardOutput = true })!;
        string said = child.StandardOutput.ReadToEnd();
        child.WaitForExit();
        string line = said.Split('\n').FirstOrDefault(l => l.StartsWith(Answer, StringComparison.Ordinal)) ?? throw new InvalidOperationException($"It failed:\n{said}");
        string[] numbers = line[Answer.Length..].Split(' ');
        return new ProcessFigures(double.Parse(numbers[0], CultureInfo.InvariantCulture), double.Parse(numbers[1], CultureInfo.InvariantCulture), long.Parse(numbers[2], CultureInfo.InvariantCulture));
    }

    /// <summary>Does the work here, and tells the process that waits.</summary>
    internal static void Measure(Action work)
    {
        using var self = Process.GetCurrentProcess();
        var (start, before) = (Stopwatch.GetTimestamp(), self.TotalProcessorTime);
        work();
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        self.Refresh();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{Answer}{seconds} {(self.TotalProcessorTime - before).TotalSeconds} {self.PeakWorkingSet64}"));
    }
}
