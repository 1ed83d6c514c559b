namespace ModelPort.Caching.Remote;

/// <summary>How long a remote cache may take before a run goes on without it.</summary>
internal sealed record RemoteLimits
{
    /// <summary>What a run allows.</summary>
    public static RemoteLimits Default { get; } = new();

    /// <summary>To reach the server.</summary>
    public TimeSpan Connect { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>In each period of this length, <see cref="LeastBytes"/> must come through.</summary>
    public TimeSpan Period { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>About 100 KB a second: slower than that, porting is hardly worse.</summary>
    public long LeastBytes { get; init; } = 1 << 20;

    /// <summary>For a server to say that it has kept an object, once all of it is sent: it may hash it first.</summary>
    public TimeSpan Acknowledgement { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>How often a transfer that broke off goes on from where it was.</summary>
    public int Resumptions { get; init; } = 3;

    /// <summary>The largest record that is read.</summary>
    public int LargestRecord { get; init; } = 16 << 20;
}
