using System.Globalization;

namespace ModelPort.Formats.Gguf;

/// <summary>
/// Cuts the layout of one GGUF file into those of several, in the form of llama.cpp's gguf-split: all metadata in the first, and in each its number from 0
/// (<c>split.no</c>, UINT16), how many there are (<c>split.count</c>, UINT16) and how many tensors all have (<c>split.tensors.count</c>, INT32). Tensors keep
/// their order and none is divided. Here the limit counts whole files; gguf-split counts tensors alone.
/// </summary>
public static class GgufSplit
{
    /// <summary>The key of a shard's number, from 0.</summary>
    public const string NumberKey = "split.no";

    /// <summary>The key of how many shards there are.</summary>
    public const string CountKey = "split.count";

    /// <summary>The key of how many tensors all shards have.</summary>
    public const string TensorsKey = "split.tensors.count";

    /// <summary>The name of a shard, by which llama.cpp finds it beside the first: <c>name-00002-of-00005.gguf</c>.</summary>
    /// <param name="name">What all names begin with.</param>
    /// <param name="number">The number, from 0.</param>
    /// <param name="count">How many there are.</param>
    public static string FileName(string name, int number, int count) => string.Create(CultureInfo.InvariantCulture, $"{name}-{number + 1:D5}-of-{count:D5}.gguf");

    /// <summary>Bytes of the smallest file that a first shard can be: all metadata, and no tensor.</summary>
    /// <param name="whole">The file that is cut.</param>
    public static long HeaderAlone(GgufLayout whole) => Layout(whole, 0, 0, 0, ushort.MaxValue).FileLength;

    /// <summary>Bytes of a shard, not the first, that holds one tensor.</summary>
    /// <param name="whole">The file that is cut.</param>
    /// <param name="tensor">The tensor's index.</param>
    public static long TensorAlone(GgufLayout whole, int tensor) => Layout(whole, tensor, tensor + 1, 1, ushort.MaxValue).FileLength;

    /// <summary>Cuts, filling one file after another.</summary>
    /// <param name="whole">The file that is cut.</param>
    /// <param name="largest">The most bytes that a file may have; at least <see cref="HeaderAlone"/>, and <see cref="TensorAlone"/> of every tensor.</param>
    /// <returns>The layouts in order; only the first may have no tensor.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The header or a tensor is larger than a file may be, or there would be more files than a UINT16 counts.</exception>
    public static IReadOnlyList<GgufLayout> Cut(GgufLayout whole, long largest)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(largest, HeaderAlone(whole));
        var starts = new List<int> { 0 };
        var header = HeaderLength(whole, first: true);
        long data = 0;
        for (int i = 0; i < whole.Tensors.Length; i++)
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(largest, TensorAlone(whole, i));
            long entry = EntryLength(whole, i);
            long bytes = GgufLayout.Align(whole.Tensors[i].ByteLength, whole.Alignment);
            if (GgufLayout.Align(header + entry, whole.Alignment) + data + bytes > largest)
            {
                starts.Add(i);
                (header, data) = (HeaderLength(whole, first: false), 0);
            }

            header += entry;
            data += bytes;
        }

        ArgumentOutOfRangeException.ThrowIfGreaterThan(starts.Count, ushort.MaxValue, nameof(largest));
        return [.. starts.Select((start, i) => Layout(whole, start, i + 1 < starts.Count ? starts[i + 1] : whole.Tensors.Length, i, starts.Count))];
    }

    private static long HeaderLength(GgufLayout whole, bool first) => Layout(whole, 0, 0, first ? 0 : 1, ushort.MaxValue).HeaderLength;

    // What a tensor adds to a header, its data aside.
    private static long EntryLength(GgufLayout whole, int tensor) => Layout(whole, tensor, tensor + 1, 1, ushort.MaxValue).HeaderLength - HeaderLength(whole, first: false);

    private static GgufLayout Layout(GgufLayout whole, int start, int end, int number, int count)
    {
        GgufMetadata metadata = number == 0 ? whole.Metadata : new GgufMetadata();
        metadata.Set(NumberKey, (ushort)number);
        metadata.Set(CountKey, (ushort)count);
        metadata.Set(TensorsKey, whole.Tensors.Length);
        return GgufLayout.Create(metadata, whole.Tensors.Skip(start).Take(end - start).Select(t => (t.Name, t.Type, t.Shape)), whole.Alignment);
    }
}
