using Microsoft.Win32.SafeHandles;
using ModelPort.Checkpoints;
using ModelPort.Diagnostics;
using ModelPort.Formats.Safetensors;

namespace ModelPort.Porting;

/// <summary>
/// Hashes the files of a checkpoint while the pass reads them. A weight file is hashed a little ahead of the readers, who then find in memory what was
/// fetched from the disk meanwhile; never far ahead, so that it is still there when they come.
/// </summary>
internal sealed class SourceHashing : IDisposable
{
    private const long Ahead = 32 << 20;

    private readonly IReadOnlyList<SourceFile> _files;
    private readonly Dictionary<string, Weights> _weights = new(StringComparer.Ordinal);

    /// <summary>Opens the weight files.</summary>
    /// <exception cref="ModelPortException">MP1003: a file cannot be read.</exception>
    public SourceHashing(Checkpoint checkpoint)
    {
        _files = checkpoint.Files;
        try
        {
            foreach (var file in checkpoint.Tensors.Files)
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

    /// <summary>Says that bytes of a weight file have been read.</summary>
    public void Read(SafetensorsFile file, long bytes) => _weights[file.Path].Read(bytes);

    /// <summary>Hashes what is left.</summary>
    /// <exception cref="ModelPortException">MP1003: a file cannot be read.</exception>
    public SourceHash Complete(CancellationToken cancellation) =>
        SourceHash.Of(_files.Select(f => (f.Name, _weights.TryGetValue(f.Path, out var weights) ? weights.Complete(cancellation) : SourceHash.OfFile(f.Path, cancellation))));

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
            _hash = new FollowingHash(_handle);
        }

        public void Read(long bytes) => _hash.Allow(Interlocked.Add(ref _read, bytes) + Ahead);

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
                throw new ModelPortException(Diagnose.Unreadable(_path, e.Message), e);
            }
        }
    }
}
