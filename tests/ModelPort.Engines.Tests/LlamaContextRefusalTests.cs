using ModelPort.Engines.LlamaCpp;

namespace ModelPort.Engines.Tests;

public sealed class LlamaContextRefusalTests(TinyModelFixture tiny) : IClassFixture<TinyModelFixture>
{
    private static readonly int[] Tokens = [.. Enumerable.Range(0, 40).Select(i => 4 + (i * 37 % 260))];

    private static readonly LlamaContextOptions Options = new() { Threads = 1, CacheType = LlamaCacheType.F32 };

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public void A_batch_that_the_library_would_assert_on_is_refused()
    {
        using var context = new LlamaContext(tiny.Model, Options with { ContextLength = 256, BatchSize = 8, Sequences = 1 });
        using var batch = new LlamaBatch(16);
        Assert.Throws<ArgumentException>(() => context.Decode(batch, Token));

        foreach (var (token, position, sequence) in new[]
        {
            (-1, 0, 0), (TinyModel.Tokens.Length, 0, 0), (4, -1, 0), (4, 256, 0), (4, 0, 1), (4, 0, -1), (4, int.MaxValue, int.MaxValue),
        })
        {
            batch.Clear();
            batch.Add(token, position, sequence, wantLogits: true);
            Assert.Throws<ArgumentException>(() => context.Decode(batch, Token));
        }

        batch.Clear();
        for (var i = 0; i < 9; i++)
        {
            batch.Add(4, i, 0, wantLogits: false);
        }

        Assert.Throws<ArgumentException>(() => context.Decode(batch, Token));
        Assert.Equal(8, context.BatchSize);
    }

    [Fact]
    public void Sequences_that_do_not_exist_or_are_not_shared_are_refused()
    {
        using var context = new LlamaContext(tiny.Model, Options with { ContextLength = 256, Sequences = 2, Shared = true });
        using var apart = new LlamaContext(tiny.Model, Options with { ContextLength = 512, Sequences = 2 });
        using var batch = new LlamaBatch(1);
        batch.AddShared(4, 0, 1, 2, wantLogits: true);
        Assert.Throws<ArgumentException>(() => context.Decode(batch, Token));

        batch.Clear();
        batch.AddShared(4, 0, 0, 2, wantLogits: true);
        Assert.Throws<ArgumentException>(() => apart.Decode(batch, Token));
        context.Decode(batch, Token);

        batch.Clear();
        foreach (var (first, count) in new[] { (-1, 1), (0, 0), (0, 257), (256, 1), (1, int.MaxValue) })
        {
            Assert.Throws<ArgumentOutOfRangeException>(() => batch.AddShared(4, 0, first, count, wantLogits: true));
        }
    }

    [Fact]
    public void Positions_with_a_gap_are_refused_with_the_native_log()
    {
        using var context = new LlamaContext(tiny.Model, Options);
        using var batch = new LlamaBatch(2);
        batch.Add(4, 0, 0, wantLogits: false);
        batch.Add(5, 2, 0, wantLogits: true);

        var error = Assert.Throws<EngineException>(() => context.Decode(batch, Token));

        Assert.Equal(EngineFault.DecodeFailed, error.Fault);
        Assert.NotEmpty(error.NativeLog);
        Assert.Throws<ArgumentOutOfRangeException>(() => context.Logits(1).Length);
    }

    [Fact]
    public void A_repeated_position_is_refused_and_leaves_a_usable_context()
    {
        using var context = new LlamaContext(tiny.Model, Options);
        using var batch = TinyModel.Batch(Tokens);
        context.Decode(batch, Token);

        Assert.Equal(EngineFault.DecodeFailed, Assert.Throws<EngineException>(() => context.Decode(batch, Token)).Fault);

        context.Clear();
        context.Decode(batch, Token);
    }

    [Fact]
    public void A_full_batch_says_so()
    {
        using var batch = new LlamaBatch(1);
        Assert.Equal(0, batch.Add(4, 0, 0, wantLogits: false));

        Assert.Throws<InvalidOperationException>(() => batch.Add(4, 1, 0, wantLogits: false));
        Assert.Equal(1, batch.Count);
    }

    [Fact]
    public void A_cancelled_token_stops_before_the_batch()
    {
        using var context = new LlamaContext(tiny.Model, Options);
        using var batch = TinyModel.Batch(Tokens);

        Assert.Throws<OperationCanceledException>(() => context.Decode(batch, new CancellationToken(canceled: true)));
        context.Decode(batch, Token);
    }

    [Fact]
    public void Impossible_sizes_are_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new LlamaContext(tiny.Model, Options with { ContextLength = 0 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => new LlamaContext(tiny.Model, Options with { BatchSize = -1 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => new LlamaContext(tiny.Model, Options with { MicroBatchSize = 0 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => new LlamaContext(tiny.Model, Options with { Threads = 0 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => new LlamaContext(tiny.Model, Options with { Sequences = 0 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => new LlamaContext(tiny.Model, Options with { Sequences = 257 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => new LlamaBatch(0));
    }

    [Fact]
    public void A_vocabulary_cannot_be_evaluated()
    {
        using var model = LlamaModel.Load(LlamaRuntime.Load(), tiny.Path, new LlamaModelOptions { VocabularyOnly = true });

        Assert.Throws<InvalidOperationException>(() => new LlamaContext(model, Options));
    }

    [Fact]
    public void Things_may_be_disposed_in_any_order()
    {
        var model = LlamaModel.Load(LlamaRuntime.Load(), tiny.Path);
        var context = new LlamaContext(model, Options);
        var batch = TinyModel.Batch(Tokens);

        model.Dispose();
        context.Decode(batch, Token);
        Assert.Equal(TinyModel.Tokens.Length, context.Logits(0).Length);

        batch.Dispose();
        Assert.Throws<ObjectDisposedException>(() => context.Decode(batch, Token));
        batch.Clear();
        Assert.Throws<ObjectDisposedException>(() => batch.Add(4, 0, 0, wantLogits: true));

        context.Dispose();
        context.Dispose();
        Assert.Throws<ObjectDisposedException>(() => context.Clear());
        Assert.Throws<ObjectDisposedException>(() => context.Logits(0).Length);
        Assert.Throws<ObjectDisposedException>(() => context.Timings);
        using var other = TinyModel.Batch(Tokens);
        Assert.Throws<ObjectDisposedException>(() => context.Decode(other, Token));
    }
}
