using Microsoft.Win32.SafeHandles;
using ModelPort.Checkpoints;
using ModelPort.Diagnostics;
using ModelPort.Formats.Safetensors;

namespace ModelPort.Porting;

/// <summary>Hashes the files of a checkpoint while the pass reads them: weights by the readers, from the bytes they have in hand.</summary>
internal sealed class SourceHashing : IDisposable
{
    // So far behind the last reader no other is at work: what was not offered there will not be.
    private const long Behind = 4 << 20;

    private readonly IReadOnlyList<SourceFile> _files;
    private readonly SourceHash? _known;
    private readonly Dictionary<string, Weights> _weights = new(StringComparer.Ordinal);

    /// <summary>Opens the weight files.</summary>
    /// <param name="checkpoint">The source.</param>
    /// <param name="known">Its hashes, when they were computed since it was opened; nothing is hashed then.</param>
    /// <exception cref="ModelPortException">MP1003: a file cannot be read.</exception>
    public SourceHashing(Checkpoint checkpoint, SourceHash? known)
    {
        _files = checkpoint.Files;
        _known = known;
        try
        {
            foreach (var file in known is null ? checkpoint.Tensors.Files : [])
            {
                _weights[file.Path] = new Weights(file.Path);
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Takes note of bytes of a weight file that have been read.</summary>
    /// <param name="file">The file.</param>
    /// <param name="offset">Where they lie in it.</param>
    /// <param name="bytes">The bytes.</param>
    public void Read(SafetensorsFile file, long offset, ReadOnlySpan<byte> bytes)
    {
        if (_known is null)
        {
            _weights[file.Path].Read(offset, bytes);
        }
    }

    /// <summary>What is left of each weight file when all is read; little, unless hashing is slower than all else.</summary>
    public IEnumerable<Action> Rest(CancellationToken cancellation) => _weights.Values.Select(w => (Action)(() => w.Follow(cancellation)));

    /// <summary>The hashes of all files.</summary>
    /// <exception cref="ModelPortException">MP1003: a file cannot be read.</exception>
    public SourceHash Complete(CancellationToken cancellation) =>
        _known ?? SourceHash.Of(_files.Select(f => (f.Name, _weights.TryGetValue(f.Path, out var weights) ? weights.Complete(cancellation) : SourceHash.OfFile(f.Path, cancellation))));

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var weights in _weights.Values)
        {
            weights.Dispose();
        }
    }

    private sealed class Weights : IDisposable
    {
        private readonly string _path;
        private readonly SafeFileHandle _handle;
        private readonly FollowingHash _hash;
        private long _read;

        public Weights(string path)
        {
            _path = path;
            _handle = OrUnreadable(() => File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read, FileOptions.SequentialScan));
            _hash = new FollowingHash(_handle, RunningHash.Sha256());
        }

        public void Read(long offset, ReadOnlySpan<byte> bytes)
        {
            try
            {
                _hash.Offer(offset, bytes);
                _hash.Follow(Interlocked.Add(ref _read, bytes.Length) - Behind, CancellationToken.None);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw Unreadable(e);
            }
        }

        public void Follow(CancellationToken cancellation) => OrUnreadable(() =>
        {
            _hash.Follow(long.MaxValue, cancellation);
            return true;
        });

        public string Complete(CancellationToken cancellation) => OrUnreadable(() => _hash.Complete(cancellation));

        public void Dispose()
        {
            _hash.Dispose();
            _handle.Dispose();
        }

        private T OrUnreadable<T>(Func<T> action)
        {
            try
            {
                return action();
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw Unreadable(e);
            }
        }

        private ModelPortException Unreadable(Exception e) => new(Diagnose.Unreadable(_path, e.Message), e);
    }
}
