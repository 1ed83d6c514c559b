using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Text.Json;
using ModelPort.Formats.Json;

namespace ModelPort.Formats.Safetensors;

/// <summary>Reads and checks the header of a safetensors file.</summary>
internal sealed class SafetensorsHeader
{
    /// <summary>The limit of the reference implementation.</summary>
    public const int MaxLength = 100_000_000;

    public const string MetadataKey = "__metadata__";
    private const int LongestName = 4096;

    private readonly SourceFile file;
    private readonly Dictionary<string, SafetensorsTensor> tensors = new(StringComparer.Ordinal);
    private readonly OrderedDictionary<string, string> metadata = new(StringComparer.Ordinal);
    private long dataOffset;
    private bool hasMetadata;

    private SafetensorsHeader(SourceFile file) => this.file = file;

    public ImmutableArray<SafetensorsTensor> Tensors { get; private set; }

    public IReadOnlyDictionary<string, string> Metadata => metadata;

    public static SafetensorsHeader Read(SourceFile file)
    {
        SafetensorsHeader header = new(file);
        header.ReadEntries(header.LoadJson());
        header.CheckCoverage();
        return header;
    }

    private JsonInput LoadJson()
    {
        Span<byte> prefix = stackalloc byte[8];
        file.Read(0, prefix, null);
        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (length > MaxLength)
        {
            throw new InvalidModelFileException(file.Path, FileFault.TooLarge, $"a header of {length} bytes", $"at most {MaxLength} bytes");
        }

        if ((long)length > file.Length - 8)
        {
            throw new InvalidModelFileException(
                file.Path, FileFault.Truncated, $"a file of {file.Length} bytes", $"a header of {length} bytes after the first 8");
        }

        byte[] json = GC.AllocateUninitializedArray<byte>((int)length);
        file.Read(8, json, null);
        if (json.Length == 0 || json[0] != (byte)'{')
        {
            throw new InvalidModelFileException(
                file.Path, FileFault.Malformed, "a header that is no JSON object", "a header that begins with '{'");
        }

        dataOffset = 8 + (long)length;
        return JsonInput.Check(file.Path, json);
    }

    private void ReadEntries(JsonInput input)
    {
        Utf8JsonReader reader = new(input.Utf8.Span);
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string name = reader.GetString()!;
            reader.Read();
            JsonMember entry = new(file.Path, name, JsonElement.ParseValue(ref reader));
            if (name == MetadataKey)
            {
                ReadMetadata(entry);
            }
            else
            {
                ReadTensor(name, entry);
            }
        }
    }

    private void ReadMetadata(JsonMember entry)
    {
        if (hasMetadata)
        {
            throw new InvalidModelFileException(file.Path, FileFault.Duplicate, "a second entry", "one entry", MetadataKey);
        }

        hasMetadata = true;
        foreach ((string key, JsonMember value) in entry.Properties())
        {
            if (!metadata.TryAdd(key, value.AsString()))
            {
                throw new InvalidModelFileException(file.Path, FileFault.Duplicate, "a second entry", "each key once", value.Name);
            }
        }
    }

    private void ReadTensor(string name, JsonMember entry)
    {
        if (name.Length is 0 or > LongestName || name.AsSpan().ContainsAnyInRange('\0', '\u001f'))
        {
            throw Fault(FileFault.Malformed, "such a tensor name", $"1 to {LongestName} characters without control characters", name);
        }

        string dtype = Single(entry, "dtype").AsString();
        if (!SafetensorsTypes.TryParse(dtype, out SafetensorsType type))
        {
            throw Fault(FileFault.UnknownType, $"dtype \"{dtype}\"", "a dtype of the safetensors format", name);
        }

        ImmutableArray<long> shape = [.. Single(entry, "shape").AsArray().Select(Unsigned)];
        if (!SafetensorsTypes.TryGetByteLength(type, shape.AsSpan(), out long bytes))
        {
            throw Fault(
                FileFault.TooLarge, $"{dtype} of shape {Shape.Describe(shape.AsSpan())}", "a whole number of bytes below 2^63", name);
        }

        ImmutableArray<long> offsets = [.. Single(entry, "data_offsets").AsArray().Select(Unsigned)];
        if (offsets.Length != 2 || offsets[0] > offsets[1])
        {
            throw Fault(FileFault.Malformed, $"data_offsets {Shape.Describe(offsets.AsSpan())}", "a start and an end not before it", name);
        }

        if (offsets[1] - offsets[0] != bytes)
        {
            throw Fault(
                FileFault.Inconsistent,
                $"{offsets[1] - offsets[0]} bytes",
                $"{bytes} bytes for {dtype} of shape {Shape.Describe(shape.AsSpan())}",
                name);
        }

        if (offsets[1] > file.Length - dataOffset)
        {
            throw Fault(
                FileFault.Truncated, $"{file.Length - dataOffset} bytes of data in the file", $"at least {offsets[1]} bytes of data", name);
        }

        if (!tensors.TryAdd(name, new SafetensorsTensor(name, type, shape, dataOffset + offsets[0], bytes)))
        {
            throw Fault(FileFault.Duplicate, "a second tensor of this name", "each name once", name);
        }
    }

    private void CheckCoverage()
    {
        SafetensorsTensor[] sorted = [.. tensors.Values];
        // An empty tensor sorts before the one that shares its offset.
        Array.Sort(sorted, (a, b) => a.Offset != b.Offset ? a.Offset.CompareTo(b.Offset)
            : a.ByteLength != b.ByteLength ? a.ByteLength.CompareTo(b.ByteLength)
            : string.CompareOrdinal(a.Name, b.Name));
        long end = dataOffset;
        foreach (SafetensorsTensor tensor in sorted)
        {
            if (tensor.Offset != end)
            {
                throw Fault(
                    FileFault.Inconsistent,
                    tensor.Offset < end
                        ? $"data that overlaps the tensor before it by {end - tensor.Offset} bytes"
                        : $"a gap of {tensor.Offset - end} bytes before the data",
                    "tensors that follow one another without gaps",
                    tensor.Name);
            }

            end += tensor.ByteLength;
        }

        if (end != file.Length)
        {
            throw new InvalidModelFileException(
                file.Path, FileFault.Inconsistent, $"{file.Length - end} bytes that belong to no tensor", "tensors that cover the file to its end");
        }

        Tensors = [.. sorted];
    }

    private static JsonMember Single(JsonMember entry, string name)
    {
        int count = entry.Properties().Count(property => property.Name == name);
        return count > 1
            ? throw new InvalidModelFileException(entry.Path, FileFault.Duplicate, $"{count} times \"{name}\"", "it once", entry.Name)
            : entry.Require(name);
    }

    private static long Unsigned(JsonMember member)
    {
        // The format wants plain integers: 1.0 and 1e3 are refused by its other readers too.
        return member.Element.ValueKind == JsonValueKind.Number && member.Element.TryGetInt64(out long value) && value >= 0
            ? value
            : throw member.Mismatch("an integer of at least 0");
    }

    private InvalidModelFileException Fault(FileFault fault, string found, string expected, string tensor) =>
        new(file.Path, fault, found, expected, tensor);
}
