using System.Diagnostics;

namespace ModelPort.Tool;

/// <summary>Cancels when whoever started the worker is gone: a killed build must not leave a port running.</summary>
internal sealed class ParentWatch : IDisposable
{
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(5);
    private readonly CancellationTokenSource _orphaned = new();
    private readonly CancellationTokenSource _stop = new();

    private ParentWatch()
    {
    }

    /// <summary>Cancelled when the parent is gone.</summary>
    public CancellationToken Token => _orphaned.Token;

    /// <summary>Watches a process (0: none), and the standard input if that is asked for.</summary>
    public static ParentWatch Start(int processId, bool standardInput)
    {
        var watch = new ParentWatch();
        if (processId > 0)
        {
            _ = watch.EndAfter(ProcessEnd(processId, watch._stop.Token));
        }

        if (standardInput)
        {
            _ = watch.EndAfter(Task.Run(InputEnd));
        }

        return watch;
    }

    /// <inheritdoc/>
    public void Dispose() => _stop.Cancel();

    private static async Task ProcessEnd(int processId, CancellationToken stop)
    {
        try
        {
            using var parent = Process.GetProcessById(processId);
            await parent.WaitForExitAsync(stop);
        }
        catch (ArgumentException)
        {
            // Gone before the watch began.
        }
    }

    // Nothing is ever said there; the read returns when the other end closes, and blocks a thread until then.
    private static void InputEnd()
    {
        using var input = Console.OpenStandardInput();
        var ignored = new byte[256];
        while (input.Read(ignored) > 0)
        {
        }
    }

    private async Task EndAfter(Task parent)
    {
        try
        {
            await parent;
        }
        catch (OperationCanceledException)
        {
            return;
        }

        await _orphaned.CancelAsync();
        await Task.Delay(Grace, _stop.Token).ContinueWith(_ => { }, TaskScheduler.Default);
        if (!_stop.IsCancellationRequested)
        {
            // Native work that does not listen would go on for nobody.
            Environment.Exit(ExitCode.Failed);
        }
    }
}
