using System.Collections.Immutable;
using System.Runtime.InteropServices;
using ModelPort.Formats.Gguf;

namespace ModelPort.Formats.Importance;

/// <summary>
/// An importance matrix: for each weight of a model, how strongly its columns are driven by a text. llama-imatrix writes it as GGUF
/// (tools/imatrix/imatrix.cpp of llama.cpp), once in a format of its own, and llama-quantize reads both.
/// </summary>
public sealed record ImportanceMatrix
{
    internal const string SumsSuffix = ".in_sum2";
    internal const string CountsSuffix = ".counts";
    internal const string DatasetsKey = "imatrix.datasets";
    internal const string ChunkCountKey = "imatrix.chunk_count";
    internal const string ChunkSizeKey = "imatrix.chunk_size";
    internal const string OriginKey = "modelport.origin";

    /// <summary>The entries by the weight's name, such as "blk.0.attn_q.weight".</summary>
    public required ImmutableSortedDictionary<string, ImportanceEntry> Entries { get; init; }

    /// <summary>Names of the texts that it was computed from.</summary>
    public ImmutableArray<string> Datasets { get; init; } = [];

    /// <summary>Chunks of text that were evaluated.</summary>
    public long ChunkCount { get; init; }

    /// <summary>Tokens in a chunk; 0 where the file does not say.</summary>
    public long ChunkSize { get; init; }

    /// <summary>Whether it comes from the old format, whose counts are chunks rather than activations.</summary>
    public bool IsLegacy { get; init; }

    /// <summary>What it was computed from, as whoever made it calls that; a key of ModelPort's own. Null where the file does not say.</summary>
    public string? Origin { get; init; }

    /// <summary>Reads a file of either format.</summary>
    /// <exception cref="InvalidModelFileException">The file cannot be read or is no importance matrix.</exception>
    public static ImportanceMatrix Read(string path) => ImportanceReader.Read(path);

    /// <summary>Writes the matrix as GGUF, entries in the order of their names.</summary>
    /// <exception cref="ArgumentException">A name is longer than GGUF allows.</exception>
    public void Write(Stream stream)
    {
        GgufMetadata metadata = new();
        metadata.Set("general.type", "imatrix");
        metadata.Set(DatasetsKey, [.. Datasets]);
        metadata.Set(ChunkCountKey, checked((uint)ChunkCount));
        metadata.Set(ChunkSizeKey, checked((uint)ChunkSize));
        if (Origin is not null)
        {
            metadata.Set(OriginKey, Origin);
        }

        GgufLayout layout = GgufLayout.Create(metadata, Entries.SelectMany(entry => Tensors(entry.Key, entry.Value.Sums.Length, entry.Value.Counts.Length)));
        layout.WriteHeader(stream);
        foreach (ImportanceEntry entry in Entries.Values)
        {
            WriteNumbers(stream, entry.Sums, layout.Alignment);
            WriteNumbers(stream, Array.ConvertAll(entry.Counts.ToArray(), count => (float)count), layout.Alignment);
        }
    }

    private static IEnumerable<(string Name, GgmlType Type, ImmutableArray<long> Shape)> Tensors(string name, long sums, long counts) =>
    [
        (name + SumsSuffix, GgmlType.F32, Shape(sums / counts, counts)),
        (name + CountsSuffix, GgmlType.F32, Shape(1, counts)),
    ];

    // ggml drops dimensions of 1 at the end of a shape.
    private static ImmutableArray<long> Shape(long columns, long matrices) => matrices == 1 ? [columns] : [columns, matrices];

    private static void WriteNumbers(Stream stream, ReadOnlySpan<float> numbers, int alignment)
    {
        ReadOnlySpan<byte> bytes = MemoryMarshal.AsBytes(numbers);
        stream.Write(bytes);
        stream.Write(new byte[-bytes.Length & (alignment - 1)]);
    }
}
