using System.Collections.Immutable;
using ModelPort.Formats.Gguf;

namespace ModelPort.Tests.Support;

/// <summary>A GGUF file of a model whose weights are all zero: enough for llama.cpp to choose types.</summary>
internal static class ZeroModel
{
    /// <summary>Writes the file.</summary>
    public static void Write(
        string path,
        string architecture,
        IEnumerable<(string Name, ImmutableArray<long> Shape)> tensors,
        int layers,
        int heads = 4,
        int keyValueHeads = 4,
        int experts = 0)
    {
        var metadata = new GgufMetadata();
        metadata.Set("general.architecture", architecture);
        Set("block_count", layers);
        Set("context_length", 512);
        Set("embedding_length", 64 * heads);
        Set("feed_forward_length", 512);
        Set("attention.head_count", heads);
        Set("attention.head_count_kv", keyValueHeads);
        metadata.Set($"{architecture}.attention.layer_norm_epsilon", 1e-5f);
        metadata.Set($"{architecture}.attention.layer_norm_rms_epsilon", 1e-5f);
        if (experts > 0)
        {
            Set("expert_count", experts);
            Set("expert_used_count", 2);
        }

        var layout = GgufLayout.Create(metadata, tensors.Select(t => (t.Name, GgmlType.F32, t.Shape)));
        using var file = File.Create(path);
        layout.WriteHeader(file);
        file.SetLength(layout.FileLength);

        void Set(string key, int value) => metadata.Set($"{architecture}.{key}", (uint)value);
    }
}
