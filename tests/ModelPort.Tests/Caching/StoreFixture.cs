using System.Security.Cryptography;
using ModelPort.Caching;
using ModelPort.Diagnostics;
using ModelPort.Tests.Support;

namespace ModelPort.Tests.Caching;

/// <summary>A store of a test's own, and files to put into it.</summary>
internal sealed class StoreFixture : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public QuietObserver Observer { get; } = new();

    /// <summary>The store's folder.</summary>
    public string Root => _folder["store"];

    /// <summary>A path outside the store.</summary>
    public string this[string name] => _folder[name];

    public ContentStore Open(StoreVerification verification = StoreVerification.Checksum, long maxBytes = long.MaxValue, IStoreLayer? layer = null) =>
        ContentStore.Open(new StoreSettings(Root, verification, maxBytes, 2), layer, Observer, TestContext.Current.CancellationToken);

    /// <summary>Writes a file of random bytes; the same seed gives the same bytes.</summary>
    public (string Path, string Sha256) Write(string name, int length, int seed = 1)
    {
        var bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        File.WriteAllBytes(_folder[name], bytes);
        return (_folder[name], Hash(bytes));
    }

    /// <summary>Puts a file into a store, under a key of its name.</summary>
    public (StageKey Key, StoredObject Stored) Put(ContentStore store, string name, int length, int seed = 1)
    {
        var (path, hash) = Write(name, length, seed);
        var stored = store.Publish(path, hash)!;
        var key = Key(name);
        store.PutRecord(StoreRecord.Of(key, name, new Dictionary<string, StoredObject> { ["file"] = stored }, new Dictionary<string, string> { ["note"] = $"of {name}" }));
        return (key, stored);
    }

    public static StageKey Key(string name) => new("test", new KeyPart("name", name));

    public static string Hash(byte[] bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));

    public string PathOf(StoredObject stored) => Path.Combine(Root, "cas", stored.Sha256[..2], stored.Sha256);

    public string PathOf(StageKey key) => Path.Combine(Root, "ac", key.Value[..2], key.Value);

    /// <summary>Writes into a file whoever may write it, as the superuser and a broken disk do.</summary>
    public static void Flip(string path, long bit)
    {
        var mode = OperatingSystem.IsWindows() ? default : File.GetUnixFileMode(path);
        FileTransfer.SetReadOnly(path, false);
        using (var file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite))
        {
            file.Position = bit / 8;
            var value = file.ReadByte();
            file.Position = bit / 8;
            file.WriteByte((byte)(value ^ (1 << (int)(bit % 8))));
        }

        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(path, mode);
        }
    }

    public void Dispose() => _folder.Dispose();
}
