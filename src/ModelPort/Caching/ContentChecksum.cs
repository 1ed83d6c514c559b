using System.IO.Hashing;
using Microsoft.Win32.SafeHandles;

namespace ModelPort.Caching;

/// <summary>
/// XxHash128 over the XxHash128 digests of a file's pieces of 4 MiB: as good as one over the whole file at finding damage, and computed on all cores at the
/// speed of memory. It is no proof against malice; SHA-256, by which objects are named, is.
/// </summary>
public static class ContentChecksum
{
    private const int PieceBytes = 4 << 20;
    private const int DigestBytes = 16;

    /// <summary>The checksum of a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="threads">Threads that read and compute.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <returns>32 digits of lower-case hex.</returns>
    /// <exception cref="IOException">The file cannot be read, or becomes shorter meanwhile.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be read.</exception>
    public static string OfFile(string path, int threads, CancellationToken cancellation)
    {
        // Whoever wrote it may not have closed it yet.
        using var handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        var length = RandomAccess.GetLength(handle);
        var digests = new byte[(length + PieceBytes - 1) / PieceBytes * DigestBytes];
        try
        {
            Parallel.For(
                0L,
                digests.Length / DigestBytes,
                new ParallelOptions { MaxDegreeOfParallelism = threads, CancellationToken = cancellation },
                () => new byte[Math.Min(length, PieceBytes)],
                (piece, _, buffer) =>
                {
                    var bytes = buffer.AsSpan(0, (int)Math.Min(PieceBytes, length - piece * PieceBytes));
                    Fill(handle, piece * PieceBytes, bytes);
                    XxHash128.Hash(bytes, digests.AsSpan((int)(piece * DigestBytes), DigestBytes));
                    return buffer;
                },
                _ => { });
        }
        catch (AggregateException several)
        {
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(several.Flatten().InnerExceptions[0]);
        }

        return Convert.ToHexStringLower(XxHash128.Hash(digests));
    }

    /// <summary>The checksum of a few bytes, which is that of a file of them.</summary>
    public static string Of(ReadOnlySpan<byte> bytes)
    {
        var digests = new byte[(bytes.Length + PieceBytes - 1) / PieceBytes * DigestBytes];
        for (var piece = 0; piece * DigestBytes < digests.Length; piece++)
        {
            var rest = bytes[(piece * PieceBytes)..];
            XxHash128.Hash(rest[..Math.Min(rest.Length, PieceBytes)], digests.AsSpan(piece * DigestBytes));
        }

        return Convert.ToHexStringLower(XxHash128.Hash(digests));
    }

    private static void Fill(SafeFileHandle handle, long offset, Span<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            var read = RandomAccess.Read(handle, bytes, offset);
            if (read == 0)
            {
                throw new EndOfStreamException("The file became shorter while it was read.");
            }

            offset += read;
            bytes = bytes[read..];
        }
    }
}
