using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace ModelPort.Formats.Gguf;

/// <summary>Reads a GGUF header from front to back. No length is believed before the file is known to hold that many bytes.</summary>
internal sealed class GgufCursor(SourceFile file)
{
    private readonly byte[] buffer = new byte[1 << 16];
    private long bufferStart;
    private int bufferLength;

    /// <summary>The key or tensor that is being read, for messages.</summary>
    public string? Member { get; set; }

    public long Position { get; private set; }

    public long Remaining => file.Length - Position;

    public byte ReadByte() => Take(1)[0];

    public uint ReadUInt32() => BinaryPrimitives.ReadUInt32LittleEndian(Take(4));

    public ulong ReadUInt64() => BinaryPrimitives.ReadUInt64LittleEndian(Take(8));

    /// <summary>Reads a count of things that take at least <paramref name="minimumBytes"/> bytes each.</summary>
    public int ReadCount(int minimumBytes, string things)
    {
        ulong count = ReadUInt64();
        if (count > (ulong)(Remaining / minimumBytes))
        {
            throw Fault(FileFault.Truncated, $"{Remaining} bytes after the count", $"room for {count} {things}");
        }

        // An array of more bytes than an int counts cannot be held as one array.
        return count <= (ulong)(Array.MaxLength / minimumBytes)
            ? (int)count
            : throw Fault(FileFault.TooLarge, $"{count} {things}", $"at most {Array.MaxLength / minimumBytes}");
    }

    public string ReadString(int maxBytes)
    {
        ulong length = ReadUInt64();
        if (length > (ulong)Remaining)
        {
            throw Fault(FileFault.Truncated, $"{Remaining} bytes after the length", $"a string of {length} bytes");
        }

        if (length > (ulong)maxBytes)
        {
            throw Fault(FileFault.TooLarge, $"a string of {length} bytes", $"at most {maxBytes} bytes");
        }

        if (length <= (ulong)buffer.Length)
        {
            return Decode(Take((int)length));
        }

        byte[] bytes = GC.AllocateUninitializedArray<byte>((int)length);
        ReadInto(bytes);
        return Decode(bytes);
    }

    public T[] ReadNumbers<T>(int count) where T : unmanaged
    {
        T[] numbers = GC.AllocateUninitializedArray<T>(count);
        ReadInto(MemoryMarshal.AsBytes(numbers.AsSpan()));
        return numbers;
    }

    public InvalidModelFileException Fault(
        FileFault fault, string found, string expected) => new(file.Path, fault, found, expected, Member);

    private string Decode(ReadOnlySpan<byte> bytes) => Utf8Text.IsValid(bytes)
        ? Utf8Text.Strict.GetString(bytes)
        : throw Fault(FileFault.Malformed, $"a string with {Utf8Text.DescribeInvalid(bytes)}", "UTF-8 text");

    private ReadOnlySpan<byte> Take(int count)
    {
        int start = (int)(Position - bufferStart);
        if (bufferLength - start < count)
        {
            if (Remaining < count)
            {
                throw Fault(FileFault.Truncated, $"the end of the file at byte {file.Length}", $"{count} bytes from byte {Position}");
            }

            bufferLength = (int)Math.Min(buffer.Length, Remaining);
            file.Read(Position, buffer.AsSpan(0, bufferLength), Member);
            bufferStart = Position;
            start = 0;
        }

        Position += count;
        return buffer.AsSpan(start, count);
    }

    private void ReadInto(Span<byte> destination)
    {
        if (destination.Length <= buffer.Length)
        {
            Take(destination.Length).CopyTo(destination);
            return;
        }

        file.Read(Position, destination, Member);
        Position += destination.Length;
        bufferStart = Position;
        bufferLength = 0;
    }
}
