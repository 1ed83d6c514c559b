using System.Runtime.InteropServices;
using ModelPort.Engines.LlamaCpp;

namespace ModelPort.Engines.Tests;

public sealed class LlamaContextTests(TinyModelFixture tiny) : IClassFixture<TinyModelFixture>
{
    private static readonly int[] Tokens = [.. Enumerable.Range(0, 40).Select(i => 4 + (i * 37 % 260))];

    private static readonly LlamaContextOptions Options = new() { Threads = 1, CacheType = LlamaCacheType.F32 };

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public void A_batch_gives_the_logits_of_its_tokens_one_by_one()
    {
        var together = Evaluate(Tokens);
        using var context = new LlamaContext(tiny.Model, Options);
        using var batch = new LlamaBatch(1);

        for (var i = 0; i < Tokens.Length; i++)
        {
            batch.Clear();
            batch.Add(Tokens[i], i, 0, wantLogits: true);
            context.Decode(batch, Token);
            AssertClose(together[i], context.Logits(0));
        }
    }

    [Fact]
    public void Batches_of_any_size_give_the_same_logits()
    {
        var together = Evaluate(Tokens);
        using var context = new LlamaContext(tiny.Model, Options);
        using var batch = new LlamaBatch(Tokens.Length);

        var position = 0;
        foreach (var size in new[] { 3, 1, 20, 16 })
        {
            batch.Clear();
            for (var i = 0; i < size; i++)
            {
                batch.Add(Tokens[position + i], position + i, 0, wantLogits: i == size - 1);
            }

            context.Decode(batch, Token);
            position += size;
            AssertClose(together[position - 1], context.Logits(size - 1));
        }
    }

    [Fact]
    public void Logits_repeat_to_the_bit()
    {
        var first = Evaluate(Tokens);
        using var model = LlamaModel.Load(LlamaRuntime.Load(), tiny.Path);

        Assert.Equal(Bits(first), Bits(Evaluate(Tokens, model)));
    }

    [Fact]
    public void Logits_do_not_depend_on_the_number_of_threads() =>
        Assert.Equal(Bits(Evaluate(Tokens)), Bits(Evaluate(Tokens, options: Options with { Threads = 2 })));

    [Fact]
    public void The_precision_of_attention_is_the_one_asked_for()
    {
        var exact = Evaluate(Tokens);
        var rounded = Evaluate(Tokens, options: Options with { CacheType = LlamaCacheType.F16 });

        var difference = exact.Zip(rounded, (a, b) => a.Zip(b, (x, y) => Math.Abs(x - y)).Max()).Max();
        Assert.InRange(difference, 1e-4f, 0.1f);
    }

    [Fact]
    public void Sequences_do_not_see_each_other()
    {
        var alone = Evaluate(Tokens);
        using var context = new LlamaContext(tiny.Model, Options with { Sequences = 3, ContextLength = 768 });
        using var batch = new LlamaBatch(3 * Tokens.Length);
        for (var i = 0; i < Tokens.Length; i++)
        {
            batch.Add(Tokens[^(i + 1)], i, 0, wantLogits: false);
            batch.Add(Tokens[i], i, 1, wantLogits: true);
            batch.Add(TinyModel.Bos, i, 2, wantLogits: false);
        }

        context.Decode(batch, Token);

        for (var i = 0; i < Tokens.Length; i++)
        {
            AssertClose(alone[i], context.Logits((3 * i) + 1));
        }
    }

    [Fact]
    public void A_beginning_that_sequences_share_is_evaluated_once()
    {
        int[][] ends = [[7, 9, 11], [TinyModel.Bos], [250, 7]];
        using var context = new LlamaContext(tiny.Model, Options with { Sequences = 5, ContextLength = 256, Shared = true });
        using var batch = new LlamaBatch(64);
        for (var i = 0; i < Tokens.Length; i++)
        {
            batch.AddShared(Tokens[i], i, firstSequence: 1, sequences: 3, wantLogits: i == Tokens.Length - 1);
        }

        int[][] indices = [.. ends.Select((end, s) => end.Select((t, i) => batch.Add(t, Tokens.Length + i, 1 + s, wantLogits: true)).ToArray())];
        batch.Add(TinyModel.Bos, 0, 4, wantLogits: false);
        Assert.Equal(Tokens.Length + 7, batch.Count);

        context.Decode(batch, Token);

        for (var s = 0; s < ends.Length; s++)
        {
            var alone = Evaluate([.. Tokens, .. ends[s]]);
            AssertClose(alone[Tokens.Length - 1], context.Logits(Tokens.Length - 1));
            for (var i = 0; i < ends[s].Length; i++)
            {
                AssertClose(alone[Tokens.Length + i], context.Logits(indices[s][i]));
            }
        }
    }

    [Fact]
    public void A_cleared_context_begins_anew()
    {
        var first = Evaluate(Tokens);
        using var context = new LlamaContext(tiny.Model, Options);
        using var batch = TinyModel.Batch(Tokens.Reverse());
        context.Decode(batch, Token);

        context.Clear();

        Assert.Throws<ArgumentOutOfRangeException>(() => context.Logits(0).Length);
        using var again = TinyModel.Batch(Tokens);
        context.Decode(again, Token);
        Assert.Equal(Bits([first[^1]]), Bits([context.Logits(Tokens.Length - 1).ToArray()]));
    }

    [Fact]
    public void Logits_come_only_where_they_were_asked_for()
    {
        using var context = new LlamaContext(tiny.Model, Options);
        using var batch = new LlamaBatch(2);
        batch.Add(4, 0, 0, wantLogits: false);
        batch.Add(5, 1, 0, wantLogits: true);
        Assert.Throws<ArgumentOutOfRangeException>(() => context.Logits(1).Length);

        context.Decode(batch, Token);

        Assert.Equal(TinyModel.Tokens.Length, context.Logits(1).Length);
        foreach (var index in new[] { -1, 0, 2, int.MaxValue, int.MinValue })
        {
            Assert.Throws<ArgumentOutOfRangeException>(() => context.Logits(index).Length);
        }
    }

    [Fact]
    public async Task Cancellation_during_a_batch_ends_it_and_leaves_a_usable_context()
    {
        var expected = Evaluate(Tokens);
        using var context = new LlamaContext(tiny.Model, Options);
        using var batch = TinyModel.Batch(Enumerable.Repeat(TinyModel.FirstByte, 512));
        using var source = new CancellationTokenSource();
        var cancel = Task.Run(source.Cancel, Token);

        Assert.Throws<OperationCanceledException>(DecodeForever);

        await cancel;
        context.Clear();
        using var again = TinyModel.Batch(Tokens);
        context.Decode(again, Token);
        Assert.Equal(Bits([expected[^1]]), Bits([context.Logits(Tokens.Length - 1).ToArray()]));

        void DecodeForever()
        {
            while (true)
            {
                context.Clear();
                context.Decode(batch, source.Token);
            }
        }
    }

    [Fact]
    public void Time_is_counted_apart_for_prompts_and_single_tokens()
    {
        using var context = new LlamaContext(tiny.Model, Options);
        using var batch = TinyModel.Batch(Tokens);
        context.Decode(batch, Token);
        _ = context.Logits(Tokens.Length - 1);
        batch.Clear();
        batch.Add(4, Tokens.Length, 0, wantLogits: true);
        context.Decode(batch, Token);
        _ = context.Logits(0);

        Assert.Equal(Tokens.Length, context.Timings.PromptTokens);
        Assert.Equal(1, context.Timings.EvaluationTokens);
        Assert.True(context.Timings.Prompt > TimeSpan.Zero);
        Assert.True(context.Timings.Evaluation > TimeSpan.Zero);
        context.ResetTimings();
        Assert.Equal(TimeSpan.Zero, context.Timings.Prompt);
    }

    [Fact]
    public void Sizes_are_told_as_the_library_rounded_them()
    {
        using var context = new LlamaContext(tiny.Model, Options with { ContextLength = 300, Sequences = 2 });

        Assert.Equal(context.ContextLength, 2 * context.SequenceLength);
        Assert.InRange(context.SequenceLength, 150, 512);
    }

    private static int[] Bits(float[][] rows) => MemoryMarshal.Cast<float, int>(rows.SelectMany(row => row).ToArray()).ToArray();

    private static void AssertClose(ReadOnlySpan<float> expected, ReadOnlySpan<float> found)
    {
        Assert.Equal(expected.Length, found.Length);
        for (var i = 0; i < expected.Length; i++)
        {
            Assert.InRange(found[i], expected[i] - 5e-5f, expected[i] + 5e-5f);
        }
    }

    private float[][] Evaluate(int[] tokens, LlamaModel? model = null, LlamaContextOptions? options = null)
    {
        using var context = new LlamaContext(model ?? tiny.Model, options ?? Options);
        using var batch = TinyModel.Batch(tokens);
        context.Decode(batch, Token);
        return [.. Enumerable.Range(0, tokens.Length).Select(i => context.Logits(i).ToArray())];
    }
}
