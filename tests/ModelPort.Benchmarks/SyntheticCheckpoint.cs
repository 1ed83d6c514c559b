using System.CommandLine;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using ModelPort.Formats.Safetensors;

namespace ModelPort.Benchmarks;

/// <summary>The verb <c>synthesise</c>: a Llama checkpoint of any size with random BF16 weights of ordinary magnitude, for figures that need size and not sense.</summary>
internal static class SyntheticCheckpoint
{
    private const int Vocabulary = 32000;

    // Hidden size, feed-forward size, heads, key/value heads, blocks.
    private static readonly Dictionary<string, (int Hidden, int FeedForward, int Heads, int KeyValueHeads, int Layers)> s_shapes = new()
    {
        ["30M"] = (512, 1376, 8, 4, 4),
        ["1.1B"] = (2048, 5632, 32, 4, 22),
        ["8B"] = (4096, 14336, 32, 8, 32),
    };

    internal static Command Command()
    {
        var size = new Option<string>("--size") { Description = "30M, 1.1B or 8B.", DefaultValueFactory = _ => "1.1B" };
        size.AcceptOnlyFromAmong([.. s_shapes.Keys]);
        var output = new Argument<string>("output") { Description = "The folder to make." };
        var command = new Command("synthesise", "Writes a Llama checkpoint with random BF16 weights.") { output, size };
        command.SetAction(parsed =>
        {
            Write(parsed.GetValue(output)!, parsed.GetValue(size)!);
            return 0;
        });
        return command;
    }

    internal static void Write(string folder, string size)
    {
        var (hidden, feedForward, heads, keyValueHeads, layers) = s_shapes[size];
        Directory.CreateDirectory(folder);
        string sample = Path.Combine(Repository.Root, "samples", "models", "wordnet-llama");
        foreach (string name in new[] { "tokenizer.json", "tokenizer_config.json" })
        {
            File.Copy(Path.Combine(sample, name), Path.Combine(folder, name), overwrite: true);
        }

        File.WriteAllText(Path.Combine(folder, "config.json"), JsonSerializer.Serialize(new
        {
            architectures = new[] { "LlamaForCausalLM" },
            model_type = "llama",
            hidden_act = "silu",
            hidden_size = hidden,
            intermediate_size = feedForward,
            num_attention_heads = heads,
            num_key_value_heads = keyValueHeads,
            num_hidden_layers = layers,
            max_position_embeddings = 2048,
            rms_norm_eps = 1e-5,
            rope_theta = 10000.0,
            torch_dtype = "bfloat16",
            vocab_size = Vocabulary,
        }));
        int keyValue = hidden / heads * keyValueHeads;
        var tensors = new List<(string Name, long[] Shape)> { ("lm_head.weight", [Vocabulary, hidden]), ("model.embed_tokens.weight", [Vocabulary, hidden]) };
        for (int block = 0; block < layers; block++)
        {
            string prefix = string.Create(CultureInfo.InvariantCulture, $"model.layers.{block}.");
            tensors.AddRange(
            [
                (prefix + "input_layernorm.weight", [hidden]),
                (prefix + "mlp.down_proj.weight", [hidden, feedForward]),
                (prefix + "mlp.gate_proj.weight", [feedForward, hidden]),
                (prefix + "mlp.up_proj.weight", [feedForward, hidden]),
                (prefix + "post_attention_layernorm.weight", [hidden]),
                (prefix + "self_attn.k_proj.weight", [keyValue, hidden]),
                (prefix + "self_attn.o_proj.weight", [hidden, hidden]),
                (prefix + "self_attn.q_proj.weight", [hidden, hidden]),
                (prefix + "self_attn.v_proj.weight", [keyValue, hidden]),
            ]);
        }

        tensors.Add(("model.norm.weight", [hidden]));
        Fill(Path.Combine(folder, "model.safetensors"), tensors);
    }

    private static void Fill(string path, List<(string Name, long[] Shape)> tensors)
    {
        using var stream = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.None, 1 << 20);
        using var writer = new SafetensorsWriter(stream, tensors.Select(t => (t.Name, SafetensorsType.BF16, ImmutableCollectionsMarshal.AsImmutableArray(t.Shape))));
        ushort[] noise = Noise();
        ulong state = 0x9E3779B97F4A7C15;
        foreach (var (name, shape) in tensors)
        {
            long left = shape.Aggregate(1L, (a, b) => a * b);
            while (left > 0)
            {
                // Another stretch of the same noise each time: cheap, and no two rows are alike.
                state = state * 6364136223846793005 + 1442695040888963407;
                int start = (int)(state >> 44);
                int count = (int)Math.Min(left, noise.Length - start);
                writer.Write(name, MemoryMarshal.AsBytes(noise.AsSpan(start, count)));
                left -= count;
            }
        }

        writer.Complete();
    }

    /// <summary>Two million normal values of deviation 0.02, as BF16.</summary>
    private static ushort[] Noise()
    {
        var random = new Random(7);
        var noise = new ushort[1 << 21];
        for (int i = 0; i < noise.Length; i++)
        {
            double normal = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
            noise[i] = (ushort)(BitConverter.SingleToUInt32Bits((float)(0.02 * normal)) >> 16);
        }

        return noise;
    }
}
