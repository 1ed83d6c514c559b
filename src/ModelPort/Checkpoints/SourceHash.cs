using System.Security.Cryptography;
using System.Text;
using ModelPort.Diagnostics;

namespace ModelPort.Checkpoints;

/// <summary>The content hashes of a checkpoint: SHA-256 of every file, and one hash over all of them.</summary>
/// <param name="Value">SHA-256, in lower-case hex, over lines "name NUL hash LF" of all files sorted by name: the identity of the source wherever it lies.</param>
/// <param name="Files">SHA-256 of each file, by its relative name.</param>
public sealed record SourceHash(string Value, IReadOnlyDictionary<string, string> Files)
{
    private const int BufferBytes = 1 << 20;

    /// <summary>The first twelve digits, enough to tell sources apart in a line of text.</summary>
    public string Prefix => Value[..12];

    /// <summary>Hashes all files of a checkpoint, several at a time.</summary>
    /// <param name="files">The files.</param>
    /// <param name="threads">At most this many at a time.</param>
    /// <param name="observer">Told the bytes done.</param>
    /// <param name="cancellation">Stops the work.</param>
    /// <exception cref="ModelPortException">MP1023: a file changed while it was hashed.</exception>
    public static SourceHash Compute(IReadOnlyList<SourceFile> files, int threads, IPortObserver observer, CancellationToken cancellation)
    {
        var hashes = new string[files.Count];
        var total = files.Sum(f => f.Length);
        long done = 0;
        // The largest first: one long file then overlaps with all the others.
        var order = Enumerable.Range(0, files.Count).OrderByDescending(i => files[i].Length);
        try
        {
            Parallel.ForEach(order, new ParallelOptions { MaxDegreeOfParallelism = threads, CancellationToken = cancellation }, i =>
            {
                hashes[i] = OfFile(files[i].Path, cancellation, n => observer.Progress(new PortProgress("hash", Interlocked.Add(ref done, n), total, files[i].Name)));
                if (!files[i].IsUnchanged())
                {
                    throw new ModelPortException(Diagnose.SourceChanged(files[i].Path));
                }
            });
        }
        catch (AggregateException several)
        {
            // One fault is enough to say; those of other threads are of the same kind.
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Capture(several.Flatten().InnerExceptions[0]).Throw();
        }

        return Of(files.Select((f, i) => (f.Name, hashes[i])));
    }

    /// <summary>The identity of files whose hashes are known.</summary>
    /// <param name="files">Names relative to the checkpoint's folder, and SHA-256 of each file in lower-case hex.</param>
    public static SourceHash Of(IEnumerable<(string Name, string Hash)> files)
    {
        var lines = files.OrderBy(f => f.Name, StringComparer.Ordinal).ToArray();
        var text = string.Concat(lines.Select(l => $"{l.Name}\0{l.Hash}\n"));
        return new SourceHash(Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text))), lines.ToDictionary(l => l.Name, l => l.Hash, StringComparer.Ordinal));
    }

    /// <summary>SHA-256 of a file in lower-case hex.</summary>
    /// <exception cref="ModelPortException">MP1003: the file cannot be read.</exception>
    public static string OfFile(string path, CancellationToken cancellation, Action<int>? read = null)
    {
        try
        {
            return Hash(path, read, cancellation);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ModelPortException(Diagnose.Unreadable(path, e.Message), e);
        }
    }

    private static string Hash(string path, Action<int>? read, CancellationToken cancellation)
    {
        using var sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        using var handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read, FileOptions.SequentialScan);
        var buffer = new byte[BufferBytes];
        for (long offset = 0; ;)
        {
            cancellation.ThrowIfCancellationRequested();
            var count = RandomAccess.Read(handle, buffer, offset);
            if (count == 0)
            {
                return Convert.ToHexStringLower(sha.GetHashAndReset());
            }

            sha.AppendData(buffer, 0, count);
            offset += count;
            read?.Invoke(count);
        }
    }
}
