using System.Collections.Frozen;
using System.Collections.Immutable;
using System.IO.Compression;

namespace ModelPort.Formats.Numpy;

/// <summary>An array in a .npz file.</summary>
/// <param name="Name">Its name in the file, without ".npy".</param>
/// <param name="Type">Element type.</param>
/// <param name="Shape">Dimensions; empty for a single number.</param>
/// <param name="ByteLength">Size in bytes.</param>
public sealed record NpzArray(string Name, NumpyType Type, ImmutableArray<long> Shape, long ByteLength);

/// <summary>
/// A .npz file opened for reading: a ZIP archive of arrays of numbers. Headers are read when it is opened, and each array when it is asked for; no more bytes
/// are unpacked than the array's type and shape make. Not safe for several threads.
/// </summary>
public sealed class NpzFile : IDisposable
{
    private const string Suffix = ".npy";
    private const int MostArrays = 65_536;

    private readonly ZipArchive archive;
    private readonly FrozenDictionary<string, (ZipArchiveEntry Entry, NumpyHeader Header)> entries;

    private NpzFile(string path, ZipArchive archive, Dictionary<string, (ZipArchiveEntry Entry, NumpyHeader Header)> entries)
    {
        Path = path;
        this.archive = archive;
        this.entries = entries.ToFrozenDictionary(StringComparer.Ordinal);
        Arrays = [.. entries.Select(entry => new NpzArray(entry.Key, entry.Value.Header.Type, entry.Value.Header.Shape, entry.Value.Header.ByteLength))];
    }

    /// <summary>The path that was opened.</summary>
    public string Path { get; }

    /// <summary>The arrays in the order of the archive.</summary>
    public ImmutableArray<NpzArray> Arrays { get; }

    /// <summary>Opens a file and checks every array's header.</summary>
    /// <exception cref="InvalidModelFileException">The file cannot be read, is no archive, or holds something other than arrays of numbers.</exception>
    public static NpzFile Open(string path) => Guard(path, null, () =>
    {
        FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);
        ZipArchive? archive = null;
        try
        {
            archive = new ZipArchive(stream, ZipArchiveMode.Read);
            return new NpzFile(path, archive, Headers(path, archive));
        }
        catch
        {
            archive?.Dispose();
            stream.Dispose();
            throw;
        }
    });

    /// <summary>Reads an array: the last dimension fastest, little-endian.</summary>
    /// <exception cref="KeyNotFoundException">There is no array of this name.</exception>
    /// <exception cref="InvalidModelFileException">The archive is damaged, or the array has more bytes than fit into memory at once.</exception>
    public byte[] Read(string name)
    {
        (ZipArchiveEntry entry, NumpyHeader header) = entries[name];
        if (header.ByteLength > Array.MaxLength)
        {
            throw new InvalidModelFileException(Path, FileFault.TooLarge, $"an array of {header.ByteLength} bytes", "less than 2 GB; save it as a .npy file", name);
        }

        return Guard(Path, name, () =>
        {
            using Stream stream = entry.Open();
            Skip(stream, header.DataOffset);
            byte[] bytes = GC.AllocateUninitializedArray<byte>((int)header.ByteLength);
            stream.ReadExactly(bytes);
            if (header.IsBigEndian)
            {
                NumpyTypes.Swap(header.Type, bytes);
            }

            return header.IsFortranOrder && header.Shape.Length > 1 ? Turn(bytes, header) : bytes;
        });
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => archive.Dispose();

    private static Dictionary<string, (ZipArchiveEntry Entry, NumpyHeader Header)> Headers(string path, ZipArchive archive)
    {
        if (archive.Entries.Count > MostArrays)
        {
            throw new InvalidModelFileException(path, FileFault.TooLarge, $"{archive.Entries.Count} arrays", $"at most {MostArrays}");
        }

        Dictionary<string, (ZipArchiveEntry, NumpyHeader)> headers = new(StringComparer.Ordinal);
        foreach (ZipArchiveEntry entry in archive.Entries)
        {
            string name = entry.FullName.EndsWith(Suffix, StringComparison.Ordinal)
                ? entry.FullName[..^Suffix.Length]
                : throw new InvalidModelFileException(path, FileFault.Malformed, "an entry that is no array", "entries that end in .npy", entry.FullName);
            using Stream stream = entry.Open();
            long position = 0;
            NumpyHeader header = NumpyHeader.Read(path, name, entry.Length, (offset, destination) =>
            {
                // The header asks for its parts in their order.
                Skip(stream, offset - position);
                stream.ReadExactly(destination);
                position = offset + destination.Length;
            });
            if (!headers.TryAdd(name, (entry, header)))
            {
                throw new InvalidModelFileException(path, FileFault.Duplicate, "a second array of this name", "each name once", name);
            }
        }

        return headers;
    }

    private static byte[] Turn(byte[] bytes, NumpyHeader header)
    {
        int size = NumpyTypes.Size(header.Type);
        byte[] turned = GC.AllocateUninitializedArray<byte>(bytes.Length);
        FortranOrder places = new(header.Shape.AsSpan());
        for (int i = 0; i < bytes.Length; i += size)
        {
            bytes.AsSpan(i, size).CopyTo(turned.AsSpan((int)(places.Next() * size)));
        }

        return turned;
    }

    private static void Skip(Stream stream, long count)
    {
        Span<byte> waste = stackalloc byte[512];
        while (count > 0)
        {
            int piece = (int)Math.Min(waste.Length, count);
            stream.ReadExactly(waste[..piece]);
            count -= piece;
        }
    }

    private static T Guard<T>(string path, string? member, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (EndOfStreamException e)
        {
            throw new InvalidModelFileException(path, FileFault.Truncated, "the end of an array's data", "as many bytes as its header says", member, e);
        }
        catch (InvalidDataException e)
        {
            throw new InvalidModelFileException(path, FileFault.Malformed, e.Message.TrimEnd('.'), "a ZIP archive of arrays that numpy.savez made", member, e);
        }
        catch (Exception e) when (SourceFile.IsFileError(e))
        {
            throw SourceFile.Fault(path, e, member);
        }
    }
}
