using ModelPort.Diagnostics;
using ModelPort.Packages;
using ModelPort.Packages.Feeds;
using ModelPort.Tests.Support;

namespace ModelPort.Tests.Packages.Feeds;

/// <summary>A server with model packages, and a folder with a nuget.config that knows it.</summary>
internal sealed class FeedFixture : IAsyncDisposable
{
    /// <summary>Larger than what is read whole of a server without ranges.</summary>
    public const int Large = 3 << 19;

    private readonly TemporaryFolder _folder;

    // NuGet tries six times, and waits longer each time.
    static FeedFixture()
    {
        Environment.SetEnvironmentVariable("NUGET_ENHANCED_MAX_NETWORK_TRY_COUNT", "2");
        Environment.SetEnvironmentVariable("NUGET_ENHANCED_NETWORK_RETRY_DELAY_MILLISECONDS", "10");
    }

    private FeedFixture(TemporaryFolder folder) => _folder = folder;

    public PackageServer Server { get; private set; } = null!;

    public string Packages => _folder["packages"];

    public QuietObserver Observer { get; } = new();

    /// <summary>Limits under which no test waits for long.</summary>
    public FeedOptions Options => new()
    {
        Directory = _folder["work"],
        Limits = new FeedLimits { Request = TimeSpan.FromMilliseconds(500), Stall = TimeSpan.FromMilliseconds(500), Tries = 2, Whole = 1 << 20, Ranges = 1 << 20 },
    };

    public static async Task<FeedFixture> Start()
    {
        var folder = new TemporaryFolder();
        var fixture = new FeedFixture(folder);
        SyntheticPackage.Write(fixture.Packages, "Acme.Tiny", "1.0.0", Large, 0.01);
        SyntheticPackage.Write(fixture.Packages, "Acme.Tiny", "1.1.0", Large, 0.02);
        SyntheticPackage.Write(fixture.Packages, "Acme.Tiny", "2.0.0-beta.1", 20_000, 0.03);
        SyntheticPackage.Write(fixture.Packages, "Acme.Other", "1.0.0", isModel: false);
        fixture.Server = await PackageServer.Start(fixture.Packages);
        fixture.Configure(fixture.Server.Configuration());
        return fixture;
    }

    public void Configure(string text)
    {
        Directory.CreateDirectory(_folder["work"]);
        File.WriteAllText(Path.Combine(_folder["work"], "nuget.config"), text);
    }

    public ComparedReleases Compare(string old, string current, FeedOptions? options = null)
    {
        using var before = NamedPackage.Open(old, options ?? Options, Observer, TestContext.Current.CancellationToken);
        using var now = NamedPackage.Open(current, options ?? Options, Observer, TestContext.Current.CancellationToken);
        return PackageComparison.Compare(before.Files, before.Name, now.Files, now.Name);
    }

    public IReadOnlyList<VerifiedModel> Verify(string package, FeedOptions? options = null)
    {
        using var opened = NamedPackage.OpenWhole(package, options ?? Options, Observer, TestContext.Current.CancellationToken);
        return PackageVerification.Verify(opened.Files, Observer, TestContext.Current.CancellationToken);
    }

    public ModelVersions List(string id = "Acme.Tiny", FeedOptions? options = null, int most = 20) => ModelVersions.Read(id, most, options ?? Options, Observer, TestContext.Current.CancellationToken);

    public static Diagnostic Refused(Action action) => Assert.Throws<ModelPortException>(action).Diagnostic;

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        _folder.Dispose();
    }
}
