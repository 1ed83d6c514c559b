namespace ModelPort.Packages.Feeds;

/// <summary>Which feeds are asked, and how. The words are those of the dotnet command.</summary>
public sealed record FeedOptions
{
    /// <summary>The folder whose nuget.config hierarchy counts, as it does for a project there.</summary>
    public string Directory { get; init; } = Environment.CurrentDirectory;

    /// <summary>The only configuration that counts (<c>--configfile</c>); null for the hierarchy.</summary>
    public string? ConfigFile { get; init; }

    /// <summary>
    /// The only sources that are asked (<c>--source</c>): names of configured ones, URLs or folders; empty for all that are enabled. What was restored before is then passed over: who names a source asks what
    /// lies there.
    /// </summary>
    public IReadOnlyList<string> Sources { get; init; } = [];

    /// <summary>Whether the latest version may be a prerelease (<c>--prerelease</c>).</summary>
    public bool Prerelease { get; init; }

    /// <summary>Whether credential providers may ask the user (<c>--interactive</c>).</summary>
    public bool Interactive { get; init; }

    /// <summary>Told what a credential provider says to the user, for instance where to enter a code.</summary>
    public Action<string> Say { get; init; } = _ => { };

    /// <summary>What is waited for, and how much is read.</summary>
    internal FeedLimits Limits { get; init; } = FeedLimits.Default;
}

/// <summary>How long a feed may take, and how much is read of a package for the sake of its manifests.</summary>
internal sealed record FeedLimits
{
    /// <summary>What commands allow.</summary>
    public static FeedLimits Default { get; } = new();

    /// <summary>For an answer to begin.</summary>
    public TimeSpan Request { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>For the next bytes of an answer.</summary>
    public TimeSpan Stall { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>How often a request is tried.</summary>
    public int Tries { get; init; } = 3;

    /// <summary>How often a download that broke off goes on from where it was.</summary>
    public int Resumptions { get; init; } = 3;

    /// <summary>The largest package that is read whole where a feed serves no ranges, in bytes.</summary>
    public long Whole { get; init; } = 16 << 20;

    /// <summary>The most that is read of a package in ranges, in bytes: its directory and its manifests have far less.</summary>
    public long Ranges { get; init; } = 32 << 20;

    /// <summary>The largest manifest that is read, in bytes.</summary>
    public long Manifest { get; init; } = 64 << 20;

    /// <summary>How many packages are read at once.</summary>
    public int AtOnce { get; init; } = 4;
}
