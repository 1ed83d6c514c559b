using ModelPort.Formats.Gguf;

namespace ModelPort.Tests.Support;

/// <summary>A GGUF file with another header, or with other values in its tensors.</summary>
internal static class GgufEdit
{
    /// <summary>Copies a file with a changed header.</summary>
    public static string Copy(string from, string to, Action<GgufMetadata> change) => Copy(from, to, change, (file, tensor) => GgufFiles.Bytes(file, tensor.Name));

    /// <summary>Copies a file with a changed header and other data: as many bytes for each tensor as it had.</summary>
    public static string Copy(string from, string to, Action<GgufMetadata> change, Func<GgufShards, GgufTensor, byte[]> data)
    {
        using var source = GgufShards.Open(from);
        var metadata = new GgufMetadata(source.Metadata);
        change(metadata);
        var layout = GgufLayout.Create(metadata, source.Tensors.Select(t => (t.Name, t.Type, t.Shape)));
        using var file = File.Create(to);
        layout.WriteHeader(file);
        foreach (var (tensor, place) in source.Tensors.Zip(layout.Tensors))
        {
            file.Position = layout.DataOffset + place.Offset;
            file.Write(data(source, tensor));
        }

        file.SetLength(layout.FileLength);
        return to;
    }

    /// <summary>Changes one element of an array in a header.</summary>
    public static void SetElement<T>(GgufMetadata metadata, string key, int index, T value, Action<string, T[]> set)
    {
        Assert.True(metadata.TryGetArray<T>(key, out var elements));
        T[] changed = [.. elements];
        changed[index] = value;
        set(key, changed);
    }
}
