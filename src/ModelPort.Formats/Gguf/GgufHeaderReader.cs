using System.Collections.Immutable;

namespace ModelPort.Formats.Gguf;

/// <summary>Reads and checks the header of a GGUF file, versions 2 and 3, little endian (docs/gguf.md of ggml).</summary>
internal sealed class GgufHeaderReader
{
    private const int MaxArrayDepth = 8;
    private const int LongestTensorName = 1024;

    // Length of a name, number of dimensions, type, offset: what an entry takes at least.
    private const int SmallestEntry = 8 + 4;
    private const int SmallestTensor = 8 + 4 + 4 + 8;

    private readonly SourceFile file;
    private readonly GgufCursor cursor;

    private GgufHeaderReader(SourceFile file)
    {
        this.file = file;
        cursor = new GgufCursor(file);
    }

    public uint Version { get; private set; }

    public GgufMetadata Metadata { get; } = new();

    public ImmutableArray<GgufTensor> Tensors { get; private set; } = [];

    public int Alignment { get; private set; } = GgufLayout.DefaultAlignment;

    public long DataOffset { get; private set; }

    public static GgufHeaderReader Read(SourceFile file)
    {
        GgufHeaderReader reader = new(file);
        try
        {
            reader.ReadHeader();
        }
        catch (InvalidModelFileException e) when (e.Fault is not (FileFault.Missing or FileFault.Unreadable) && GgufTextDamage.IsTextFrom(file, 0))
        {
            throw GgufTextDamage.Fault(file, e);
        }

        if (GgufTextDamage.IsTextFrom(file, reader.DataOffset))
        {
            throw GgufTextDamage.Fault(file, null);
        }

        return reader;
    }

    private void ReadHeader()
    {
        uint magic = cursor.ReadUInt32();
        if (magic != 0x46554747)
        {
            throw cursor.Fault(
                FileFault.Malformed, $"the first bytes 0x{System.Buffers.Binary.BinaryPrimitives.ReverseEndianness(magic):X8}", "the letters GGUF");
        }

        Version = cursor.ReadUInt32();
        if (Version is not (2 or 3))
        {
            throw (Version & 0xFFFF) == 0 && Version != 0
                ? cursor.Fault(FileFault.Unsupported, "a big-endian file", "a little-endian file")
                : cursor.Fault(FileFault.Unsupported, $"version {Version}", "version 2 or 3");
        }

        int tensors = cursor.ReadCount(SmallestTensor, "tensors");
        int entries = cursor.ReadCount(SmallestEntry, "key-value pairs");
        for (int i = 0; i < entries; i++)
        {
            ReadEntry();
        }

        ReadAlignment();
        ReadTensors(tensors);
        DataOffset = GgufLayout.Align(cursor.Position, Alignment);
        CheckTensors();
    }

    private void ReadEntry()
    {
        cursor.Member = null;
        string key = cursor.ReadString(GgufMetadata.MaxKeyBytes);
        cursor.Member = key;
        if (key.Length == 0)
        {
            throw cursor.Fault(FileFault.Malformed, "an empty key", "a key");
        }

        if (!Metadata.TryAdd(key, ReadValue((GgufValueType)cursor.ReadUInt32(), 0)))
        {
            throw cursor.Fault(FileFault.Duplicate, "a second entry", "each key once");
        }
    }

    private GgufValue ReadValue(GgufValueType type, int depth) => type switch
    {
        GgufValueType.UInt8 => GgufValue.From(cursor.ReadByte()),
        GgufValueType.Int8 => GgufValue.From((sbyte)cursor.ReadByte()),
        GgufValueType.UInt16 => GgufValue.From(cursor.ReadNumbers<ushort>(1)[0]),
        GgufValueType.Int16 => GgufValue.From(cursor.ReadNumbers<short>(1)[0]),
        GgufValueType.UInt32 => GgufValue.From(cursor.ReadUInt32()),
        GgufValueType.Int32 => GgufValue.From((int)cursor.ReadUInt32()),
        GgufValueType.Float32 => GgufValue.From(BitConverter.UInt32BitsToSingle(cursor.ReadUInt32())),
        GgufValueType.Bool => GgufValue.From(Truth(cursor.ReadByte())),
        GgufValueType.String => GgufValue.From(cursor.ReadString(Array.MaxLength / 4)),
        GgufValueType.Array => ReadArray(depth),
        GgufValueType.UInt64 => GgufValue.From(cursor.ReadUInt64()),
        GgufValueType.Int64 => GgufValue.From((long)cursor.ReadUInt64()),
        GgufValueType.Float64 => GgufValue.From(BitConverter.UInt64BitsToDouble(cursor.ReadUInt64())),
        _ => throw UnknownValueType(type),
    };

    private GgufValue ReadArray(int depth)
    {
        GgufValueType type = (GgufValueType)cursor.ReadUInt32();
        switch (type)
        {
            case GgufValueType.String:
                string[] texts = new string[cursor.ReadCount(8, "strings")];
                for (int i = 0; i < texts.Length; i++)
                {
                    texts[i] = cursor.ReadString(Array.MaxLength / 4);
                }

                return GgufValue.Adopt(texts);
            case GgufValueType.Array:
                if (depth == MaxArrayDepth)
                {
                    throw cursor.Fault(FileFault.TooLarge, $"arrays nested more than {MaxArrayDepth} deep", "fewer levels");
                }

                GgufValue[] arrays = new GgufValue[cursor.ReadCount(4 + 8, "arrays")];
                for (int i = 0; i < arrays.Length; i++)
                {
                    arrays[i] = ReadArray(depth + 1);
                }

                return GgufValue.Adopt(arrays);
            case GgufValueType.Bool:
                return GgufValue.Adopt(Array.ConvertAll(cursor.ReadNumbers<byte>(Count(type)), Truth));
            case GgufValueType.UInt8:
                return GgufValue.Adopt(cursor.ReadNumbers<byte>(Count(type)));
            case GgufValueType.Int8:
                return GgufValue.Adopt(cursor.ReadNumbers<sbyte>(Count(type)));
            case GgufValueType.UInt16:
                return GgufValue.Adopt(cursor.ReadNumbers<ushort>(Count(type)));
            case GgufValueType.Int16:
                return GgufValue.Adopt(cursor.ReadNumbers<short>(Count(type)));
            case GgufValueType.UInt32:
                return GgufValue.Adopt(cursor.ReadNumbers<uint>(Count(type)));
            case GgufValueType.Int32:
                return GgufValue.Adopt(cursor.ReadNumbers<int>(Count(type)));
            case GgufValueType.Float32:
                return GgufValue.Adopt(cursor.ReadNumbers<float>(Count(type)));
            case GgufValueType.UInt64:
                return GgufValue.Adopt(cursor.ReadNumbers<ulong>(Count(type)));
            case GgufValueType.Int64:
                return GgufValue.Adopt(cursor.ReadNumbers<long>(Count(type)));
            case GgufValueType.Float64:
                return GgufValue.Adopt(cursor.ReadNumbers<double>(Count(type)));
            default:
                throw UnknownValueType(type);
        }
    }

    private int Count(GgufValueType type) => cursor.ReadCount(GgufValueTypes.Bytes(type), "elements");

    private bool Truth(byte value) => value <= 1
        ? value == 1
        : throw cursor.Fault(FileFault.Malformed, $"the boolean {value}", "0 or 1");

    private InvalidModelFileException UnknownValueType(GgufValueType type) =>
        cursor.Fault(FileFault.UnknownType, $"value type {(uint)type}", "a value type from 0 to 12");

    private void ReadAlignment()
    {
        if (!Metadata.TryGet(GgufMetadata.AlignmentKey, out GgufValue? value))
        {
            return;
        }

        cursor.Member = GgufMetadata.AlignmentKey;
        // 4096 is a page; nothing aligns to more, and a huge value would only invite overflow.
        Alignment = value.TryGetInt64(out long alignment) && alignment is > 0 and <= 1 << 16 && long.IsPow2(alignment)
            ? (int)alignment
            : throw cursor.Fault(FileFault.Malformed, $"the alignment {value}", "a power of two up to 65536");
    }

    private void ReadTensors(int count)
    {
        HashSet<string> names = new(StringComparer.Ordinal);
        ImmutableArray<GgufTensor>.Builder tensors = ImmutableArray.CreateBuilder<GgufTensor>();
        for (int i = 0; i < count; i++)
        {
            cursor.Member = null;
            string name = cursor.ReadString(LongestTensorName);
            cursor.Member = name;
            if (name.Length == 0)
            {
                throw cursor.Fault(FileFault.Malformed, "a tensor without a name", "a name");
            }

            if (!names.Add(name))
            {
                throw cursor.Fault(FileFault.Duplicate, "a second tensor of this name", "each name once");
            }

            tensors.Add(ReadTensor(name));
        }

        Tensors = tensors.ToImmutable();
    }

    private GgufTensor ReadTensor(string name)
    {
        uint dimensions = cursor.ReadUInt32();
        if (dimensions > GgufLayout.MaxDimensions)
        {
            throw cursor.Fault(FileFault.Malformed, $"{dimensions} dimensions", $"at most {GgufLayout.MaxDimensions}");
        }

        ImmutableArray<long> shape = [.. cursor.ReadNumbers<long>((int)dimensions)];
        GgmlType type = (GgmlType)cursor.ReadUInt32();
        if (!GgmlTypes.IsKnown(type))
        {
            string id = (uint)type < GgmlTypes.Count ? $"the removed tensor type {(uint)type}" : $"tensor type {(uint)type}";
            throw cursor.Fault(FileFault.UnknownType, id, $"a ggml type below {GgmlTypes.Count} that is still in use");
        }

        if (!GgmlTypes.TryGetTensorBytes(type, shape.AsSpan(), out long bytes))
        {
            throw cursor.Fault(
                FileFault.Malformed,
                $"{GgmlTypes.Name(type)} of shape {Shape.Describe(shape.AsSpan())}",
                $"rows of whole blocks of {GgmlTypes.BlockElements(type)} and less than 2^63 bytes");
        }

        ulong offset = cursor.ReadUInt64();
        if (offset % (ulong)Alignment != 0)
        {
            throw cursor.Fault(FileFault.Malformed, $"the offset {offset}", $"a multiple of {Alignment}");
        }

        return offset <= long.MaxValue
            ? new GgufTensor(name, type, shape, (long)offset, bytes)
            : throw cursor.Fault(FileFault.Truncated, $"a file of {file.Length} bytes", $"data at offset {offset}");
    }

    private void CheckTensors()
    {
        long available = Math.Max(0, file.Length - DataOffset);
        long end = 0;
        foreach (GgufTensor tensor in Tensors.OrderBy(tensor => tensor.Offset).ThenBy(tensor => tensor.ByteLength))
        {
            cursor.Member = tensor.Name;
            if (tensor.ByteLength > available || tensor.Offset > available - tensor.ByteLength)
            {
                throw cursor.Fault(
                    FileFault.Truncated, $"{available} bytes of data in the file", $"{tensor.ByteLength} bytes at offset {tensor.Offset} of the data");
            }

            if (tensor.Offset < end)
            {
                throw cursor.Fault(
                    FileFault.Inconsistent, $"data that overlaps another tensor by {end - tensor.Offset} bytes", "tensors with bytes of their own");
            }

            end = tensor.Offset + tensor.ByteLength;
        }
    }
}
