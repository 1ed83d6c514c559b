using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Runtime.InteropServices;
using System.Text;
using CsCheck;
using ModelPort.Formats.Gguf;
using ModelPort.Formats.Importance;

namespace ModelPort.Formats.Tests;

public sealed class ImportanceMatrixTests
{
    private static readonly Gen<ImportanceEntry> Entry =
        Gen.Select(Gen.Int[1, 9], Gen.Int[1, 4]).SelectMany((columns, matrices) => Gen.Select(
            Gen.Float[0, 1e30f].Array[columns * matrices],
            Gen.Long[0, 1 << 24].Array[matrices],
            (sums, counts) => new ImportanceEntry(sums, counts)));

    private static readonly Gen<ImportanceMatrix> Matrix = Gen.Select(
        Gen.Dictionary(Gen.String[Gen.Char["ab.0_"], 1, 20], Entry)[1, 5],
        Gen.String[Gen.Char["a .ä/"], 0, 9].Array[0, 3],
        Gen.UInt,
        Gen.UInt,
        (entries, datasets, chunks, size) => new ImportanceMatrix
        {
            Entries = entries.ToImmutableSortedDictionary(StringComparer.Ordinal),
            Datasets = [.. datasets],
            ChunkCount = chunks,
            ChunkSize = size,
            Origin = chunks % 2 == 0 ? "origin" : null,
        });

    [Fact]
    public void What_is_written_is_read()
    {
        using TempFolder folder = new();
        Matrix.Sample(
            matrix =>
            {
                ImportanceMatrix read = ImportanceMatrix.Read(folder.Write(Guid.NewGuid().ToString("N"), Bytes(matrix)));
                Assert.Equal(matrix.Datasets, read.Datasets);
                Assert.Equal((matrix.ChunkCount, matrix.ChunkSize, matrix.Origin, false), (read.ChunkCount, read.ChunkSize, read.Origin, read.IsLegacy));
                Assert.Equal(matrix.Entries.Keys, read.Entries.Keys);
                Assert.All(matrix.Entries, entry =>
                {
                    Assert.Equal(entry.Value.Sums, read.Entries[entry.Key].Sums);
                    Assert.Equal(entry.Value.Counts, read.Entries[entry.Key].Counts);
                });
            },
            iter: 300,
            threads: 2);
    }

    [Fact]
    public void The_file_has_the_keys_names_and_shapes_of_llama_imatrix()
    {
        ImportanceMatrix matrix = new()
        {
            Entries = Entries(("blk.1.b.weight", [1, 2, 3, 4, 5, 6], [7, 8]), ("blk.0.a.weight", [1, 2, 3], [9])),
            Datasets = ["text.txt"],
            ChunkCount = 3,
            ChunkSize = 512,
        };
        using TempFolder folder = new();
        using GgufFile file = GgufFile.Open(folder.Write("a.gguf", Bytes(matrix)));
        Assert.Equal(["general.type", "imatrix.datasets", "imatrix.chunk_count", "imatrix.chunk_size"], file.Metadata.Select(entry => entry.Key));
        Assert.Equal(
            ["blk.0.a.weight.in_sum2 F32 3", "blk.0.a.weight.counts F32 1", "blk.1.b.weight.in_sum2 F32 3x2", "blk.1.b.weight.counts F32 1x2"],
            file.Tensors.Select(tensor => $"{tensor.Name} {tensor.Type} {string.Join('x', tensor.Shape)}"));
        Assert.Equal(0, file.FileLength % 32);
    }

    [Fact]
    public void Weights_are_means_and_1_where_nothing_was_seen()
    {
        Assert.Equal([0.5f, 1, 1.5f], new ImportanceEntry([1, 2, 3], [2]).ToWeights());
        Assert.Equal([1, 2, 1, 1, 0, 0.1f], new ImportanceEntry([3, 6, 5, 7, 0, 1], [3, 0, 10]).ToWeights());
    }

    [Fact]
    public void The_old_format_gives_the_same_weights()
    {
        // llama-imatrix wrote means times calls, calls being chunks, rounded up.
        byte[] file = [.. I32(2), .. LegacyEntry("blk.0.a.weight", 3, 1.5f, 3), .. LegacyEntry("blk.0.b.weight", 1, 4), .. I32(3), .. Text("calibration.txt")];
        using TempFolder folder = new();
        ImportanceMatrix read = ImportanceMatrix.Read(folder.Write("a.dat", file));
        Assert.True(read.IsLegacy);
        Assert.Equal(3, read.ChunkCount);
        Assert.Equal(["calibration.txt"], read.Datasets);
        Assert.Equal([0.5f, 1], read.Entries["blk.0.a.weight"].ToWeights());
        Assert.Equal([4f], read.Entries["blk.0.b.weight"].ToWeights());

        // Older files end with the entries, or with the number of chunks.
        Assert.Equal(2, ImportanceMatrix.Read(folder.Write("b.dat", file.AsSpan(0, file.Length - 4 - 4 - "calibration.txt".Length))).Entries.Count);
        Assert.Equal(3, ImportanceMatrix.Read(folder.Write("c.dat", file.AsSpan(0, file.Length - 4 - "calibration.txt".Length))).ChunkCount);
    }

    [Fact]
    public void Sums_and_counts_must_fit_together_and_be_numbers_of_activations()
    {
        const string Sums = "w.in_sum2", Counts = "w.counts";
        Refuse(FileFault.Inconsistent, Gguf((Sums, [1, 2])), Sums, "without counts");
        Refuse(FileFault.Inconsistent, Gguf((Counts, [1])), Counts, "without sums");
        Refuse(FileFault.Inconsistent, Gguf((Sums, [1, 2, 3]), (Counts, [1, 2])), Sums, "3 sums and 2 counts");
        Refuse(FileFault.Malformed, Gguf((Sums, [1, float.NaN]), (Counts, [1])), Sums, "NaN at 1");
        Refuse(FileFault.Malformed, Gguf((Sums, [float.PositiveInfinity]), (Counts, [1])), Sums);
        Refuse(FileFault.Malformed, Gguf((Sums, [-1]), (Counts, [1])), Sums, "-1 at 0");
        Refuse(FileFault.Malformed, Gguf((Sums, [1]), (Counts, [-1])), Counts, "the count -1");
        Refuse(FileFault.Malformed, Gguf((Sums, [1]), (Counts, [float.NaN])), Counts);
        Refuse(FileFault.Malformed, Gguf((Sums, [1]), (Counts, [1e30f])), Counts);
        Refuse(FileFault.Malformed, Gguf(("token_embd.weight", [1])), null, "without sums of activations");
        Refuse(FileFault.Malformed, Gguf(metadata => metadata.Remove("imatrix.chunk_size"), (Sums, [1]), (Counts, [1])), "imatrix.chunk_size");
        Refuse(FileFault.Malformed, Gguf(metadata => metadata.Set("imatrix.chunk_count", -1), (Sums, [1]), (Counts, [1])), "imatrix.chunk_count");
        Refuse(FileFault.Malformed, Gguf(metadata => metadata.Set("imatrix.datasets", "text"), (Sums, [1]), (Counts, [1])), "imatrix.datasets");
    }

    [Fact]
    public void Lengths_of_the_old_format_are_not_believed()
    {
        Refuse(FileFault.Truncated, []);
        Refuse(FileFault.Malformed, I32(0), null, "0 entries");
        Refuse(FileFault.Malformed, I32(-5));
        Refuse(FileFault.Truncated, [.. I32(int.MaxValue), .. LegacyEntry("a", 1, 1)]);
        Refuse(FileFault.Malformed, [.. I32(1), .. I32(int.MaxValue), .. new byte[40]]);
        Refuse(FileFault.Truncated, [.. I32(1), .. I32(100), .. new byte[40]]);
        Refuse(FileFault.Malformed, [.. I32(1), .. I32(-1), .. new byte[40]]);
        Refuse(FileFault.Malformed, [.. I32(1), .. LegacyEntry("a", 0, 1)], "a", "0 calls");
        Refuse(FileFault.Malformed, [.. I32(1), .. LegacyEntry("a", 1), .. new byte[8]], "a", "0 values");
        Refuse(FileFault.Truncated, [.. I32(1), .. Text("a"), .. I32(1), .. I32(int.MaxValue), .. new byte[40]], "a");
        Refuse(FileFault.Malformed, [.. I32(1), .. LegacyEntry("a", 1, float.NaN)], "a");
        Refuse(FileFault.Malformed, [.. I32(1), .. I32(2), 0xC3, 0x28, .. new byte[40]], null, "UTF-8");
        Refuse(FileFault.Duplicate, [.. I32(2), .. LegacyEntry("a", 1, 1), .. LegacyEntry("a", 1, 1)], "a");
        Refuse(FileFault.Truncated, [.. I32(1), .. LegacyEntry("a", 1, 1), 0, 0]);
    }

    [Fact]
    public void Random_damage_is_refused_or_harmless()
    {
        static void ReadAll(string path) => Assert.All(ImportanceMatrix.Read(path).Entries.Values, entry => Assert.DoesNotContain(float.NaN, entry.ToWeights()));
        byte[] legacy = [.. I32(2), .. LegacyEntry("blk.0.a.weight", 3, 1.5f, 3), .. LegacyEntry("blk.0.b.weight", 1, 4), .. I32(3), .. Text("calibration.txt")];
        byte[] gguf = Gguf(("a.in_sum2", [1, 2, 3, 4]), ("a.counts", [3, 4]), ("b.in_sum2", [1]), ("b.counts", [0]));
        Damage.NeverSurprises(legacy, legacy.Length, ReadAll);
        Damage.NeverSurprises(gguf, gguf.Length, ReadAll);
    }

    private static void Refuse(FileFault fault, byte[] bytes, string? member = null, params string[] texts)
    {
        using TempFolder folder = new();
        string path = folder.Write("matrix", bytes);
        Faults.Expect(fault, () => ImportanceMatrix.Read(path), member, texts);
    }

    private static byte[] Bytes(ImportanceMatrix matrix)
    {
        using MemoryStream stream = new();
        matrix.Write(stream);
        return stream.ToArray();
    }

    private static ImmutableSortedDictionary<string, ImportanceEntry> Entries(params (string Name, float[] Sums, long[] Counts)[] entries) =>
        entries.ToImmutableSortedDictionary(entry => entry.Name, entry => new ImportanceEntry(entry.Sums, entry.Counts), StringComparer.Ordinal);

    private static byte[] Gguf(params (string Name, float[] Values)[] tensors) => Gguf(_ => { }, tensors);

    private static byte[] Gguf(Action<GgufMetadata> change, params (string Name, float[] Values)[] tensors)
    {
        GgufMetadata metadata = new();
        metadata.Set("general.type", "imatrix");
        metadata.Set("imatrix.datasets", ["text.txt"]);
        metadata.Set("imatrix.chunk_count", 3u);
        metadata.Set("imatrix.chunk_size", 512u);
        change(metadata);
        GgufLayout layout = GgufLayout.Create(metadata, tensors.Select(t => (t.Name, GgmlType.F32, ImmutableArray.Create((long)t.Values.Length))));
        return GgufSamples.Compose(layout, tensor => MemoryMarshal.AsBytes<float>(tensors.Single(t => t.Name == tensor.Name).Values).ToArray());
    }

    private static byte[] LegacyEntry(string name, int calls, params float[] values) =>
        [.. Text(name), .. I32(calls), .. I32(values.Length), .. MemoryMarshal.AsBytes<float>(values)];

    private static byte[] Text(string text) => [.. I32(Encoding.UTF8.GetByteCount(text)), .. Encoding.UTF8.GetBytes(text)];

    private static byte[] I32(int value)
    {
        byte[] bytes = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, value);
        return bytes;
    }
}
