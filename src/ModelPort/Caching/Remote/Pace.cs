namespace ModelPort.Caching.Remote;

/// <summary>Ends a transfer that stands still or creeps: in each period a least number of bytes has to come through.</summary>
internal sealed class Pace : IDisposable
{
    private readonly RemoteLimits _limits;
    private readonly CancellationTokenSource _stop;
    private readonly Timer _timer;
    private long _bytes;

    /// <summary>Starts the first period.</summary>
    public Pace(RemoteLimits limits, CancellationToken cancellation)
    {
        _limits = limits;
        _stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        _timer = new Timer(_ => Look(), null, limits.Period, limits.Period);
    }

    /// <summary>Cancelled when too little came, or the run is cancelled.</summary>
    public CancellationToken Token => _stop.Token;

    /// <summary>Takes note of bytes that came through.</summary>
    public void Advance(int bytes) => Interlocked.Add(ref _bytes, bytes);

    /// <summary>All is sent: what is left to wait for is an answer.</summary>
    public void AwaitAnswer() => _timer.Change(_limits.Acknowledgement, _limits.Acknowledgement);

    /// <inheritdoc/>
    public void Dispose()
    {
        // The callback may be running: the source is gone only when it is not.
        using var ended = new ManualResetEvent(false);
        _ = _timer.Dispose(ended) && ended.WaitOne();
        _stop.Dispose();
    }

    private void Look()
    {
        if (Interlocked.Exchange(ref _bytes, 0) < _limits.LeastBytes)
        {
            _stop.Cancel();
        }
    }
}
