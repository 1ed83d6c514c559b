using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using ModelPort.Checkpoints;
using ModelPort.Manifests;

namespace ModelPort.Benchmarks;

/// <summary>
/// The verb <c>kill</c>: ports of a checkpoint that are killed (SIGKILL) at random moments, each then run to its end in a process of its own. Fails unless every one
/// ends in the file that an uninterrupted port makes, with no temporary file left.
/// </summary>
internal static class KillBenchmark
{
    internal static Command Command()
    {
        var source = new Argument<string>("source") { Description = "A checkpoint, for instance one made by synthesise." };
        var output = new Option<string>("--output") { Description = "Where the ports go.", Required = true };
        var precision = new Option<string>("--precision") { Description = "The precision.", DefaultValueFactory = _ => "Q4_K_M" };
        var kills = new Option<int>("--kills") { Description = "How many ports are killed at random moments.", DefaultValueFactory = _ => 50 };
        var seed = new Option<int>("--seed") { Description = "Of the moments.", DefaultValueFactory = _ => 1 };
        var command = new Command("kill", "Kills ports at random moments, and runs each to its end.") { source, output, precision, kills, seed };
        command.SetAction(parsed => Run(
            [Path.GetFullPath(parsed.GetValue(source)!), "--precision", parsed.GetValue(precision)!, "--parity", "off", "--name", "benchmark"],
            Path.GetFullPath(parsed.GetValue(output)!), parsed.GetValue(kills), new Random(parsed.GetValue(seed))));
        return command;
    }

    private static int Run(string[] port, string output, int kills, Random random)
    {
        // Once for the system's cache of the source; the second is measured.
        Afresh(output);
        Finish(port, output);
        Afresh(output);
        var full = Finish(port, output);
        var expected = Hash(output);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"a whole port: {full.TotalSeconds:0.00} s, {expected[..12]}"));

        var (right, late) = (0, new List<double>());
        for (var kill = 0; kill < kills; kill++)
        {
            Afresh(output);
            var moment = random.NextDouble();
            Kill(port, output, full * moment);
            var finish = Finish(port, output);
            var left = Directory.GetFileSystemEntries(output).Select(Path.GetFileName).Except([".modelport.lock", Manifest.FileName, Path.GetFileName(PortOf(output))]).ToArray();
            var isRight = Hash(output) == expected && left.Length == 0;
            right += isRight ? 1 : 0;
            if (moment >= 0.8)
            {
                late.Add(finish.TotalSeconds);
            }

            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"killed at {moment,4:0 %} of its time, finished in {finish.TotalSeconds,5:0.00} s: {(isRight ? "right" : $"WRONG {string.Join(", ", left)}")}"));
        }

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{right} of {kills} right; after a kill in the last fifth: median {(late.Count == 0 ? double.NaN : Sample.Median(late)):0.00} s of {full.TotalSeconds:0.00} s"));
        return right == kills ? 0 : 1;
    }

    private static void Afresh(string output)
    {
        if (Directory.Exists(output))
        {
            Directory.Delete(output, recursive: true);
        }
    }

    private static void Kill(string[] port, string output, TimeSpan after)
    {
        using var tool = Start(port, output);
        if (!tool.WaitForExit(after))
        {
            tool.Kill();
            tool.WaitForExit();
        }
    }

    private static TimeSpan Finish(string[] port, string output)
    {
        var start = Stopwatch.GetTimestamp();
        using var tool = Start(port, output);
        tool.WaitForExit();
        return tool.ExitCode == 0 ? Stopwatch.GetElapsedTime(start) : throw new InvalidOperationException($"The port ended with {tool.ExitCode}.");
    }

    private static Process Start(string[] port, string output)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "ModelPort.Tool.dll"), "port", .. port, "--output", output]) { RedirectStandardOutput = true, RedirectStandardError = true };
        // What a port left is looked for where it wrote, not in a cache.
        start.Environment[Caching.StoreSettings.Variable] = Caching.StoreSettings.None;
        return Process.Start(start)!;
    }

    private static string PortOf(string output) => Directory.GetFiles(output, "*.gguf").Single();

    private static string Hash(string output) => SourceHash.OfFile(PortOf(output), CancellationToken.None);
}
