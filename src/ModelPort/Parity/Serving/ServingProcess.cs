using System.Diagnostics;
using System.Text;
using System.Text.Json;
using ModelPort.Diagnostics;

namespace ModelPort.Parity.Serving;

/// <summary>A model in a process of its own, so that its memory is not mixed with that of others.</summary>
internal sealed class ServingProcess : IServedModel, IServedRuns, IDisposable
{
    private const string Program = "ModelPort.Tool.dll";
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(5);

    private readonly string _source;
    private readonly Process _process;
    private readonly CancellationToken _cancellation;
    private readonly CancellationTokenRegistration _kill;

    /// <summary>Starts a process.</summary>
    /// <param name="request">What it is to run.</param>
    /// <param name="source">The file or folder that errors point at.</param>
    /// <param name="cancellation">Ends the process.</param>
    /// <exception cref="ModelPortException">MP3002: there is no program for it, or it does not start.</exception>
    public ServingProcess(ServingRequest request, string source, CancellationToken cancellation)
        : this(new ServingCall(ServingAction.Start, request), source, cancellation)
    {
    }

    /// <summary>Starts a process for a model that is given samples.</summary>
    /// <param name="request">What it is to run.</param>
    /// <param name="source">The file that errors point at.</param>
    /// <param name="cancellation">Ends the process.</param>
    /// <exception cref="ModelPortException">MP3002: there is no program for it, or it does not start.</exception>
    public ServingProcess(SampleServingRequest request, string source, CancellationToken cancellation)
        : this(new ServingCall(ServingAction.Start, Samples: request), source, cancellation)
    {
    }

    private ServingProcess(ServingCall start, string source, CancellationToken cancellation)
    {
        (_source, _cancellation) = (source, cancellation);
        _process = Start();
        _kill = cancellation.UnsafeRegister(static process => Kill((Process)process!), _process);
        try
        {
            Ask(start);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public double Load() => Ask(new ServingCall(ServingAction.Load)).Load!.Value;

    /// <inheritdoc/>
    public ServedRound Run() => Ask(new ServingCall(ServingAction.Run)).Round!;

    /// <inheritdoc/>
    public IReadOnlyList<double> Run(int size, int count) => Ask(new ServingCall(ServingAction.Run, Size: size, Count: count)).Times!;

    /// <inheritdoc/>
    public long PeakBytes() => Ask(new ServingCall(ServingAction.Memory)).PeakBytes!.Value;

    /// <summary>Ends the process, by closing its input.</summary>
    public void Dispose()
    {
        _kill.Dispose();
        try
        {
            _process.StandardInput.Dispose();
        }
        catch (IOException)
        {
            // It has ended already.
        }

        if (!_process.WaitForExit(Grace))
        {
            Kill(_process);
        }

        _process.Dispose();
    }

    private ServingReply Ask(ServingCall call)
    {
        string? line;
        try
        {
            _process.StandardInput.WriteLine(JsonSerializer.Serialize(call));
            _process.StandardInput.Flush();
            line = _process.StandardOutput.ReadLine();
        }
        catch (IOException)
        {
            line = null;
        }

        _cancellation.ThrowIfCancellationRequested();
        if (line is null)
        {
            _process.WaitForExit(Grace);
            throw Unmeasurable($"the process that ran the model ended{(_process.HasExited ? FormattableString.Invariant($" with exit code {_process.ExitCode}") : "")}");
        }

        var reply = JsonSerializer.Deserialize<ServingReply>(line)!;
        return reply.Error is { } error ? throw new ModelPortException(error with { File = error.File.Length > 0 ? _source : "" }) : reply;
    }

    private Process Start()
    {
        var program = Path.Combine(AppContext.BaseDirectory, Program);
        if (!File.Exists(program))
        {
            throw Unmeasurable($"'{Program}', which runs a model in a process of its own, is not in '{AppContext.BaseDirectory}'");
        }

        // By the host that runs this program; an installed tool, or a test, has a program of its own.
        var host = Environment.ProcessPath is { } path && Path.GetFileNameWithoutExtension(path).Equals("dotnet", StringComparison.OrdinalIgnoreCase)
            ? path
            : Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet";
        var start = new ProcessStartInfo(host, [program, "serving"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            StandardInputEncoding = new UTF8Encoding(false),
            StandardOutputEncoding = new UTF8Encoding(false),
        };
        try
        {
            return Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            throw Unmeasurable($"'{host}' does not start ({e.Message.TrimEnd('.')})");
        }
    }

    private ModelPortException Unmeasurable(string found) => new(Diagnose.Unmeasurable(_source, found));

    private static void Kill(Process process)
    {
        try
        {
            process.Kill();
        }
        catch (InvalidOperationException)
        {
            // It has ended already.
        }
    }
}
