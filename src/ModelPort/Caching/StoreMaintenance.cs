using ModelPort.Checkpoints;

namespace ModelPort.Caching;

/// <summary>A record of a store, for people.</summary>
/// <param name="Stage">The stage that made it.</param>
/// <param name="Subject">Whose result it is.</param>
/// <param name="Key">Its key.</param>
/// <param name="LastUse">When it was last made or used.</param>
/// <param name="Bytes">Bytes of its objects, which it may share with others, and of itself.</param>
/// <param name="Objects">SHA-256 of its objects.</param>
public sealed record StoreEntry(string Stage, string Subject, string Key, DateTime LastUse, long Bytes, IReadOnlyList<string> Objects);

/// <summary>What a store holds.</summary>
/// <param name="Root">Its folder.</param>
/// <param name="Bytes">Bytes of all its objects and records; those that are clones or links of outputs take no room of their own.</param>
/// <param name="Entries">The records, the last used first.</param>
public sealed record StoreContent(string Root, long Bytes, IReadOnlyList<StoreEntry> Entries);

/// <summary>What was removed from a store.</summary>
/// <param name="Entries">Records.</param>
/// <param name="Objects">Objects.</param>
/// <param name="Bytes">Bytes of both.</param>
/// <param name="Left">Bytes that are left.</param>
public sealed record StoreRemoval(int Entries, int Objects, long Bytes, long Left);

/// <summary>Looks after a store: what is in it, whether it is whole, what may go.</summary>
/// <param name="root">The store's folder.</param>
public sealed class StoreMaintenance(string root)
{
    // Longer than any build takes between an object and the record that names it.
    private static readonly TimeSpan Orphanage = TimeSpan.FromHours(1);

    private readonly StoreLayout _layout = new(root);

    /// <summary>What the store holds.</summary>
    public StoreContent Content()
    {
        var entries = _layout.AllRecords().Select(Read).OfType<StoreEntry>().OrderByDescending(e => e.LastUse).ThenBy(e => e.Key, StringComparer.Ordinal);
        return new StoreContent(root, Size(), [.. entries]);
    }

    /// <summary>Reads everything, and removes what is not as it was written.</summary>
    /// <param name="threads">Objects that are read at a time.</param>
    /// <param name="progress">Told the bytes read.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <returns>The files that were removed.</returns>
    public IReadOnlyList<string> Verify(int threads, Action<long> progress, CancellationToken cancellation)
    {
        var damaged = _layout.AllRecords().Where(f => Read(f) is null).Select(f => f.FullName).ToList();
        Parallel.ForEach(_layout.AllObjects().OrderByDescending(f => f.Length), new ParallelOptions { MaxDegreeOfParallelism = threads, CancellationToken = cancellation }, file =>
        {
            if (SourceHash.OfFile(file.FullName, cancellation, count => progress(count)) != file.Name)
            {
                lock (damaged)
                {
                    damaged.Add(file.FullName);
                }
            }
        });
        damaged.ForEach(FileTransfer.Delete);
        return [.. damaged.Order(StringComparer.Ordinal)];
    }

    /// <summary>Removes what was not used for longest, and nothing that a running build has used.</summary>
    /// <param name="maxBytes">What may be left; null for no limit.</param>
    /// <param name="olderThan">What was last used before this goes too; null for nothing.</param>
    public StoreRemoval Prune(long? maxBytes, DateTime? olderThan) => Prune(maxBytes, olderThan, null);

    /// <summary>Removes everything that no running build has used.</summary>
    public StoreRemoval Clear()
    {
        var removal = Prune(0, null);
        Forget(DateTime.MaxValue);
        return removal;
    }

    /// <summary>Removes what is over the limit when a run ends.</summary>
    internal void Trim(long maxBytes, StoreRun own)
    {
        if (Size() > maxBytes)
        {
            Prune(maxBytes, null, own);
        }
    }

    private StoreRemoval Prune(long? maxBytes, DateTime? olderThan, StoreRun? own)
    {
        if (!Directory.Exists(_layout.Locks))
        {
            return new StoreRemoval(0, 0, 0, 0);
        }

        using var alone = FileLock.TryTake(_layout.Lock("prune"));
        var left = Size();
        if (alone is null)
        {
            return new StoreRemoval(0, 0, 0, left);
        }

        var inUse = StoreRun.OldestBegin(_layout, own) ?? DateTime.MaxValue;
        var entries = Content().Entries.Reverse().ToArray();
        var uses = entries.SelectMany(e => e.Objects).CountBy(o => o).ToDictionary(u => u.Key, u => u.Value, StringComparer.Ordinal);
        var (records, objects, bytes) = (0, 0, 0L);

        void Remove(FileInfo file, ref int count)
        {
            var length = file.Exists ? file.Length : 0;
            FileTransfer.TryDelete(file.FullName);
            bytes += length;
            left -= length;
            count++;
        }

        foreach (var orphan in _layout.AllObjects().Where(f => !uses.ContainsKey(f.Name) && LastChange(f) < Earlier(inUse, DateTime.UtcNow - Orphanage)))
        {
            Remove(orphan, ref objects);
        }

        foreach (var entry in entries)
        {
            if (!(left > maxBytes || entry.LastUse < olderThan))
            {
                continue;
            }

            var record = new FileInfo(_layout.Record(entry.Key));
            if (entry.LastUse >= inUse || record.LastWriteTimeUtc != entry.LastUse)
            {
                continue;
            }

            Remove(record, ref records);
            foreach (var unused in entry.Objects.Where(o => --uses[o] == 0))
            {
                Remove(new FileInfo(_layout.Object(unused)), ref objects);
            }
        }

        if (olderThan is { } limit)
        {
            Forget(limit);
        }

        FreeLocks();
        return new StoreRemoval(records, objects, bytes, left);
    }

    private void Forget(DateTime olderThan)
    {
        var memos = new DirectoryInfo(_layout.Memos);
        foreach (var memo in memos.Exists ? memos.GetFiles("*", SearchOption.AllDirectories).Where(f => f.LastWriteTimeUtc < olderThan) : [])
        {
            FileTransfer.TryDelete(memo.FullName);
        }
    }

    // One that a process waits for is taken by it at the same moment at worst; two then do the same work, and no harm comes of it.
    private void FreeLocks()
    {
        foreach (var path in Directory.GetFiles(_layout.Locks).Where(f => StoreRecord.IsHash(Path.GetFileName(f)[^Math.Min(64, Path.GetFileName(f).Length)..])))
        {
            if (FileLock.IsFree(path))
            {
                FileTransfer.TryDelete(path);
            }
        }
    }

    private static DateTime LastChange(FileInfo file) =>
        FileIdentity.Of(file.FullName) is { } identity ? DateTime.UnixEpoch.AddTicks(identity.Changed / 100) : file.LastWriteTimeUtc;

    private static DateTime Earlier(DateTime a, DateTime b) => a < b ? a : b;

    private static StoreEntry? Read(FileInfo file)
    {
        try
        {
            var record = file.Length <= StoreRecord.LongestBytes ? StoreRecord.TryRead(File.ReadAllBytes(file.FullName), file.Name) : null;
            return record is null
                ? null
                : new StoreEntry(record.Stage, record.Subject, record.Key, file.LastWriteTimeUtc, file.Length + record.Objects.Values.Sum(o => o.Bytes), [.. record.Objects.Values.Select(o => o.Sha256).Distinct()]);
        }
        catch (FileNotFoundException)
        {
            return null;
        }
    }

    private long Size() => _layout.AllObjects().Concat(_layout.AllRecords()).Sum(f => f.Length);
}
