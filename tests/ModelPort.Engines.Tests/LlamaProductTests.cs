using System.Runtime.InteropServices;
using ModelPort.Engines.LlamaCpp;
using ModelPort.Formats.Gguf;

namespace ModelPort.Engines.Tests;

/// <summary>What an observer sees of the products inside an evaluation, against what the model's own numbers make of it.</summary>
public sealed class LlamaProductTests(TinyModelFixture tiny) : IClassFixture<TinyModelFixture>
{
    private const int Experts = 5;
    private const int ExpertsUsed = 2;

    private static readonly int[] Tokens = [.. Enumerable.Range(0, 40).Select(i => 4 + (i * 37 % 260))];

    private static readonly LlamaContextOptions Options = new() { Threads = 2, CacheType = LlamaCacheType.F32 };

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public void Every_product_with_a_weight_is_seen_once_with_a_row_for_each_token()
    {
        var seen = Evaluate(tiny.Model, new Recorder());
        string[] kinds = ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"];
        Assert.Equal(
            Enumerable.Range(0, TinyModel.Blocks).SelectMany(b => kinds.Select(k => $"blk.{b}.{k}.weight")).Append("token_embd.weight").Order(StringComparer.Ordinal),
            seen.Products.Select(p => p.Weight).Where(w => w.EndsWith(".weight", StringComparison.Ordinal)).Order(StringComparer.Ordinal));
        Assert.All(seen.Products.Where(p => p.Weight.StartsWith("blk.", StringComparison.Ordinal)), product =>
        {
            Assert.Equal(product.Weight.EndsWith("ffn_down.weight", StringComparison.Ordinal) ? TinyModel.FeedForward : TinyModel.Embedding, product.Columns);
            Assert.Equal(Tokens.Length, product.Rows.Count);
            Assert.Equal(1, product.Matrices);
            Assert.False(product.IsRouted);
            Assert.All(product.Rows, row => Assert.Equal(0, row.Matrix));
        });
    }

    [Fact]
    public void The_rows_are_the_activations_that_the_weight_is_multiplied_with()
    {
        var seen = Evaluate(tiny.Model, new Recorder());
        var embedding = Read(tiny.Path, "token_embd.weight");
        foreach (var name in new[] { "attn_q", "attn_k", "attn_v" })
        {
            var rows = seen.Products.Single(p => p.Weight == $"blk.0.{name}.weight").Rows;
            for (var i = 0; i < Tokens.Length; i++)
            {
                // The first block sees the embedding, normalised; the norm's weights are 1.
                var row = embedding.AsSpan(Tokens[i] * TinyModel.Embedding, TinyModel.Embedding);
                var scale = 1 / Math.Sqrt(row.ToArray().Sum(x => (double)x * x) / row.Length + 1e-5);
                for (var j = 0; j < row.Length; j++)
                {
                    Assert.Equal(row[j] * scale, rows[i].Values[j], 1e-5);
                }
            }
        }
    }

    [Fact]
    public void Only_wanted_weights_are_shown_and_the_logits_stay_the_same()
    {
        var recorder = new Recorder { Filter = "blk.1.ffn_up.weight" };
        var with = Logits(tiny.Model, Options with { Products = recorder });
        Assert.Equal(["blk.1.ffn_up.weight"], recorder.Products.Select(p => p.Weight));
        Assert.Equal(Logits(tiny.Model, Options), with);
    }

    [Fact]
    public void Batches_of_few_tokens_are_passed_over()
    {
        var recorder = new Recorder();
        using var context = new LlamaContext(tiny.Model, Options with { Products = recorder });
        using var few = TinyModel.Batch(Tokens.Take(15));
        context.Decode(few, Token);
        Assert.DoesNotContain(recorder.Products, p => p.Weight.EndsWith(".weight", StringComparison.Ordinal));
    }

    [Fact]
    public void A_token_meets_the_experts_that_the_router_chooses()
    {
        TinyModel.Write(tiny.Folder["experts.gguf"], experts: Experts, expertsUsed: ExpertsUsed);
        using var model = LlamaModel.Load(LlamaRuntime.Load(), tiny.Folder["experts.gguf"]);
        var seen = Evaluate(model, new Recorder());
        var router = Read(tiny.Folder["experts.gguf"], "blk.0.ffn_gate_inp.weight");
        var inputs = seen.Products.Single(p => p.Weight == "blk.0.ffn_gate_inp.weight").Rows;
        foreach (var name in new[] { "ffn_gate_exps", "ffn_up_exps", "ffn_down_exps" })
        {
            var product = seen.Products.Single(p => p.Weight == $"blk.0.{name}.weight");
            Assert.True(product.IsRouted);
            Assert.Equal(Experts, product.Matrices);
            Assert.Equal(ExpertsUsed * Tokens.Length, product.Rows.Count);
            for (var token = 0; token < Tokens.Length; token++)
            {
                var scores = Enumerable.Range(0, Experts).Select(e => inputs[token].Values.Select((x, j) => (double)x * router[e * TinyModel.Embedding + j]).Sum()).ToArray();
                var best = Enumerable.Range(0, Experts).OrderByDescending(e => scores[e]).Take(ExpertsUsed).ToArray();
                for (var choice = 0; choice < ExpertsUsed; choice++)
                {
                    var row = product.Rows[choice * Tokens.Length + token];
                    Assert.Equal(best[choice], row.Matrix);
                    if (product.Columns == TinyModel.Embedding)
                    {
                        Assert.Equal(inputs[token].Values, row.Values);
                    }
                }
            }
        }
    }

    [Fact]
    public void What_is_written_to_a_result_is_what_the_model_goes_on_with()
    {
        const string Weight = "blk.1.ffn_down.weight";
        TinyModel.Write(tiny.Folder["zero.gguf"], changeWeights: (name, values) => values.AsSpan(0, name == Weight ? values.Length : 0).Clear());
        using var zero = LlamaModel.Load(LlamaRuntime.Load(), tiny.Folder["zero.gguf"]);
        var eraser = new Changer { Weight = Weight, Change = product => ForEachResult(product, (_, result) => result.Clear()) };
        Assert.Equal(Logits(zero, Options), Logits(tiny.Model, Options with { Products = eraser }));
        Assert.Equal(1, eraser.Seen);
    }

    [Fact]
    public void Rows_that_are_looked_up_can_be_seen_and_changed()
    {
        var embedding = Read(tiny.Path, "token_embd.weight");
        int[] others = [.. Tokens.Reverse()];
        var changer = new Changer
        {
            Weight = "token_embd.weight",
            Change = product =>
            {
                if (!product.IsLookup)
                {
                    return;
                }

                Assert.Equal((TinyModel.Embedding, Tokens.Length), (product.Outputs, product.Rows));
                ForEachResult(product, (row, result) =>
                {
                    Assert.Equal(embedding.AsSpan(Tokens[(int)row] * TinyModel.Embedding, TinyModel.Embedding), result);
                    embedding.AsSpan(others[row] * TinyModel.Embedding, TinyModel.Embedding).CopyTo(result);
                });
            },
        };
        var changed = Logits(tiny.Model, Options with { Products = changer });
        using var context = new LlamaContext(tiny.Model, Options);
        using var batch = TinyModel.Batch(others);
        context.Decode(batch, Token);
        Assert.Equal(context.Logits(others.Length - 1).ToArray(), changed);
        // Once looked up, once multiplied with: the embedding is the output matrix too.
        Assert.Equal(2, changer.Seen);
    }

    [Fact]
    public void A_token_of_an_expert_has_a_result_of_its_own()
    {
        TinyModel.Write(tiny.Folder["routed.gguf"], experts: Experts, expertsUsed: ExpertsUsed);
        using var model = LlamaModel.Load(LlamaRuntime.Load(), tiny.Folder["routed.gguf"]);
        const string Weight = "blk.0.ffn_up_exps.weight";
        var weights = Read(tiny.Folder["routed.gguf"], Weight);
        var changer = new Changer
        {
            Weight = Weight,
            Change = product =>
            {
                for (long i = 0; i < product.Rows; i++)
                {
                    var row = product.Row(i, out var expert);
                    var result = product.Result(i);
                    for (var j = 0; j < result.Length; j += 101)
                    {
                        var first = (expert * TinyModel.FeedForward + j) * TinyModel.Embedding;
                        Assert.Equal(row.ToArray().Select((x, k) => (double)x * weights[first + k]).Sum(), result[j], 1e-4);
                    }
                }
            },
        };
        _ = Logits(model, Options with { Products = changer });
        Assert.Equal(1, changer.Seen);
    }

    [Fact]
    public void What_an_observer_throws_comes_out_and_the_context_can_go_on()
    {
        var recorder = new Recorder { Failure = new InvalidOperationException("enough") };
        using var context = new LlamaContext(tiny.Model, Options with { Products = recorder });
        using var batch = TinyModel.Batch(Tokens);
        Assert.Same(recorder.Failure, Assert.Throws<InvalidOperationException>(() => context.Decode(batch, Token)));
        Assert.Empty(recorder.Products);

        recorder.Failure = null;
        context.Clear();
        context.Decode(batch, Token);
        Assert.NotEmpty(recorder.Products);
    }

    private static void ForEachResult(LlamaProduct product, Action<long, Span<float>> change)
    {
        for (long i = 0; i < product.Rows; i++)
        {
            change(i, product.Result(i));
        }
    }

    private static Recorder Evaluate(LlamaModel model, Recorder recorder)
    {
        _ = Logits(model, Options with { Products = recorder });
        return recorder;
    }

    private static float[] Logits(LlamaModel model, LlamaContextOptions options)
    {
        using var context = new LlamaContext(model, options);
        using var batch = TinyModel.Batch(Tokens);
        context.Decode(batch, Token);
        return context.Logits(Tokens.Length - 1).ToArray();
    }

    private static float[] Read(string path, string name)
    {
        using var file = GgufFile.Open(path);
        Assert.True(file.TryGet(name, out var tensor));
        var values = new float[tensor.ByteLength / sizeof(float)];
        file.Read(tensor, 0, MemoryMarshal.AsBytes(values.AsSpan()));
        return values;
    }

    private sealed record Product(string Weight, bool IsRouted, int Columns, int Matrices, IReadOnlyList<(int Matrix, float[] Values)> Rows);

    private sealed class Recorder : ILlamaProductObserver
    {
        public List<Product> Products { get; } = [];

        public string? Filter { get; init; }

        public Exception? Failure { get; set; }

        public bool Wants(string weight) => Filter is null || weight == Filter;

        public void Observe(in LlamaProduct product)
        {
            if (Failure is not null)
            {
                throw Failure;
            }

            var rows = new List<(int, float[])>();
            for (long i = 0; i < product.Rows; i++)
            {
                var values = product.Row(i, out var matrix).ToArray();
                rows.Add((matrix, values));
            }

            Products.Add(new Product(product.Weight, product.IsRouted, product.Columns, product.Matrices, rows));
        }
    }

    private sealed class Changer : ILlamaProductObserver
    {
        public delegate void Changes(LlamaProduct product);

        public required string Weight { get; init; }

        public required Changes Change { get; init; }

        public int Seen { get; private set; }

        public bool Wants(string weight) => weight == Weight;

        public bool WantsLookups(string weight) => weight == Weight;

        public void Observe(in LlamaProduct product)
        {
            Seen++;
            Change(product);
        }
    }
}
