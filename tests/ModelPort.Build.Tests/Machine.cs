using System.Diagnostics;
using System.Runtime.InteropServices;

namespace ModelPort.Build.Tests;

/// <summary>A machine with the SDK and nothing else: a home, package folder and caches of its own, all empty.</summary>
internal sealed class Machine
{
    private readonly string _root;

    public Machine(string parent)
    {
        _root = Directory.CreateDirectory(Path.Combine(parent, "machine-" + Guid.NewGuid().ToString("N"))).FullName;
        Directory.CreateDirectory(Home);
        Directory.CreateDirectory(Temporary);
    }

    public string Packages => Path.Combine(_root, "packages");

    public string Home => Path.Combine(_root, "home");

    private string Temporary => Path.Combine(_root, "tmp");

    /// <summary>Runs the dotnet command.</summary>
    public BuildResult Run(string directory, params string[] arguments) => Run(DotNet.Description(directory, Packages, arguments));

    /// <summary>Runs a program that needs the runtime.</summary>
    public BuildResult RunProgram(string directory, string program, params string[] arguments)
    {
        ProcessStartInfo dotnet = DotNet.Description(directory, Packages, arguments);
        ProcessStartInfo start = new(program, arguments) { WorkingDirectory = directory, RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        start.Environment.Clear();
        foreach ((string name, string? value) in dotnet.Environment)
        {
            start.Environment[name] = value;
        }

        start.Environment["DOTNET_ROOT"] = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", ".."));
        return Run(start);
    }

    private BuildResult Run(ProcessStartInfo start)
    {
        start.Environment["HOME"] = start.Environment["DOTNET_CLI_HOME"] = Home;
        start.Environment["TMPDIR"] = Temporary;
        start.Environment["NUGET_HTTP_CACHE_PATH"] = Path.Combine(_root, "http-cache");
        start.Environment["DOTNET_SKIP_FIRST_TIME_EXPERIENCE"] = "1";
        start.Environment["DOTNET_ADD_GLOBAL_TOOLS_TO_PATH"] = "false";
        start.Environment["DOTNET_GENERATE_ASPNET_CERTIFICATE"] = "false";

        // Off by default on some systems; a signature that nobody looks at proves nothing.
        start.Environment["DOTNET_NUGET_SIGNATURE_VERIFICATION"] = "true";
        start.Environment["NUGET_CERT_REVOCATION_MODE"] = "offline";
        return DotNet.Finish(Process.Start(start)!, [.. start.ArgumentList]);
    }
}
