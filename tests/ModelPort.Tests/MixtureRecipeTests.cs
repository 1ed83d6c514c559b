using System.Collections.Immutable;
using ModelPort.Engines;
using ModelPort.Engines.LlamaCpp;
using ModelPort.Formats.Gguf;
using ModelPort.Planning;
using ModelPort.Tests.Support;

namespace ModelPort.Tests;

/// <summary>The type of every tensor against llama.cpp's own choice, for models of many shapes whose weights are all zero.</summary>
public sealed class MixtureRecipeTests
{
    private static readonly Dictionary<string, Sketch> Sketches = new()
    {
        ["dense"] = new("llama", 32, 8, 8),
        ["tied"] = new("llama", 22, 8, 2, Output: false),
        ["tied, rows of 160"] = new("llama", 6, 4, 2, Output: false, Row: 160),
        ["grouped by four"] = new("llama", 28, 16, 4),
        ["grouped by two"] = new("llama", 13, 16, 8),
        ["one block"] = new("llama", 1, 4, 4),
        ["seventeen blocks"] = new("llama", 17, 4, 1),
        ["70 B"] = new("llama", 80, 64, 8),
        ["65 B"] = new("llama", 80, 8, 8),
        ["qwen2 of 80 blocks"] = new("qwen2", 80, 8, 8),
        ["olmo of 80 blocks"] = new("olmo", 80, 8, 4),
        ["deci of 80 blocks"] = new("deci", 80, 8, 8),
        ["qwen3 of 80 blocks"] = new("qwen3", 80, 64, 8),
        ["eight experts"] = new("llama", 32, 32, 8, Experts: 8),
        ["eight experts, 80 blocks"] = new("llama", 80, 32, 8, Experts: 8),
        ["four experts"] = new("llama", 16, 8, 2, Experts: 4),
        ["128 experts"] = new("llama", 24, 8, 8, Experts: 128),
        ["fused"] = new("phi3", 32, 8, 8, Attention.Fused),
        ["fused, 70 B"] = new("llama", 80, 64, 8, Attention.Fused),
        ["latent"] = new("llama", 27, 8, 8, Attention.Latent),
        ["falcon"] = new("falcon", 32, 8, 1, Attention.Fused),
        ["falcon, apart, tied"] = new("falcon", 60, 16, 8, Output: false),
        ["down rows of 160"] = new("llama", 16, 8, 2, DownRow: 160),
        ["rows of 96"] = new("llama", 16, 8, 2, Row: 96, DownRow: 512),
        ["rows of 40"] = new("llama", 9, 8, 2, Row: 40, DownRow: 40),
    };

    private enum Attention
    {
        Apart,
        Fused,
        Latent,
    }

    public static TheoryData<string, bool> Models()
    {
        var data = new TheoryData<string, bool>();
        foreach (var model in Sketches.Keys)
        {
            data.Add(model, false);
            data.Add(model, true);
        }

        return data;
    }

    public static TheoryData<string> Shapes() => [.. Sketches.Keys];

    [Theory]
    [MemberData(nameof(Models))]
    public void Every_tensor_gets_the_type_that_llama_cpp_gives_it(string model, bool importance)
    {
        var sketch = Sketches[model];
        var tensors = Tensors(sketch);
        using var folder = new TemporaryFolder();
        Write(folder["zero.gguf"], sketch, tensors);
        var recipe = new RecipeModel(sketch.Architecture, sketch.Layers, sketch.Heads, sketch.KeyValueHeads, sketch.Output, sketch.Experts, importance);
        var options = new LlamaFileQuantizerOptions { Threads = 1, Importance = importance ? Even(tensors) : new Dictionary<string, float[]>() };
        foreach (var precision in Precision.All.Where(p => p.UsesRecipe && (importance || !p.NeedsImportance)))
        {
            LlamaFileQuantizer.Quantize(folder["zero.gguf"], folder["theirs.gguf"], (int)precision.FileType, options);
            using var theirs = GgufShards.Open(folder["theirs.gguf"]);
            var ours = new MixtureRecipe(precision, recipe).Choose(tensors);
            Assert.Equal(
                theirs.Tensors.Select(t => $"{precision} {t.Name} {t.Type}").Order(StringComparer.Ordinal),
                tensors.Select((t, i) => $"{precision} {t.Name} {ours[i].Type}").Order(StringComparer.Ordinal));
        }
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void What_the_user_decides_shifts_the_mixture_as_in_llama_cpp(string model)
    {
        var sketch = Sketches[model];
        var tensors = Tensors(sketch);
        using var folder = new TemporaryFolder();
        Write(folder["zero.gguf"], sketch, tensors);
        var recipe = new RecipeModel(sketch.Architecture, sketch.Layers, sketch.Heads, sketch.KeyValueHeads, sketch.Output, sketch.Experts);
        TensorChoice[] choices =
        [
            new() { Patterns = TensorPattern.ParseList(@"blk\.[13]\.attn_(v|qkv|kv_b)=Q5_0;blk\.0\.ffn_down=IQ4_NL;blk\.2=F16", "") },
            new() { Pure = true, Patterns = TensorPattern.ParseList("ffn_down=Q5_1", "") },
            new() { Output = GgmlType.Q5_1, Patterns = TensorPattern.ParseList("^output=Q8_0;q.weight=Q6_K", "") },
            new() { Output = GgmlType.F16, Embedding = GgmlType.BF16 },
            new() { Output = GgmlType.F32, Pure = true },
        ];
        foreach (var precision in Precision.All.Where(p => p.Name is "Q4_K_M" or "Q3_K_M" or "IQ4_XS" or "MXFP4_MOE"))
        {
            foreach (var choice in choices)
            {
                // The library ends the process where it gives the output or the embedding a type that its rows do not fill.
                if (sketch.Row % 32 != 0 && choice.Output == GgmlType.Q5_1)
                {
                    continue;
                }

                LlamaFileQuantizer.Quantize(folder["zero.gguf"], folder["theirs.gguf"], (int)precision.FileType, TensorChoiceTests.Options(choice));
                using var theirs = GgufShards.Open(folder["theirs.gguf"]);
                var ours = new MixtureRecipe(precision, recipe, choice).Choose(tensors);
                Assert.Equal(
                    theirs.Tensors.Select(t => $"{precision} {choice.Key} {t.Name} {t.Type}").Order(StringComparer.Ordinal),
                    tensors.Select((t, i) => $"{precision} {choice.Key} {t.Name} {ours[i].Type}").Order(StringComparer.Ordinal));
            }
        }
    }

    [Fact]
    public void Every_precision_that_needs_a_matrix_is_refused_by_llama_cpp_without_one()
    {
        var sketch = Sketches["seventeen blocks"];
        using var folder = new TemporaryFolder();
        Write(folder["zero.gguf"], sketch, Tensors(sketch));
        var needing = Precision.All.Where(p => p.NeedsImportance).ToArray();
        Assert.Equal(9, needing.Length);
        Assert.All(needing, precision => Assert.Contains(
            "importance matrix",
            string.Join(' ', Assert.Throws<EngineException>(() => LlamaFileQuantizer.Quantize(folder["zero.gguf"], folder["theirs.gguf"], (int)precision.FileType)).NativeLog),
            StringComparison.Ordinal));
    }

    [Fact]
    public void A_fallback_names_the_type_that_was_wanted()
    {
        var recipe = new MixtureRecipe(Precision.All.Single(p => p.Name == "Q3_K_M"), new RecipeModel("llama", 16, 8, 2, HasOutput: false));
        var chosen = recipe.Choose(
        [
            ("token_embd.weight", [160, 4]), ("blk.0.attn_q.weight", [160, 4]), ("blk.0.attn_v.weight", [40, 4]), ("blk.0.ffn_up.weight", [256, 4]),
        ]);
        Assert.Equal(
            [(GgmlType.Q8_0, GgmlType.Q6_K), (GgmlType.Q4_0, GgmlType.Q3_K), (GgmlType.F16, GgmlType.Q5_K), (GgmlType.Q3_K, GgmlType.Q3_K)],
            chosen.Select(t => (t.Type, t.Wanted)));
    }

    private static ImmutableArray<(string Name, ImmutableArray<long> Shape)> Tensors(Sketch sketch)
    {
        var tensors = ImmutableArray.CreateBuilder<(string, ImmutableArray<long>)>();
        Add("token_embd.weight", sketch.Row, 2);
        Add("per_layer_token_embd.weight", sketch.Row, 2);
        Add("position_embd.weight", sketch.Row, 2);
        Add("output_norm.weight", sketch.Row);
        if (sketch.Output)
        {
            Add("output.weight", sketch.Row, 2);
        }

        // From the last block to the first: the choice must not depend on the order of a file.
        for (var block = sketch.Layers - 1; block >= 0; block--)
        {
            string[] attention = sketch.Attention switch
            {
                Attention.Fused => ["attn_qkv"],
                Attention.Latent => ["attn_q", "attn_kv_a_mqa", "attn_kv_b"],
                _ => ["attn_q", "attn_k", "attn_v"],
            };
            foreach (var name in attention)
            {
                Add($"blk.{block}.{name}.weight", sketch.Row, 2);
            }

            Add($"blk.{block}.attn_norm.weight", sketch.Row);
            Add($"blk.{block}.attn_q.bias", sketch.Row, 2);
            Add($"blk.{block}.attn_output.weight", sketch.Row, 2);
            Add($"blk.{block}.ssm_conv1d.weight", sketch.Row, 2);
            Add($"blk.{block}.one_row.weight", sketch.Row, 1);
            if (sketch.Experts > 0)
            {
                Add($"blk.{block}.ffn_gate_inp.weight", sketch.Row, 2);
                Add($"blk.{block}.ffn_gate_exps.weight", sketch.Row, 2, 2);
                Add($"blk.{block}.ffn_up_exps.weight", sketch.Row, 2, 2);
                Add($"blk.{block}.ffn_down_exps.weight", sketch.DownRow, 2, 2);
                Add($"blk.{block}.ffn_down_shexp.weight", sketch.DownRow, 2);
            }
            else
            {
                Add($"blk.{block}.ffn_gate.weight", sketch.Row, 2);
                Add($"blk.{block}.ffn_up.weight", sketch.Row, 2);
                Add($"blk.{block}.ffn_down.weight", sketch.DownRow, 2);
            }
        }

        return tensors.ToImmutable();

        void Add(string name, params ReadOnlySpan<long> shape) => tensors.Add((name, [.. shape]));
    }

    private static void Write(string path, Sketch sketch, ImmutableArray<(string Name, ImmutableArray<long> Shape)> tensors) =>
        ZeroModel.Write(path, sketch.Architecture, tensors, sketch.Layers, sketch.Heads, sketch.KeyValueHeads, sketch.Experts);

    /// <summary>A matrix that weighs all columns alike.</summary>
    private static Dictionary<string, float[]> Even(ImmutableArray<(string Name, ImmutableArray<long> Shape)> tensors) =>
        tensors.ToDictionary(t => t.Name, t => Enumerable.Repeat(1f, (int)(t.Shape[0] * (t.Shape.Length > 2 ? t.Shape[2] : 1))).ToArray());

    private sealed record Sketch(
        string Architecture,
        int Layers,
        int Heads,
        int KeyValueHeads,
        Attention Attention = Attention.Apart,
        int Experts = 0,
        bool Output = true,
        long Row = 256,
        long DownRow = 256);
}
