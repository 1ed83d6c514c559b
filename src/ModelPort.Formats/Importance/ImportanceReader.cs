using System.Collections.Immutable;
using System.Runtime.InteropServices;
using ModelPort.Formats.Gguf;

namespace ModelPort.Formats.Importance;

/// <summary>Reads importance matrices: GGUF, and the format that llama-imatrix wrote before.</summary>
internal static class ImportanceReader
{
    // Four times the largest that a model of today has; no more is ever held in memory.
    private const long LargestFile = 1L << 32;
    private const int LongestName = 1024;

    // Length and a letter of the name, calls, number of values, a value.
    private const int SmallestLegacyEntry = 4 + 1 + 4 + 4 + 4;

    public static ImportanceMatrix Read(string path)
    {
        using SourceFile file = SourceFile.Open(path);
        if (file.Length > LargestFile)
        {
            throw new InvalidModelFileException(path, FileFault.TooLarge, $"{file.Length} bytes", $"at most {LargestFile} bytes");
        }

        byte[] magic = new byte[Math.Min(4, file.Length)];
        file.Read(0, magic, null);
        return magic.AsSpan().SequenceEqual("GGUF"u8) ? ReadGguf(path) : ReadLegacy(file);
    }

    private static ImportanceMatrix ReadGguf(string path)
    {
        using GgufFile file = GgufFile.Open(path);
        ImmutableSortedDictionary<string, ImportanceEntry>.Builder entries = Empty();
        foreach (GgufTensor sums in file.Tensors.Where(tensor => tensor.Name.EndsWith(ImportanceMatrix.SumsSuffix, StringComparison.Ordinal)))
        {
            string name = sums.Name[..^ImportanceMatrix.SumsSuffix.Length];
            if (!file.TryGet(name + ImportanceMatrix.CountsSuffix, out GgufTensor? counts))
            {
                throw new InvalidModelFileException(path, FileFault.Inconsistent, "sums without counts", "both for each weight", sums.Name);
            }

            entries.Add(name, Entry(path, sums.Name, ReadNumbers(file, sums), [.. ReadNumbers(file, counts).Select(count => Count(path, counts.Name, count))]));
        }

        if (file.Tensors.FirstOrDefault(tensor => IsCount(tensor.Name) && !entries.ContainsKey(tensor.Name[..^ImportanceMatrix.CountsSuffix.Length])) is { } alone)
        {
            throw new InvalidModelFileException(path, FileFault.Inconsistent, "counts without sums", "both for each weight", alone.Name);
        }

        if (entries.Count == 0)
        {
            throw new InvalidModelFileException(path, FileFault.Malformed, "a GGUF file without sums of activations", "an importance matrix, as llama-imatrix or ModelPort writes it");
        }

        return new ImportanceMatrix
        {
            Entries = entries.ToImmutable(),
            Datasets = file.Metadata.TryGetArray(ImportanceMatrix.DatasetsKey, out ReadOnlySpan<string> datasets) ? [.. datasets] : throw Lacks(path, ImportanceMatrix.DatasetsKey),
            ChunkCount = Number(file, ImportanceMatrix.ChunkCountKey),
            ChunkSize = Number(file, ImportanceMatrix.ChunkSizeKey),
            Origin = file.Metadata.TryGetString(ImportanceMatrix.OriginKey, out string? origin) ? origin : null,
        };
    }

    private static bool IsCount(string name) => name.EndsWith(ImportanceMatrix.CountsSuffix, StringComparison.Ordinal);

    private static float[] ReadNumbers(GgufFile file, GgufTensor tensor)
    {
        if (tensor.Type != GgmlType.F32 || tensor.ByteLength is 0 or > int.MaxValue)
        {
            throw new InvalidModelFileException(
                file.Path, FileFault.Malformed, $"{GgmlTypes.Name(tensor.Type)} of {tensor.ByteLength} bytes", "numbers in F32", tensor.Name);
        }

        float[] numbers = new float[tensor.ByteLength / sizeof(float)];
        file.Read(tensor, 0, MemoryMarshal.AsBytes(numbers.AsSpan()));
        return numbers;
    }

    private static long Number(GgufFile file, string key) =>
        file.Metadata.TryGetInt64(key, out long value) && value is >= 0 and <= uint.MaxValue ? value : throw Lacks(file.Path, key);

    private static InvalidModelFileException Lacks(string path, string key) =>
        new(path, FileFault.Malformed, "no usable value", "what llama-imatrix writes there", key);

    private static long Count(string path, string member, float count) => count is >= 0 and < 1L << 53
        ? (long)MathF.Round(count, MidpointRounding.AwayFromZero)
        : throw new InvalidModelFileException(path, FileFault.Malformed, $"the count {count}", "a whole number of activations", member);

    private static ImportanceEntry Entry(string path, string member, float[] sums, long[] counts)
    {
        if (sums.Length % counts.Length != 0)
        {
            throw new InvalidModelFileException(path, FileFault.Inconsistent, $"{sums.Length} sums and {counts.Length} counts", "as many sums for each count", member);
        }

        int unusable = ImportanceEntry.FirstUnusable(sums);
        return unusable < 0
            ? new ImportanceEntry(sums, counts)
            : throw new InvalidModelFileException(path, FileFault.Malformed, $"{sums[unusable]} at {unusable}", "sums of squares, finite and not negative", member);
    }

    // Number of entries; for each the name, calls, and means times calls; then, in younger files, the chunks and the text's name. All lengths are 32 bits.
    private static ImportanceMatrix ReadLegacy(SourceFile file)
    {
        GgufCursor cursor = new(file);
        ImmutableSortedDictionary<string, ImportanceEntry>.Builder entries = Empty();
        int count = Length(cursor, SmallestLegacyEntry, "entries");
        for (int i = 0; i < count; i++)
        {
            cursor.Member = null;
            string name = Text(cursor);
            cursor.Member = name;
            int calls = (int)cursor.ReadUInt32();
            if (calls < 1)
            {
                throw cursor.Fault(FileFault.Malformed, $"{calls} calls", "1 or more");
            }

            float[] sums = cursor.ReadNumbers<float>(Length(cursor, sizeof(float), "values"));
            if (!entries.TryAdd(name, Entry(file.Path, name, sums, [calls])))
            {
                throw cursor.Fault(FileFault.Duplicate, "a second entry", "each weight once");
            }
        }

        cursor.Member = null;
        int chunks = cursor.Remaining > 0 ? (int)cursor.ReadUInt32() : 0;
        string dataset = cursor.Remaining > 0 && chunks >= 0 ? Text(cursor, mayBeEmpty: true) : "";
        return new ImportanceMatrix
        {
            Entries = entries.ToImmutable(),
            Datasets = dataset.Length > 0 ? [dataset] : [],
            ChunkCount = Math.Max(0, chunks),
            IsLegacy = true,
        };
    }

    private static int Length(GgufCursor cursor, int bytesEach, string things)
    {
        int length = (int)cursor.ReadUInt32();
        if (length < 1)
        {
            throw cursor.Fault(FileFault.Malformed, $"{length} {things}", "an importance matrix, as llama-imatrix or ModelPort writes it");
        }

        return length <= cursor.Remaining / bytesEach
            ? length
            : throw cursor.Fault(FileFault.Truncated, $"{cursor.Remaining} bytes", $"room for {length} {things}");
    }

    private static string Text(GgufCursor cursor, bool mayBeEmpty = false)
    {
        int length = (int)cursor.ReadUInt32();
        if (length < (mayBeEmpty ? 0 : 1) || length > LongestName)
        {
            throw cursor.Fault(FileFault.Malformed, $"a name of {length} bytes", $"at most {LongestName} bytes of an importance matrix");
        }

        if (length > cursor.Remaining)
        {
            throw cursor.Fault(FileFault.Truncated, $"{cursor.Remaining} bytes", $"a name of {length} bytes");
        }

        byte[] bytes = cursor.ReadNumbers<byte>(length);
        return Utf8Text.IsValid(bytes)
            ? Utf8Text.Strict.GetString(bytes)
            : throw cursor.Fault(FileFault.Malformed, $"a name with {Utf8Text.DescribeInvalid(bytes)}", "UTF-8 text");
    }

    private static ImmutableSortedDictionary<string, ImportanceEntry>.Builder Empty() =>
        ImmutableSortedDictionary.CreateBuilder<string, ImportanceEntry>(StringComparer.Ordinal);
}
