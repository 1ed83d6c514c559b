using ModelPort.Formats.Gguf;

namespace ModelPort.Formats.Tests;

/// <summary>Writes GGUF files for tests.</summary>
internal static class GgufSamples
{
    /// <summary>A complete file whose tensor data are the bytes that <paramref name="fill"/> gives.</summary>
    public static byte[] Compose(GgufLayout layout, Func<GgufTensor, byte[]> fill)
    {
        using MemoryStream stream = new();
        layout.WriteHeader(stream);
        Assert.Equal(layout.DataOffset, stream.Length);
        stream.SetLength(layout.FileLength);
        byte[] bytes = stream.ToArray();
        foreach (GgufTensor tensor in layout.Tensors)
        {
            fill(tensor).CopyTo(bytes, layout.DataOffset + tensor.Offset);
        }

        return bytes;
    }

    /// <summary>A small model with every kind of value and random weights, as a converter would write it.</summary>
    public static byte[] Model()
    {
        Random random = new(1);
        return Compose(GgufLayout.Create(Metadata(), [
            ("token_embd.weight", GgmlType.Q8_0, [64, 4]),
            ("blk.0.attn_q.weight", GgmlType.Q4_K, [256, 2]),
            ("output_norm.weight", GgmlType.F32, [5]),
            ("output.weight", GgmlType.BF16, [3, 3])]), tensor =>
            {
                byte[] bytes = new byte[tensor.ByteLength];
                random.NextBytes(bytes);
                return bytes;
            });
    }

    public static GgufMetadata Metadata()
    {
        GgufMetadata metadata = new();
        metadata.Set("general.architecture", "llama");
        metadata.Set("llama.block_count", 4u);
        metadata.Set("llama.attention.layer_norm_rms_epsilon", 1e-6f);
        metadata.Set("tokenizer.ggml.tokens", ["a", "", "漢\n"]);
        metadata.Set("tokenizer.ggml.token_type", [1, -2, 3]);
        metadata.Set("tokenizer.ggml.scores", [0f, -1.5f, float.NegativeInfinity]);
        metadata.Set("tokenizer.ggml.add_bos_token", true);
        metadata.Set("split.no", (ushort)0);
        metadata.Set("split.count", (ushort)1);
        metadata.Set("nested", GgufValue.FromArray<GgufValue>([GgufValue.FromArray<sbyte>([-1]), GgufValue.FromArray<string>(["x"])]));
        metadata.Set("u8", GgufValue.From((byte)255));
        metadata.Set("i64", GgufValue.From(long.MinValue));
        metadata.Set("u64", ulong.MaxValue);
        metadata.Set("f64", GgufValue.From(double.Epsilon));
        metadata.Set("flags", [true, false]);
        return metadata;
    }
}
