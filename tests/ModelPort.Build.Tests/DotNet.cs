using System.Diagnostics;
using System.Text;

namespace ModelPort.Build.Tests;

/// <summary>Runs the dotnet command as a user's shell would: without what the host of the tests put into the environment.</summary>
internal static class DotNet
{
    private static readonly string Host = Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet";

    public static BuildResult Run(string directory, string packages, params string[] arguments) => Finish(Start(directory, packages, arguments), arguments);

    /// <summary>Waits for a run with both outputs redirected.</summary>
    public static BuildResult Finish(Process process, string[] arguments)
    {
        using Process running = process;

        // Who asks a question here gets no answer, rather than waiting for one.
        process.StandardInput.Close();
        StringBuilder output = new();
        process.OutputDataReceived += (_, line) => Append(output, line.Data);
        process.ErrorDataReceived += (_, line) => Append(output, line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        if (!process.WaitForExit(TimeSpan.FromMinutes(10)))
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"dotnet {string.Join(' ', arguments)}\n{output}");
        }

        process.WaitForExit();
        return new BuildResult(process.ExitCode, output.ToString());
    }

    /// <summary>Starts the command with both outputs redirected.</summary>
    public static Process Start(string directory, string packages, params string[] arguments) => Process.Start(Description(directory, packages, arguments))!;

    /// <summary>How the command is started.</summary>
    public static ProcessStartInfo Description(string directory, string packages, params string[] arguments)
    {
        // A shell that runs the tests in the background lets them ignore Ctrl-C, and children inherit that.
        ProcessStartInfo start = OperatingSystem.IsLinux() ? new("env", ["--default-signal=INT", Host, .. arguments]) : new(Host, arguments);
        start = new(start.FileName, start.ArgumentList)
        {
            WorkingDirectory = directory,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
            StandardOutputEncoding = Encoding.UTF8,
            StandardErrorEncoding = Encoding.UTF8,
        };
        foreach (string name in start.Environment.Keys.Where(IsOfTheTestHost).ToList())
        {
            start.Environment.Remove(name);
        }

        start.Environment["NUGET_PACKAGES"] = packages;
        start.Environment["DOTNET_CLI_UI_LANGUAGE"] = "en";
        start.Environment["DOTNET_CLI_TELEMETRY_OPTOUT"] = "1";
        start.Environment["DOTNET_NOLOGO"] = "1";

        // What other builds of this user kept must not answer for a test.
        start.Environment["MODELPORT_CACHE"] = "none";

        // No process may outlive the tests: nodes are kept for a next build only when a test asks for it (-nr:true), are shared with nobody, and wait for seconds.
        start.Environment["MSBUILDDISABLENODEREUSE"] = arguments.Contains("-nr:true") ? "0" : "1";
        start.Environment["MSBUILDNODEHANDSHAKESALT"] = "modelport-tests";
        start.Environment["MSBUILDNODECONNECTIONTIMEOUT"] = "20000";
        start.Environment["DOTNET_CLI_USE_MSBUILD_SERVER"] = "0";
        start.Environment["UseSharedCompilation"] = "false";
        return start;
    }

    private static bool IsOfTheTestHost(string name) =>
        name.StartsWith("MSBuild", StringComparison.OrdinalIgnoreCase)
        || name.StartsWith("TESTINGPLATFORM", StringComparison.OrdinalIgnoreCase)
        || name is "DOTNET_HOST_PATH" or "CI" or "Configuration" or "Platform";

    private static void Append(StringBuilder output, string? line)
    {
        lock (output)
        {
            output.AppendLine(line);
        }
    }
}
