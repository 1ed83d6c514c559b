using System.Diagnostics;

namespace ModelPort.Tool;

/// <summary>Cancels when the process that started the worker is gone: a killed build must not leave a port running.</summary>
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

    /// <summary>Watches a process; 0 watches nothing.</summary>
    public static ParentWatch Start(int processId)
    {
        var watch = new ParentWatch();
        if (processId > 0)
        {
            _ = watch.Watch(processId);
        }

        return watch;
    }

    /// <inheritdoc/>
    public void Dispose() => _stop.Cancel();

    private async Task Watch(int processId)
    {
        try
        {
            using var parent = Process.GetProcessById(processId);
            await parent.WaitForExitAsync(_stop.Token);
        }
        catch (ArgumentException)
        {
            // Gone before the watch began.
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
