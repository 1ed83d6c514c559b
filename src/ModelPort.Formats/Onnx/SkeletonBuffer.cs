namespace ModelPort.Formats.Onnx;

/// <summary>Bytes of protobuf messages whose lengths are known only when they end.</summary>
internal sealed class SkeletonBuffer(int capacity)
{
    // Long enough for any length; a number may be written with more bytes than it needs.
    private const int LengthBytes = 5;

    private byte[] bytes = new byte[Math.Max(capacity, 64)];

    public int Length { get; private set; }

    public ReadOnlySpan<byte> Written => bytes.AsSpan(0, Length);

    /// <summary>Room for so many more bytes, to be filled.</summary>
    public Span<byte> Next(int count)
    {
        if (count > bytes.Length - Length)
        {
            Array.Resize(ref bytes, checked(Math.Max(Length + count, (int)Math.Min(Array.MaxLength, 2L * bytes.Length))));
        }

        Length += count;
        return bytes.AsSpan(Length - count, count);
    }

    public void Varint(int field, ulong value)
    {
        Number(((ulong)(uint)field << 3) | (ulong)WireType.Varint);
        Number(value);
    }

    /// <summary>Begins a message in a field; the result goes to <see cref="EndMessage"/>.</summary>
    public int BeginMessage(int field)
    {
        Number(((ulong)(uint)field << 3) | (ulong)WireType.LengthDelimited);
        Next(LengthBytes);
        return Length;
    }

    public void EndMessage(int start)
    {
        int length = Length - start;
        for (int i = 0; i < LengthBytes; i++)
        {
            bytes[start - LengthBytes + i] = (byte)(((length >> (7 * i)) & 0x7F) | (i < LengthBytes - 1 ? 0x80 : 0));
        }
    }

    private void Number(ulong value)
    {
        for (; value >= 0x80; value >>= 7)
        {
            Next(1)[0] = (byte)(value | 0x80);
        }

        Next(1)[0] = (byte)value;
    }
}
