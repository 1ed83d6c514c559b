using System.Diagnostics;
using System.Text;

namespace ModelPort.Tool.Tests;

/// <summary>What a run of the tool ended with.</summary>
internal sealed record ToolResult(int ExitCode, string Output, string Errors)
{
    public string[] Lines => Output.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
}

/// <summary>The tool as users and builds run it: a process of its own, with its output in pipes.</summary>
internal sealed class ToolProcess : IDisposable
{
    // Only a tool that hangs takes this long, however busy the machine.
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);
    private readonly Process _process;
    private readonly Task<string> _output;
    private readonly Task<string> _errors;

    private ToolProcess(ProcessStartInfo start)
    {
        _process = Process.Start(start)!;
        _output = _process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        _errors = _process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
    }

    /// <summary>The tool's program, beside the tests with its native libraries.</summary>
    public static string Program { get; } = Path.Combine(AppContext.BaseDirectory, "ModelPort.Tool.dll");

    /// <summary>Options that keep a port of the sample short.</summary>
    public static string[] Quick { get; } = ["--evaluation-tokens", "1024", "--evaluation-window", "256", "--threads", "1"];

    public int Id => _process.Id;

    public static ToolProcess Start(params string[] arguments) => StartBy("dotnet", [], arguments);

    /// <summary>Starts the tool with a signal's default action, whatever this process inherited (a shell's background jobs ignore Ctrl-C).</summary>
    public static ToolProcess StartWithDefault(string signal, params string[] arguments) => StartBy("env", [$"--default-signal={signal}", "dotnet"], arguments);

    public static async Task<ToolResult> Run(params string[] arguments)
    {
        using var tool = Start(arguments);
        tool.CloseInput();
        return await tool.End();
    }

    public static async Task<ToolResult> RunWith(string variable, string value, params string[] arguments)
    {
        using var tool = new ToolProcess(Description("dotnet", [], arguments, (variable, value)));
        tool.CloseInput();
        return await tool.End();
    }

    /// <summary>Runs a shell that may mount what it alone sees.</summary>
    public static Task<ToolResult> Mounting(string script, params string[] arguments) => Run(new ProcessStartInfo("unshare", ["--map-root-user", "--mount", "sh", "-c", script, "sh", .. arguments]));

    /// <summary>Runs the tool by another program.</summary>
    public static async Task<ToolResult> Run(ProcessStartInfo start)
    {
        (start.RedirectStandardOutput, start.RedirectStandardError) = (true, true);
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        var errors = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return new ToolResult(process.ExitCode, await output, await errors);
    }

    public void CloseInput() => _process.StandardInput.Close();

    public void Kill() => _process.Kill();

    public async Task<ToolResult> End()
    {
        await _process.WaitForExitAsync(TestContext.Current.CancellationToken).WaitAsync(Patience, TestContext.Current.CancellationToken);
        return new ToolResult(_process.ExitCode, await _output, await _errors);
    }

    /// <summary>Waits until the tool has begun to write a port into a folder.</summary>
    public async Task Porting(string folder)
    {
        while (!Directory.Exists(folder) || Directory.GetFiles(folder, "*.modelport-tmp").Length == 0)
        {
            Assert.False(_process.HasExited, "The tool ended before it wrote anything.");
            await Task.Delay(20, TestContext.Current.CancellationToken);
        }
    }

    /// <summary>Waits until the tool has noted that a part of a file is written.</summary>
    public Task Writing(string path, int marks)
    {
        var journal = path + ".journal.modelport-tmp";
        return Until(() => File.Exists(journal) && File.ReadLines(journal).Count() > marks);
    }

    /// <summary>Waits until something is so.</summary>
    public async Task Until(Func<bool> condition)
    {
        while (!condition())
        {
            Assert.False(_process.HasExited, "The tool ended before it came so far.");
            await Task.Delay(5, TestContext.Current.CancellationToken);
        }
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
        }

        _process.Dispose();
    }

    private static ToolProcess StartBy(string program, string[] before, string[] arguments) => new(Description(program, before, arguments, null));

    private static ProcessStartInfo Description(string program, string[] before, string[] arguments, (string Name, string Value)? variable)
    {
        var start = new ProcessStartInfo(program, [.. before, Program, .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardOutputEncoding = new UTF8Encoding(false),
            StandardErrorEncoding = new UTF8Encoding(false),
        };
        if (variable is { } v)
        {
            start.Environment[v.Name] = v.Value;
        }

        return start;
    }
}
