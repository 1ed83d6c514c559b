using Microsoft.Win32.SafeHandles;

namespace ModelPort.Formats;

/// <summary>
/// A file opened for positional reads. Every failure of the operating system becomes an <see cref="InvalidModelFileException"/>.
/// </summary>
internal sealed class SourceFile : IDisposable
{
    private readonly SafeFileHandle handle;

    private SourceFile(string path, SafeFileHandle handle, long length)
    {
        Path = path;
        this.handle = handle;
        Length = length;
    }

    public string Path { get; }

    public long Length { get; }

    public static SourceFile Open(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        SafeFileHandle? handle = null;
        try
        {
            handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, FileOptions.None);
            return new SourceFile(path, handle, RandomAccess.GetLength(handle));
        }
        catch (Exception e) when (IsFileError(e))
        {
            handle?.Dispose();
            throw Fault(path, e, null);
        }
    }

    /// <summary>Reads a whole file into memory, refusing one of more than <paramref name="limit"/> bytes before any allocation.</summary>
    public static byte[] ReadAll(string path, int limit)
    {
        using SourceFile file = Open(path);
        if (file.Length > limit)
        {
            throw new InvalidModelFileException(path, FileFault.TooLarge, $"{file.Length} bytes", $"at most {limit} bytes");
        }

        byte[] bytes = GC.AllocateUninitializedArray<byte>((int)file.Length);
        file.Read(0, bytes, null);
        return bytes;
    }

    public void Read(long offset, Span<byte> destination, string? member)
    {
        long start = offset;
        Span<byte> rest = destination;
        while (!rest.IsEmpty)
        {
            int count;
            try
            {
                count = RandomAccess.Read(handle, rest, offset);
            }
            catch (Exception e) when (IsFileError(e))
            {
                throw Fault(Path, e, member);
            }

            if (count == 0)
            {
                throw new InvalidModelFileException(
                    Path, FileFault.Truncated, $"the end of the file at byte {offset}", $"{destination.Length} bytes from byte {start}", member);
            }

            rest = rest[count..];
            offset += count;
        }
    }

    public void Dispose() => handle.Dispose();

    public static bool IsFileError(Exception e) => e is IOException or UnauthorizedAccessException or NotSupportedException;

    public static InvalidModelFileException Fault(
        string path, Exception e, string? member) => e is FileNotFoundException or DirectoryNotFoundException
        ? new InvalidModelFileException(path, FileFault.Missing, "no such file", "an existing file", member, e)
        : new InvalidModelFileException(path, FileFault.Unreadable, e.Message.TrimEnd('.'), "a readable file", member, e);
}
