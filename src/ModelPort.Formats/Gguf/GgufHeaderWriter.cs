using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Runtime.InteropServices;

namespace ModelPort.Formats.Gguf;

/// <summary>Writes the header of a GGUF file, version 3, little endian.</summary>
internal sealed class GgufHeaderWriter
{
    private readonly Stream stream;
    private readonly byte[] buffer = new byte[1 << 16];
    private int used;

    private GgufHeaderWriter(Stream stream) => this.stream = stream;

    public static void Write(Stream stream, GgufMetadata metadata, ImmutableArray<GgufTensor> tensors)
    {
        GgufHeaderWriter writer = new(stream);
        writer.WriteBytes("GGUF"u8);
        writer.WriteUInt32(GgufLayout.Version);
        writer.WriteUInt64((ulong)tensors.Length);
        writer.WriteUInt64((ulong)metadata.Count);
        foreach ((string key, GgufValue value) in metadata)
        {
            writer.WriteString(key);
            writer.WriteUInt32((uint)value.Type);
            writer.WriteValue(value);
        }

        foreach (GgufTensor tensor in tensors)
        {
            writer.WriteString(tensor.Name);
            writer.WriteUInt32((uint)tensor.Shape.Length);
            foreach (long dimension in tensor.Shape)
            {
                writer.WriteUInt64((ulong)dimension);
            }

            writer.WriteUInt32((uint)tensor.Type);
            writer.WriteUInt64((ulong)tensor.Offset);
        }

        writer.Flush();
    }

    private void WriteValue(GgufValue value)
    {
        switch (value.Type)
        {
            case GgufValueType.Array:
                WriteArray(value);
                break;
            case GgufValueType.String when value.TryGetString(out string? text):
                WriteString(text);
                break;
            case GgufValueType.Float32 when value.TryGetDouble(out double number):
                WriteUInt32(BitConverter.SingleToUInt32Bits((float)number));
                break;
            case GgufValueType.Float64 when value.TryGetDouble(out double number):
                WriteUInt64(BitConverter.DoubleToUInt64Bits(number));
                break;
            case GgufValueType.Bool when value.TryGetBool(out bool flag):
                WriteBytes([flag ? (byte)1 : (byte)0]);
                break;
            default:
                value.TryGetInt64(out long integer);
                Span<byte> bytes = stackalloc byte[8];
                BinaryPrimitives.WriteInt64LittleEndian(bytes, integer);
                WriteBytes(bytes[..GgufValueTypes.Bytes(value.Type)]);
                break;
        }
    }

    private void WriteArray(GgufValue value)
    {
        WriteUInt32((uint)value.ElementType!);
        WriteUInt64((ulong)value.Count);
        switch (value.Elements)
        {
            case string[] texts:
                foreach (string text in texts)
                {
                    WriteString(text);
                }

                break;
            case GgufValue[] arrays:
                foreach (GgufValue array in arrays)
                {
                    WriteArray(array);
                }

                break;
            default:
                // Numbers lie in memory as they do in the file.
                WriteBytes(MemoryMarshal.CreateReadOnlySpan(
                    ref MemoryMarshal.GetArrayDataReference(value.Elements!), checked(value.Count * GgufValueTypes.Bytes(value.ElementType!.Value))));
                break;
        }
    }

    private void WriteString(string text)
    {
        int length = Utf8Text.Strict.GetByteCount(text);
        WriteUInt64((ulong)length);
        if (length <= buffer.Length - used || Flush() >= length)
        {
            used += Utf8Text.Strict.GetBytes(text, buffer.AsSpan(used));
        }
        else
        {
            stream.Write(Utf8Text.Strict.GetBytes(text));
        }
    }

    private void WriteUInt32(uint value)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        WriteBytes(bytes);
    }

    private void WriteUInt64(ulong value)
    {
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        WriteBytes(bytes);
    }

    private void WriteBytes(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length > buffer.Length - used && Flush() < bytes.Length)
        {
            stream.Write(bytes);
            return;
        }

        bytes.CopyTo(buffer.AsSpan(used));
        used += bytes.Length;
    }

    /// <summary>Empties the buffer and returns how much fits into it.</summary>
    private int Flush()
    {
        stream.Write(buffer, 0, used);
        used = 0;
        return buffer.Length;
    }

    /// <summary>Counts what is written: the length of a header comes from the code that writes it.</summary>
    internal sealed class LengthStream : Stream
    {
        private long length;

        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => length;

        public override long Position
        {
            get => length;
            set => throw new NotSupportedException();
        }

        public override void Write(ReadOnlySpan<byte> buffer) => length += buffer.Length;

        public override void Write(byte[] buffer, int offset, int count) => length += count;

        public override void Flush()
        {
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();
    }
}
