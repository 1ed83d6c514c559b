namespace ModelPort.Formats.Onnx;

/// <summary>How a field is written (https://protobuf.dev/programming-guides/encoding).</summary>
internal enum WireType
{
    Varint = 0,
    Fixed64 = 1,
    LengthDelimited = 2,
    Fixed32 = 5,
}

/// <summary>One field of a message: its number, how it is written, and where its value stands (after the tag, and after the length if it has one).</summary>
internal readonly record struct WireField(int Number, WireType Type, long TagStart, long Start, long Length)
{
    public long End => Start + Length;
}

/// <summary>Reads the fields of protobuf messages in a file without reading their values. No length is believed that leaves the message around it.</summary>
internal sealed class WireCursor(SourceFile file)
{
    private readonly byte[] buffer = new byte[1 << 14];
    private long bufferStart;
    private int bufferLength;

    /// <summary>The field at <paramref name="position"/> of a message that ends at <paramref name="end"/>.</summary>
    public WireField ReadField(long position, long end)
    {
        long start = position;
        ulong tag = ReadVarint(ref position, end);
        if (tag is 0 or > uint.MaxValue || tag >> 3 == 0)
        {
            throw Malformed($"the tag {tag} at byte {start}", "a field of a protobuf message");
        }

        WireType type = (WireType)(tag & 7);
        long length;
        switch (type)
        {
            case WireType.Varint:
                long value = position;
                ReadVarint(ref position, end);
                (position, length) = (value, position - value);
                break;
            case WireType.Fixed64:
                length = 8;
                break;
            case WireType.Fixed32:
                length = 4;
                break;
            case WireType.LengthDelimited:
                ulong announced = ReadVarint(ref position, end);
                length = announced <= (ulong)(end - position) ? (long)announced : throw Short(start, announced, end - position);
                break;
            default:
                // Groups, which would be types 3 and 4, were never part of the format.
                throw Malformed($"wire type {(int)type} at byte {start}", "a protobuf message without groups");
        }

        return length <= end - position ? new WireField((int)(tag >> 3), type, start, position, length) : throw Short(start, (ulong)length, end - position);
    }

    public void Copy(long start, Span<byte> destination) => file.Read(start, destination, null);

    private ulong ReadVarint(ref long position, long end)
    {
        ulong value = 0;
        for (int shift = 0; shift < 64; shift += 7)
        {
            if (position >= end)
            {
                throw Short(position, 1, 0);
            }

            byte next = ByteAt(position++);
            value |= (ulong)(next & 0x7F) << shift;
            if (next < 0x80)
            {
                return value;
            }
        }

        throw Malformed($"a number of more than 10 bytes before byte {position}", "a protobuf message");
    }

    private byte ByteAt(long position)
    {
        if (position < bufferStart || position >= bufferStart + bufferLength)
        {
            bufferLength = (int)Math.Min(buffer.Length, file.Length - position);
            bufferStart = position;
            file.Read(position, buffer.AsSpan(0, bufferLength), null);
        }

        return buffer[position - bufferStart];
    }

    private InvalidModelFileException Short(long position, ulong announced, long left) => new(
        file.Path, FileFault.Truncated, $"{left} bytes left of the message at byte {position}", $"a field of {announced} bytes");

    private InvalidModelFileException Malformed(string found, string expected) => new(file.Path, FileFault.Malformed, found, expected);
}
