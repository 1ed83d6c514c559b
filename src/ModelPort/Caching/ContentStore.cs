using System.Collections.Concurrent;
using ModelPort.Checkpoints;
using ModelPort.Diagnostics;
using ModelPort.Porting;

namespace ModelPort.Caching;

/// <summary>
/// What stages made, kept for other builds: objects named by their SHA-256, and records under the keys of stages that name them. Nothing is believed
/// unseen: a record carries a checksum of itself, an object is checked before it is used, and what is damaged is dropped with a warning and made again.
/// A store that cannot be used is one warning, and the build goes on without it.
/// </summary>
public sealed class ContentStore : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromHours(12);

    private readonly StoreSettings _settings;
    private readonly StoreLayout _layout;
    private readonly IStoreLayer? _layer;
    private readonly IPortObserver _observer;
    private readonly CancellationToken _cancellation;
    private readonly ConcurrentDictionary<string, string> _verified = new(StringComparer.Ordinal);
    private StoreRun? _run;

    private ContentStore(StoreSettings settings, IStoreLayer? layer, IPortObserver observer, CancellationToken cancellation)
    {
        _settings = settings;
        _layout = new StoreLayout(settings.Directory ?? "");
        _layer = layer;
        _observer = observer;
        _cancellation = cancellation;
    }

    /// <summary>Whether the store is used: it was asked for, and nothing has gone wrong with it.</summary>
    public bool IsOn => _run is not null;

    /// <summary>The folder.</summary>
    public string Root => _layout.Root;

    /// <summary>Whether the store has room for what can be made again, but is large: one such object may take no more than an eighth of it.</summary>
    public bool HasRoomFor(long bytes) => IsOn && bytes <= _settings.MaxBytes / 8;

    /// <summary>Opens a store, and makes it when it is not there. Of one that cannot be used there is a warning (MP2040), and it is off.</summary>
    /// <param name="settings">Which store.</param>
    /// <param name="layer">Where else to look, and whom to tell; null for nowhere.</param>
    /// <param name="observer">Told what goes wrong, and what is worth a line.</param>
    /// <param name="cancellation">Stops long work.</param>
    public static ContentStore Open(StoreSettings settings, IStoreLayer? layer, IPortObserver observer, CancellationToken cancellation)
    {
        var store = new ContentStore(settings, layer, observer, cancellation);
        if (settings.Directory is not null)
        {
            store.Guarded(() =>
            {
                store._layout.Create();
                store._run = StoreRun.Begin(store._layout);
                return true;
            });
        }

        return store;
    }

    /// <summary>The record of a stage; null when there is none. Counts as a use of it.</summary>
    public StoreRecord? TryGetRecord(StageKey key) => IsOn ? Guarded(() => LocalRecord(key.Value) ?? FetchRecord(key.Value)) : null;

    /// <summary>Keeps a record, whose objects are in the store.</summary>
    public void PutRecord(StoreRecord record)
    {
        if (!IsOn)
        {
            return;
        }

        var content = record.ToBytes();
        Guarded(() =>
        {
            Write(_layout.Record(record.Key), content);
            _layer?.StoreRecord(record.Key, content, _cancellation);
            return true;
        });
    }

    /// <summary>
    /// Gives an object to a file: as a clone, a link that nobody can write, or a copy. The file is whole or as before. A link has the time of the object, which
    /// may be older than that of a file it replaces.
    /// </summary>
    /// <param name="wanted">The object.</param>
    /// <param name="destination">The file; what was there is replaced.</param>
    /// <returns>Whether the store, or its layer, had it undamaged.</returns>
    public bool TryTake(StoredObject wanted, string destination) => IsOn && Guarded(() =>
    {
        if (Verified(wanted) is not { } path)
        {
            return false;
        }

        var temporary = OutputFile.TemporaryNameOf(destination);
        FileTransfer.Delete(temporary);
        FileTransfer.Make(path, temporary);
        FileTransfer.Rename(temporary, destination);
        return true;
    });

    /// <summary>An object's own file, for reading while this store is open; null when neither the store nor its layer has it undamaged.</summary>
    public string? TryFind(StoredObject wanted) => IsOn ? Guarded(() => Verified(wanted)) : null;

    /// <summary>Keeps a file as an object: as a clone, as another name for it (which nobody may write from then on), or as a copy.</summary>
    /// <param name="path">The file.</param>
    /// <param name="sha256">SHA-256 of its bytes, computed when they were written.</param>
    /// <returns>The object; null when it could not be kept.</returns>
    public StoredObject? Publish(string path, string sha256) => !IsOn ? null : Guarded(() =>
    {
        var stored = new StoredObject(sha256, new FileInfo(path).Length, ContentChecksum.OfFile(path, _settings.Threads, _cancellation));
        var target = _layout.Object(sha256);
        if (!(new FileInfo(target) is { Exists: true } there && there.Length == stored.Bytes))
        {
            var temporary = _run!.NewTemporary();
            FileTransfer.Make(path, temporary);
            Place(temporary, target);
        }

        _layer?.StoreObject(sha256, path, _cancellation);
        return stored;
    });

    /// <summary>Holds the work on something for this process; another that wants the same waits, and finds it done.</summary>
    /// <param name="key">The key of the work.</param>
    /// <param name="what">What is waited for, for people.</param>
    /// <returns>The lock, to be disposed of when the work is done and kept; null without a store, or after half a day.</returns>
    public IDisposable? Lock(StageKey key, string what) =>
        IsOn ? Guarded(() => FileLock.Take(_layout.Lock(key.Value), Patience, () => _observer.Detail($"Waiting for another build that makes {what}"), _cancellation)) : null;

    /// <summary>Ends the use of the store, and removes what is over its limit.</summary>
    public void Dispose()
    {
        if (_run is not null)
        {
            Guarded(() =>
            {
                new StoreMaintenance(_layout.Root).Trim(_settings.MaxBytes, _run);
                return true;
            });
        }

        _run?.Dispose();
        _run = null;
    }

    private StoreRecord? LocalRecord(string key)
    {
        var path = _layout.Record(key);
        if (!File.Exists(path))
        {
            return null;
        }

        var record = new FileInfo(path).Length <= StoreRecord.LongestBytes ? StoreRecord.TryRead(File.ReadAllBytes(path), key) : null;
        if (record is null)
        {
            Drop(path);
            return null;
        }

        Touch(path);
        return record;
    }

    // In a store of several users it may be another's file: it then looks older than it is.
    private static void Touch(string path)
    {
        try
        {
            File.SetLastWriteTimeUtc(path, DateTime.UtcNow);
        }
        catch (UnauthorizedAccessException)
        {
        }
    }

    private StoreRecord? FetchRecord(string key)
    {
        if (_layer is null)
        {
            return null;
        }

        using var content = new MemoryStream();
        if (!_layer.TryFetchRecord(key, content, _cancellation) || StoreRecord.TryRead(content.GetBuffer().AsSpan(0, (int)content.Length), key) is not { } record)
        {
            return null;
        }

        Write(_layout.Record(key), content.GetBuffer().AsSpan(0, (int)content.Length));
        return record;
    }

    private string? Verified(StoredObject wanted)
    {
        var path = _layout.Object(wanted.Sha256);
        if (_verified.TryGetValue(wanted.Sha256, out var checksum) && checksum == wanted.Checksum)
        {
            return path;
        }

        if (!(File.Exists(path) && IsSound(path, wanted)) && !Fetch(wanted, path))
        {
            return null;
        }

        _verified[wanted.Sha256] = wanted.Checksum;
        return path;
    }

    private bool IsSound(string path, StoredObject wanted)
    {
        if (new FileInfo(path).Length == wanted.Bytes && _settings.Verification switch
        {
            StoreVerification.Size => true,
            StoreVerification.Sha256 => SourceHash.OfFile(path, _cancellation) == wanted.Sha256,
            _ => ContentChecksum.OfFile(path, _settings.Threads, _cancellation) == wanted.Checksum,
        })
        {
            return true;
        }

        Drop(path);
        return false;
    }

    private bool Fetch(StoredObject wanted, string path)
    {
        if (_layer is null)
        {
            return false;
        }

        // Of those who want the same object one fetches it.
        using var held = FileLock.Take(_layout.Lock("fetch-" + wanted.Sha256), Patience, () => _observer.Detail($"Waiting for another build that fetches {wanted.Sha256}"), _cancellation);
        if (File.Exists(path) && IsSound(path, wanted))
        {
            return true;
        }

        var temporary = Path.Combine(_layout.Temporary, wanted.Sha256);
        if (!_layer.TryFetchObject(wanted.Sha256, wanted.Bytes, temporary, _cancellation))
        {
            return false;
        }

        if (new FileInfo(temporary).Length != wanted.Bytes || ContentChecksum.OfFile(temporary, _settings.Threads, _cancellation) != wanted.Checksum)
        {
            FileTransfer.Delete(temporary);
            return false;
        }

        Place(temporary, path);
        return true;
    }

    // Damage is told, whoever did it: a disk, or a program that wrote into a link of the file.
    private void Drop(string path)
    {
        FileTransfer.TryDelete(path);
        _observer.Warn(Diagnose.StoreDamaged(path));
    }

    private void Write(string path, ReadOnlySpan<byte> content)
    {
        var temporary = _run!.NewTemporary();
        File.WriteAllBytes(temporary, content);
        Put(temporary, path);
    }

    private static void Place(string temporary, string path)
    {
        FileTransfer.SetReadOnly(temporary, true);
        Put(temporary, path);
    }

    private static void Put(string temporary, string path)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        try
        {
            FileTransfer.Rename(temporary, path);
        }
        catch (Exception e) when (OperatingSystem.IsWindows() && e is IOException or UnauthorizedAccessException && File.Exists(path))
        {
            // Windows replaces no file that somebody reads; who reads it has the same.
            FileTransfer.TryDelete(temporary);
        }
    }

    private T? Guarded<T>(Func<T> work)
    {
        try
        {
            return work();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ModelPortException)
        {
            _run?.Dispose();
            _run = null;
            _observer.Warn(Diagnose.StoreUnusable(_layout.Root, e.Message));
            return default;
        }
    }
}
