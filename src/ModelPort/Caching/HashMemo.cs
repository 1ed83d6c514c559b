using ModelPort.Checkpoints;
using ModelPort.Diagnostics;

namespace ModelPort.Caching;

/// <summary>
/// Remembers the hashes of big files, so that a file that has not changed is not read again. An entry holds for one path with one
/// <see cref="FileIdentity"/>. As in git's index, none is made of a file that was changed within the clock's resolution of being read, or in the future:
/// another change could leave no trace. Each entry carries a checksum of itself; one that is damaged or edited is as good as none.
/// </summary>
internal sealed class HashMemo
{
    private const string Mark = "modelport-memo 1";

    // FAT counts in steps of two seconds, other file systems in finer ones.
    private const long Margin = 2_000_000_000;

    private readonly StoreLayout? _layout;

    /// <summary>Opens the memo of a store; one that is off remembers nothing.</summary>
    public HashMemo(ContentStore store) => _layout = store.IsOn ? new StoreLayout(store.Root) : null;

    /// <summary>Nanoseconds since 1970.</summary>
    public static long Now => (DateTime.UtcNow - DateTime.UnixEpoch).Ticks * 100;

    /// <summary>The hash of a file as it is; null when it is not remembered.</summary>
    /// <param name="path">The file's absolute path.</param>
    /// <param name="identity">What the file system says of it now.</param>
    public string? TryGet(string path, FileIdentity? identity)
    {
        if (_layout is null || identity is null)
        {
            return null;
        }

        try
        {
            var entry = EntryOf(path);
            if (!File.Exists(entry) || File.ReadAllText(entry).Split('\n') is not [Mark, var hash, var state, var checksum, ""])
            {
                return null;
            }

            return StoreRecord.IsHash(hash) && state == identity.ToString() && checksum == Checksum(path, hash, state) ? hash : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Remembers the hash of a file, unless the file may change again without a trace.</summary>
    /// <param name="path">The file's absolute path.</param>
    /// <param name="before">What the file system said of it before it was read.</param>
    /// <param name="began">When that was, in nanoseconds since 1970.</param>
    /// <param name="hash">SHA-256 of what was read.</param>
    public void Remember(string path, FileIdentity? before, long began, string hash)
    {
        if (_layout is null || before is null || Math.Max(before.Written, before.Changed) > began - Margin || FileIdentity.Of(path) != before)
        {
            return;
        }

        var state = before.ToString();
        var entry = EntryOf(path);
        var temporary = $"{entry}.{Guid.NewGuid():N}";
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(entry)!);
            File.WriteAllText(temporary, $"{Mark}\n{hash}\n{state}\n{Checksum(path, hash, state)}\n");
            File.Move(temporary, entry, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It only saves time.
        }
    }

    /// <summary>The hash of a file: remembered, or computed now and remembered from then on.</summary>
    /// <param name="path">The file's absolute path.</param>
    /// <param name="cancellation">Stops the reading.</param>
    /// <exception cref="ModelPortException">MP1003: the file cannot be read.</exception>
    public string HashOf(string path, CancellationToken cancellation)
    {
        var (identity, began) = (FileIdentity.Of(path), Now);
        if (TryGet(path, identity) is { } remembered)
        {
            return remembered;
        }

        var hash = SourceHash.OfFile(path, cancellation);
        Remember(path, identity, began, hash);
        return hash;
    }

    private static string Checksum(string path, string hash, string state) => PlanDigest.Hash($"{path}\n{hash}\n{state}");

    private string EntryOf(string path)
    {
        var name = PlanDigest.Hash(path);
        return Path.Combine(_layout!.Memos, name[..2], name);
    }
}
