using Microsoft.Win32.SafeHandles;
using ModelPort.Caching;
using ModelPort.Diagnostics;

namespace ModelPort.Porting;

/// <summary>
/// A file that is whole or absent: written under a temporary name beside its place, flushed, then renamed. It is hashed and sent to the disk behind the
/// writers, so that neither waits for the end. What a killed process wrote of it can be gone on with.
/// </summary>
public sealed class OutputFile : IPendingFile
{
    /// <summary>The end of every temporary name, by which left-overs are found.</summary>
    public const string TemporarySuffix = ".modelport-tmp";

    private const string JournalSuffix = ".journal" + TemporarySuffix;

    // Enough for the disk to work at its full speed, and little to wait for at the end.
    private const long FlushBytes = 64 << 20;

    private readonly SafeFileHandle _handle;
    private readonly string _temporary;
    private readonly long _length;
    private readonly FollowingHash _hash;
    private readonly bool _isScratch;
    private readonly bool _isHashed;
    private readonly bool _canResume;
    private readonly bool _wasLeft;
    private readonly Lock _gate = new();
    private long _flushed;
    private Task _flush = Task.CompletedTask;
    private bool _committed;
    private WriteJournal? _journal;

    private OutputFile(string path, string temporary, SafeFileHandle handle, long length, bool isScratch, bool canResume, bool wasLeft)
    {
        Path = path;
        _temporary = temporary;
        _handle = handle;
        _length = length;
        _hash = new FollowingHash(handle, isScratch ? RunningHash.XxHash128() : RunningHash.Sha256());
        _isScratch = isScratch;
        _isHashed = !isScratch || canResume;
        _canResume = canResume;
        _wasLeft = wasLeft;
    }

    /// <summary>Where the file will be.</summary>
    public string Path { get; }

    /// <summary>Where it is until <see cref="Commit"/>.</summary>
    public string TemporaryPath => _temporary;

    /// <inheritdoc/>
    string IPendingFile.CurrentPath => _committed ? Path : _temporary;

    /// <summary>Up to where <see cref="Recover"/> found the file written.</summary>
    public long Recovered { get; private set; }

    /// <summary>Where a file lies until it is whole, when it belongs to a group: under its own name, in a folder of the group beside its place.</summary>
    internal static string TemporaryPathOf(string path, string? group) => group is null
        ? path + TemporarySuffix
        : System.IO.Path.Combine(System.IO.Path.GetDirectoryName(path)!, group + TemporarySuffix, System.IO.Path.GetFileName(path));

    /// <summary>The name that this process writes a file under until it is whole.</summary>
    internal static string TemporaryNameOf(string path) => $"{path}.{Environment.ProcessId}{TemporarySuffix}";

    /// <summary>Creates the temporary file and reserves its space, so that a full disk is found before the work.</summary>
    /// <param name="path">Where the file will be.</param>
    /// <param name="length">Its length in bytes.</param>
    /// <param name="group">What the files that it must lie beside under its own name have in common; null when it need not.</param>
    public static OutputFile Create(string path, long length, string? group = null) =>
        Create(path, group is null ? TemporaryNameOf(path) : TemporaryPathOf(path, group), length, isScratch: false, canResume: false);

    /// <summary>Creates a file that will only be read under its temporary name, and never kept.</summary>
    /// <param name="path">Beside which path it lies.</param>
    /// <param name="length">Its length in bytes.</param>
    /// <exception cref="ModelPortException">MP2001: not writable; MP2002: not enough space.</exception>
    public static OutputFile CreateScratch(string path, long length) => Create(path, TemporaryNameOf(path), length, isScratch: true, canResume: false);

    /// <summary>Opens what a killed run left of a file, or creates it. Only the holder of the folder's lock may call it: the temporary name is the same in every process.</summary>
    /// <param name="path">Where the file will be.</param>
    /// <param name="length">Its length in bytes.</param>
    /// <param name="isScratch">Whether it will only be read under its temporary name, and never kept.</param>
    /// <param name="group">What the files that it must lie beside under its own name have in common; null when it need not.</param>
    /// <exception cref="ModelPortException">MP2001: not writable; MP2002: not enough space.</exception>
    public static OutputFile Continue(string path, long length, bool isScratch = false, string? group = null)
    {
        var temporary = TemporaryPathOf(path, group);
        // One that may not be written is a link to an object of the store, which nobody may change.
        if (!File.Exists(path + JournalSuffix) || new FileInfo(temporary) is not { Exists: true, IsReadOnly: false } left || left.Length > length)
        {
            FileTransfer.TryDelete(temporary);
            return Create(path, temporary, length, isScratch, canResume: true);
        }

        try
        {
            return new OutputFile(path, temporary, File.OpenHandle(temporary, FileMode.Open, FileAccess.ReadWrite, FileShare.Read), length, isScratch, canResume: true, wasLeft: true);
        }
        catch (Exception e) when (IsOfTheSystem(e))
        {
            throw Failed(path, e, length);
        }
    }

    /// <summary>
    /// Finds out how much of the file is written already, before anything else is done with it, and from then on takes notes for a next run. The bytes
    /// are read and hashed, and count only as far as they are what they were. Nothing is done for a file that is not to be continued.
    /// </summary>
    /// <param name="key">Of the file's bytes: the same key, the same bytes. Null when that cannot be said: then nothing counts, and no notes are taken.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <exception cref="ModelPortException">MP2001 or MP2002.</exception>
    public void Recover(string? key, CancellationToken cancellation)
    {
        if (!_canResume)
        {
            return;
        }

        try
        {
            var marks = key is null ? [] : WriteJournal.Read(Path + JournalSuffix, key, _length);
            var right = _hash.Recover(marks, cancellation);
            if (right == 0 && _wasLeft)
            {
                // Of what lies there nothing may show through.
                RandomAccess.SetLength(_handle, 0);
            }

            if (key is not null)
            {
                Recovered = right == 0 ? 0 : marks[right - 1].Position;
                _journal = WriteJournal.Begin(Path + JournalSuffix, key, marks.Take(right));
                _hash.Mark(_length, _journal.Add);
            }
        }
        catch (Exception e) when (IsOfTheSystem(e))
        {
            throw Failed(Path, e, _length);
        }
    }

    /// <summary>Takes no more notes: what is written from here on has to be written again by a next run, as there is something to tell about it.</summary>
    public void RecoverNoFurther() => _hash.StopMarking();

    /// <summary>Writes bytes at a position, once for each; several threads may write at once.</summary>
    /// <exception cref="ModelPortException">MP2001 or MP2002.</exception>
    public void Write(ReadOnlySpan<byte> bytes, long offset)
    {
        try
        {
            RandomAccess.Write(_handle, bytes, offset);
            if (_isHashed)
            {
                _hash.Offer(offset, bytes);
            }
        }
        catch (Exception e) when (IsOfTheSystem(e))
        {
            throw Failed(Path, e, _length);
        }
    }

    /// <summary>Says that all bytes before a position are written, so that they can be hashed and sent to the disk.</summary>
    /// <param name="end">The position.</param>
    /// <param name="cancellation">Stops the hashing.</param>
    /// <exception cref="ModelPortException">MP2001: the file cannot be read back.</exception>
    public void Settle(long end, CancellationToken cancellation)
    {
        if (!_isHashed)
        {
            return;
        }

        try
        {
            _hash.Follow(end, cancellation);
        }
        catch (Exception e) when (IsOfTheSystem(e))
        {
            throw Failed(Path, e, _length);
        }

        lock (_gate)
        {
            // A flush that failed is not tried again: the system reports a lost write once.
            if (!_isScratch && end - _flushed >= FlushBytes && _flush.IsCompletedSuccessfully)
            {
                _flushed = end;
                _flush = Task.Run(() => RandomAccess.FlushToDisk(_handle), CancellationToken.None);
            }
        }
    }

    /// <summary>SHA-256 of the whole file in lower-case hex; hashes what is not hashed yet. Once, when all is written and nobody settles any more.</summary>
    /// <param name="cancellation">Stops it.</param>
    /// <exception cref="ModelPortException">MP2001: the file cannot be read back.</exception>
    public string Hash(CancellationToken cancellation)
    {
        try
        {
            return _hash.Complete(cancellation);
        }
        catch (Exception e) when (IsOfTheSystem(e))
        {
            throw Failed(Path, e, _length);
        }
    }

    /// <summary>Flushes to the disk and gives the file its name.</summary>
    /// <exception cref="ModelPortException">MP2001 or MP2002.</exception>
    public void Commit()
    {
        try
        {
            _flush.GetAwaiter().GetResult();
            RandomAccess.FlushToDisk(_handle);
            _handle.Dispose();
            FileTransfer.Rename(_temporary, Path);
            _committed = true;
            DropJournal();
        }
        catch (Exception e) when (IsOfTheSystem(e))
        {
            throw Failed(Path, e, _length);
        }
    }

    /// <summary>Writes a small file whole.</summary>
    /// <exception cref="ModelPortException">MP2001 or MP2002.</exception>
    public static void WriteAll(string path, ReadOnlySpan<byte> content)
    {
        using var file = Create(path, content.Length);
        file.Write(content, 0);
        file.Commit();
    }

    /// <summary>Writes a small file whole, unless it says the same already: then it keeps its time, and nothing that depends on it is done again.</summary>
    /// <param name="path">Its path.</param>
    /// <param name="content">Its content.</param>
    /// <exception cref="ModelPortException">MP2001: the disk is full; MP2002: the file cannot be written.</exception>
    public static void Update(string path, ReadOnlySpan<byte> content)
    {
        if (!File.Exists(path) || !content.SequenceEqual(File.ReadAllBytes(path)))
        {
            WriteAll(path, content);
        }
    }

    /// <summary>The name of a file beside an output that a next run reads: it stays when the run is killed, and goes with the left-overs when it ends.</summary>
    internal static string JournalNameOf(string path) => path + JournalSuffix;

    /// <summary>Deletes temporary files that a killed run left in a folder. Only the holder of the folder's lock may call it.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="butResumable">Whether those stay that this run may go on with.</param>
    public static void DeleteLeftOvers(string folder, bool butResumable)
    {
        if (!Directory.Exists(folder))
        {
            return;
        }

        string[] left = Directory.GetFiles(folder, "*" + TemporarySuffix);
        Array.ForEach([.. left.Where(p => !butResumable || !IsResumable(p))], FileTransfer.TryDelete);
        foreach (var group in Directory.GetDirectories(folder, "*" + TemporarySuffix))
        {
            string[] files = Directory.GetFiles(group);
            Array.ForEach([.. files.Where(p => !butResumable || !File.Exists(System.IO.Path.Combine(folder, System.IO.Path.GetFileName(p) + JournalSuffix)))], FileTransfer.TryDelete);
            TryDeleteEmpty(group);
        }
    }

    private static void TryDeleteEmpty(string folder)
    {
        try
        {
            Directory.Delete(folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It holds what is gone on with, or what could not be deleted.
        }
    }

    /// <summary>Deletes the temporary file unless it was committed.</summary>
    public void Dispose()
    {
        _hash.Dispose();
        Task.WaitAny([_flush], CancellationToken.None);
        _handle.Dispose();
        if (!_committed)
        {
            FileTransfer.TryDelete(_temporary);
            DropJournal();
        }
    }

    private static bool IsResumable(string path) =>
        path.EndsWith(JournalSuffix, StringComparison.Ordinal) || File.Exists(path[..^TemporarySuffix.Length] + JournalSuffix);

    private void DropJournal()
    {
        if (_canResume)
        {
            _journal?.Dispose();
            FileTransfer.TryDelete(Path + JournalSuffix);
        }
    }

    private static OutputFile Create(string path, string temporary, long length, bool isScratch, bool canResume)
    {
        try
        {
            Directory.CreateDirectory(System.IO.Path.GetDirectoryName(temporary)!);
            return new OutputFile(path, temporary, File.OpenHandle(temporary, FileMode.Create, FileAccess.ReadWrite, FileShare.Read, FileOptions.None, length), length, isScratch, canResume, wasLeft: false);
        }
        catch (Exception e) when (IsOfTheSystem(e))
        {
            FileTransfer.TryDelete(temporary);
            throw Failed(path, e, length);
        }
    }

    // A file that may grow no further, by the file system's limit or the user's, is an argument out of range to the runtime.
    private static bool IsOfTheSystem(Exception e) => e is IOException or UnauthorizedAccessException or ArgumentOutOfRangeException;

    private static ModelPortException Failed(string path, Exception e, long length) =>
        new(e is ArgumentOutOfRangeException || (e is IOException io && (Diagnose.IsDiskFull(io) || IsFailedReservation(io))) ? Diagnose.DiskFull(path, length) : Diagnose.OutputUnwritable(path, e.Message), e);

    // The runtime reports space it could not reserve with its own code instead of the system's; all other I/O errors carry the system's.
    private static bool IsFailedReservation(IOException exception) => exception.GetType() == typeof(IOException) && exception.HResult == unchecked((int)0x80131620);
}
