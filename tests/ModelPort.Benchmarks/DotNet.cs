using System.Diagnostics;

namespace ModelPort.Benchmarks;

/// <summary>The dotnet command, timed.</summary>
internal static class DotNet
{
    /// <summary>Runs it, cold: no run profits from a server or a node that another left behind.</summary>
    /// <param name="folder">Where.</param>
    /// <param name="packages">The package folder; null for the user's own.</param>
    /// <param name="arguments">What.</param>
    /// <exception cref="InvalidOperationException">It failed; the message has what it said.</exception>
    internal static TimeSpan Run(string folder, string? packages, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", arguments) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardInput = true };
        start.Environment["MSBUILDDISABLENODEREUSE"] = "1";
        start.Environment["DOTNET_CLI_USE_MSBUILD_SERVER"] = "0";
        start.Environment["UseSharedCompilation"] = "false";
        if (packages is not null)
        {
            start.Environment["NUGET_PACKAGES"] = packages;
        }

        long began = Stopwatch.GetTimestamp();
        using Process process = Process.Start(start)!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        TimeSpan elapsed = Stopwatch.GetElapsedTime(began);
        return process.ExitCode == 0 ? elapsed : throw new InvalidOperationException($"dotnet {string.Join(' ', arguments)} ended with {process.ExitCode}:\n{output}");
    }
}
