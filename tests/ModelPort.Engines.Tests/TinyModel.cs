using System.Collections.Immutable;
using System.Runtime.InteropServices;
using ModelPort.Engines.LlamaCpp;
using ModelPort.Formats.Gguf;

namespace ModelPort.Engines.Tests;

/// <summary>A Llama of two blocks with pseudo-random weights, dense or of experts, written as a GGUF file.</summary>
internal static class TinyModel
{
    public const int Embedding = 256;
    public const int FeedForward = 512;
    public const int Heads = 4;
    public const int HeadsKv = 2;
    public const int Blocks = 2;
    public const int Context = 512;
    public const int Unknown = 0;
    public const int Bos = 1;
    public const int Eos = 2;
    public const int Control = 3;
    public const int FirstByte = 4;

    private static readonly string[] Pieces = ["▁", "▁t", "h", "e", "▁th", "▁the", "t", "a", "c", "▁c", "at", "▁cat", "é", "猫"];

    /// <summary>The tokens of a SentencePiece vocabulary: four special ones, all bytes, some pieces.</summary>
    public static string[] Tokens { get; } =
    [
        "<unk>", "<s>", "</s>", "<|note|>", .. Enumerable.Range(0, 256).Select(value => $"<0x{value:X2}>"), .. Pieces,
    ];

    public static int Id(string token) => Array.IndexOf(Tokens, token);

    public static void Write(
        string path, Action<GgufMetadata>? change = null, Action<string, float[]>? changeWeights = null, int embedding = Embedding, int experts = 0, int expertsUsed = 2)
    {
        var metadata = Metadata(embedding);
        if (experts > 0)
        {
            metadata.Set("llama.expert_count", (uint)experts);
            metadata.Set("llama.expert_used_count", (uint)expertsUsed);
        }

        change?.Invoke(metadata);
        metadata.TryGetArray<string>("tokenizer.ggml.tokens", out var vocabulary);
        var layout = GgufLayout.Create(metadata, Tensors(vocabulary.Length, embedding, experts));
        using var file = File.Create(path);
        layout.WriteHeader(file);
        var random = new Random(20);
        foreach (var tensor in layout.Tensors)
        {
            var values = new float[tensor.ByteLength / sizeof(float)];
            for (var i = 0; i < values.Length; i++)
            {
                values[i] = tensor.Shape.Length == 1 ? 1 : (float)((random.NextDouble() - 0.5) / 4);
            }

            changeWeights?.Invoke(tensor.Name, values);
            file.Position = layout.DataOffset + tensor.Offset;
            file.Write(MemoryMarshal.AsBytes<float>(values));
        }

        file.SetLength(layout.FileLength);
    }

    /// <summary>The tokens as one sequence from position 0, with logits wanted everywhere.</summary>
    public static LlamaBatch Batch(IEnumerable<int> tokens)
    {
        var list = tokens.ToList();
        var batch = new LlamaBatch(list.Count);
        for (var i = 0; i < list.Count; i++)
        {
            batch.Add(list[i], i, 0, wantLogits: true);
        }

        return batch;
    }

    private static GgufMetadata Metadata(int embedding)
    {
        var metadata = new GgufMetadata();
        metadata.Set("general.architecture", "llama");
        metadata.Set("general.name", "tiny");
        metadata.Set("llama.block_count", (uint)Blocks);
        metadata.Set("llama.context_length", (uint)Context);
        metadata.Set("llama.embedding_length", (uint)embedding);
        metadata.Set("llama.feed_forward_length", (uint)FeedForward);
        metadata.Set("llama.attention.head_count", (uint)Heads);
        metadata.Set("llama.attention.head_count_kv", (uint)HeadsKv);
        metadata.Set("llama.attention.layer_norm_rms_epsilon", 1e-5f);
        metadata.Set("llama.rope.dimension_count", (uint)(embedding / Heads));
        metadata.Set("general.file_type", 0u);
        metadata.Set("tokenizer.ggml.model", "llama");
        metadata.Set("tokenizer.ggml.tokens", Tokens);
        metadata.Set("tokenizer.ggml.scores", [.. Tokens.Select((_, id) => -(float)id)]);
        metadata.Set("tokenizer.ggml.token_type", [.. Tokens.Select((_, id) => id switch { Unknown => 2, < FirstByte => 3, < FirstByte + 256 => 6, _ => 1 })]);
        metadata.Set("tokenizer.ggml.bos_token_id", (uint)Bos);
        metadata.Set("tokenizer.ggml.eos_token_id", (uint)Eos);
        metadata.Set("tokenizer.ggml.unknown_token_id", (uint)Unknown);
        return metadata;
    }

    private static ImmutableArray<(string Name, GgmlType Type, ImmutableArray<long> Shape)> Tensors(int vocabulary, int embedding, int experts)
    {
        var kv = embedding / Heads * HeadsKv;
        var tensors = ImmutableArray.CreateBuilder<(string, GgmlType, ImmutableArray<long>)>();
        Add("token_embd", embedding, vocabulary);
        Add("output_norm", embedding);
        for (var block = 0; block < Blocks; block++)
        {
            Add($"blk.{block}.attn_norm", embedding);
            Add($"blk.{block}.attn_q", embedding, embedding);
            Add($"blk.{block}.attn_k", embedding, kv);
            Add($"blk.{block}.attn_v", embedding, kv);
            Add($"blk.{block}.attn_output", embedding, embedding);
            Add($"blk.{block}.ffn_norm", embedding);
            if (experts > 0)
            {
                Add($"blk.{block}.ffn_gate_inp", embedding, experts);
                Add($"blk.{block}.ffn_gate_exps", embedding, FeedForward, experts);
                Add($"blk.{block}.ffn_up_exps", embedding, FeedForward, experts);
                Add($"blk.{block}.ffn_down_exps", FeedForward, embedding, experts);
                continue;
            }

            Add($"blk.{block}.ffn_gate", embedding, FeedForward);
            Add($"blk.{block}.ffn_up", embedding, FeedForward);
            Add($"blk.{block}.ffn_down", FeedForward, embedding);
        }

        return tensors.ToImmutable();

        void Add(string name, params long[] shape) => tensors.Add((name + ".weight", GgmlType.F32, [.. shape]));
    }
}
