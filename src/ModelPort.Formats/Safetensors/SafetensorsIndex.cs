using System.Collections.Immutable;
using ModelPort.Formats.Json;

namespace ModelPort.Formats.Safetensors;

/// <summary>The index of a sharded checkpoint, <c>model.safetensors.index.json</c>: which file holds which tensor.</summary>
public sealed class SafetensorsIndex
{
    private const int MaxLength = 256 * 1024 * 1024;

    private SafetensorsIndex(string path, IReadOnlyDictionary<string, string> weightMap, long? totalSize)
    {
        Path = path;
        WeightMap = weightMap;
        Shards = [.. weightMap.Values.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
        TotalSize = totalSize;
    }

    /// <summary>The path that was opened.</summary>
    public string Path { get; }

    /// <summary>Tensor name to the name of the shard that holds it, in file order. The shards stand beside the index.</summary>
    public IReadOnlyDictionary<string, string> WeightMap { get; }

    /// <summary>The distinct shard names, sorted by code unit.</summary>
    public ImmutableArray<string> Shards { get; }

    /// <summary>The bytes of all tensors together as the index claims, or null if it does not say.</summary>
    public long? TotalSize { get; }

    /// <summary>Reads an index.</summary>
    /// <exception cref="InvalidModelFileException">
    /// The file cannot be read or is no index, or a shard's name is more than a plain file name (<see cref="FileFault.UnsafePath"/>).
    /// </exception>
    public static SafetensorsIndex Open(string path)
    {
        JsonMember root = JsonInput.Load(path, MaxLength).Parse().AsObject();
        OrderedDictionary<string, string> weightMap = new(StringComparer.Ordinal);
        foreach ((string tensor, JsonMember value) in root.Require("weight_map").Properties())
        {
            string shard = value.AsString();
            if (!IsPlainFileName(shard))
            {
                throw new InvalidModelFileException(path, FileFault.UnsafePath, $"the shard name \"{shard}\"", "a plain file name", tensor);
            }

            weightMap.Add(tensor, shard);
        }

        long? totalSize = root.TryGet("metadata", out JsonMember metadata) && metadata.AsObject().TryGet("total_size", out JsonMember size)
            ? size.AsInt64()
            : null;
        return new SafetensorsIndex(path, weightMap, totalSize);
    }

    // Both separators and the drive colon are refused on every platform, so that an index means the same everywhere.
    private static bool IsPlainFileName(string name) =>
        name.Length is > 0 and <= 255 && name is not ("." or "..") && name.AsSpan().IndexOfAny("/\\:") < 0
        && !name.AsSpan().ContainsAnyInRange('\0', '\u001f');
}
