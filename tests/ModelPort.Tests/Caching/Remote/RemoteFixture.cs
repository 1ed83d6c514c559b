using System.Security.Cryptography;
using ModelPort.Caching.Remote;
using ModelPort.Diagnostics;
using ModelPort.Tests.Support;

namespace ModelPort.Tests.Caching.Remote;

/// <summary>A layer, a folder, and an object that is larger than any buffer on its way.</summary>
internal sealed class RemoteFixture : IDisposable
{
    /// <summary>For tests in which waiting is what happens; any other would fail with them on a busy machine.</summary>
    public static RemoteLimits Impatient { get; } = new()
    {
        Connect = TimeSpan.FromMilliseconds(500),
        Period = TimeSpan.FromMilliseconds(600),
        LeastBytes = 1 << 16,
        Acknowledgement = TimeSpan.FromSeconds(1),
    };

    public TemporaryFolder Folder { get; } = new();

    public QuietObserver Observer { get; } = new();

    public byte[] Content { get; } = RandomNumberGenerator.GetBytes(3_000_001);

    public string Sha256 => Convert.ToHexStringLower(SHA256.HashData(Content));

    public string ObjectPath => "/cas/" + Sha256;

    public static string Key => new('a', 64);

    public string Arriving => Folder["arriving"];

    public RemoteLayer Open(string address, bool isReadOnly = false, RemoteLimits? limits = null) =>
        RemoteLayer.Open(RemoteAddress.Parse(address, ""), isReadOnly, limits ?? RemoteLimits.Default, _ => null, Observer);

    public string Source()
    {
        File.WriteAllBytes(Folder["source"], Content);
        return Folder["source"];
    }

    public bool Fetch(RemoteLayer layer) => layer.TryFetchObject(Sha256, Content.Length, Arriving, TestContext.Current.CancellationToken);

    public void FetchesWhole(RemoteLayer layer)
    {
        Assert.True(Fetch(layer));
        Assert.Equal(Content, File.ReadAllBytes(Arriving));
    }

    public void Dispose() => Folder.Dispose();
}
