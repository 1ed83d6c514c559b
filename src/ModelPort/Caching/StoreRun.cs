namespace ModelPort.Caching;

/// <summary>
/// One process at work in a store. Its mark is a file that it holds, so that others know what is in use and what a dead process left: nothing that was used
/// since the oldest living process began is pruned, and temporary files of the dead are deleted.
/// </summary>
internal sealed class StoreRun : IDisposable
{
    private const string Prefix = "run-";

    private readonly StoreLayout _layout;
    private readonly FileLock _held;
    private readonly string _id;
    private int _temporaries;

    private StoreRun(StoreLayout layout, FileLock held, string id)
    {
        _layout = layout;
        _held = held;
        _id = id;
    }

    /// <summary>Begins.</summary>
    /// <exception cref="IOException">The store cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">The store may not be written.</exception>
    public static StoreRun Begin(StoreLayout layout)
    {
        while (true)
        {
            var id = Guid.NewGuid().ToString("N");
            // One that sweeps may have taken it for that of a dead process, between its making and its locking.
            if (FileLock.TryTake(layout.Lock(Prefix + id)) is { } held)
            {
                Sweep(layout, id);
                return new StoreRun(layout, held, id);
            }
        }
    }

    /// <summary>When the oldest process that is at work in a store began; null when none is.</summary>
    /// <param name="layout">The store.</param>
    /// <param name="but">A process that does not count: the one that asks.</param>
    public static DateTime? OldestBegin(StoreLayout layout, StoreRun? but)
    {
        DateTime? oldest = null;
        foreach (var mark in new DirectoryInfo(layout.Locks).GetFiles(Prefix + "*"))
        {
            if (mark.Name == Prefix + but?._id)
            {
                continue;
            }

            if (!FileLock.IsFree(mark.FullName) && (oldest is null || mark.LastWriteTimeUtc < oldest))
            {
                oldest = mark.LastWriteTimeUtc;
            }
        }

        return oldest;
    }

    /// <summary>A name for a file that is not whole yet.</summary>
    public string NewTemporary() => Path.Combine(_layout.Temporary, $"{_id}-{Interlocked.Increment(ref _temporaries)}");

    /// <summary>Ends: what was not finished goes, and then the mark.</summary>
    public void Dispose()
    {
        Array.ForEach(Unfinished(), FileTransfer.TryDelete);
        var mark = _layout.Lock(Prefix + _id);
        // Deleted while it is held where that is possible: nobody then takes it for that of a dead process.
        if (!OperatingSystem.IsWindows())
        {
            FileTransfer.TryDelete(mark);
        }

        _held.Dispose();
        FileTransfer.TryDelete(mark);
    }

    private string[] Unfinished()
    {
        try
        {
            return Directory.GetFiles(_layout.Temporary, _id + "-*");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    private static void Sweep(StoreLayout layout, string own)
    {
        // Listed first: the mark of whoever made one of them was there before.
        var files = Directory.GetFiles(layout.Temporary, "*-*");
        var living = new HashSet<string>(StringComparer.Ordinal) { own };
        foreach (var mark in Directory.GetFiles(layout.Locks, Prefix + "*").Where(m => Path.GetFileName(m) != Prefix + own))
        {
            if (FileLock.IsFree(mark))
            {
                FileTransfer.TryDelete(mark);
            }
            else
            {
                living.Add(Path.GetFileName(mark)[Prefix.Length..]);
            }
        }

        foreach (var file in files.Where(f => !living.Contains(Path.GetFileName(f).Split('-')[0])))
        {
            FileTransfer.TryDelete(file);
        }
    }
}
