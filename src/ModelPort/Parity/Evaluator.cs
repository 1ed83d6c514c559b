using ModelPort.Engines.LlamaCpp;

namespace ModelPort.Parity;

/// <summary>Reads the logits of one scored position. Called by several threads at once.</summary>
/// <param name="window">Which window.</param>
/// <param name="row">Which of its scored positions.</param>
/// <param name="logits">The logits; gone once the reader returns.</param>
internal delegate void RowReader(int window, int row, ReadOnlySpan<float> logits);

/// <summary>
/// A model that is evaluated over windows of tokens, as llama-perplexity does it: as many windows as fit in a batch of 2048 tokens are decoded together,
/// each a sequence of its own, and their logits are reduced where they lie, on all threads.
/// </summary>
internal sealed class Evaluator : IDisposable
{
    private const int BatchTokens = 2048;
    private const int MicroBatchTokens = 512;

    private readonly int _threads;

    /// <summary>Loads a model.</summary>
    public Evaluator(LlamaRuntime runtime, string path, int threads, CancellationToken cancellation)
    {
        Model = LlamaModel.Load(runtime, path, new LlamaModelOptions { CancellationToken = cancellation });
        // llama.cpp's threads wait for each other by spinning: more of them than cores never come to an end.
        _threads = Math.Min(threads, Environment.ProcessorCount);
    }

    /// <summary>The model.</summary>
    public LlamaModel Model { get; }

    /// <summary>Evaluates windows, and hands out the logits of their scored positions.</summary>
    /// <param name="windows">The tokens.</param>
    /// <param name="attention">How exact attention is.</param>
    /// <param name="reader">Told each row.</param>
    /// <param name="progress">Told the tokens decoded since the last call.</param>
    /// <param name="cancellation">Stops the work.</param>
    /// <param name="products">Who sees the products with weights, if anybody.</param>
    /// <returns>Tokens decoded a second, the reading not counted.</returns>
    public double Run(TokenWindows windows, LlamaCacheType attention, RowReader reader, Action<int> progress, CancellationToken cancellation, ILlamaProductObserver? products = null)
    {
        var together = Math.Max(1, BatchTokens / windows.Length);
        var batchTokens = Math.Min(BatchTokens, windows.Length * together);
        using var context = new LlamaContext(Model, new LlamaContextOptions
        {
            ContextLength = windows.Length * together,
            Sequences = together,
            BatchSize = batchTokens,
            MicroBatchSize = Math.Min(MicroBatchTokens, batchTokens),
            Threads = _threads,
            CacheType = attention,
            Products = products,
        });
        using var batch = new LlamaBatch(batchTokens);
        var elapsed = TimeSpan.Zero;
        for (var first = 0; first < windows.Count; first += together)
        {
            context.Clear();
            var count = Math.Min(together, windows.Count - first);
            for (var from = 0; from < windows.Length; from += batchTokens)
            {
                var rows = Fill(batch, windows, first, count, from, Math.Min(windows.Length, from + batchTokens));
                var start = System.Diagnostics.Stopwatch.GetTimestamp();
                context.Decode(batch, cancellation);
                elapsed += System.Diagnostics.Stopwatch.GetElapsedTime(start);
                context.ReadLogits([.. rows.Select(r => r.BatchIndex)], _threads, (i, logits) => reader(rows[i].Window, rows[i].Row, logits));
                progress(batch.Count);
            }
        }

        return windows.Tokens / elapsed.TotalSeconds;
    }

    /// <inheritdoc/>
    public void Dispose() => Model.Dispose();

    private static List<(int BatchIndex, int Window, int Row)> Fill(LlamaBatch batch, TokenWindows windows, int first, int count, int from, int to)
    {
        batch.Clear();
        var rows = new List<(int, int, int)>();
        for (var sequence = 0; sequence < count; sequence++)
        {
            var window = windows[first + sequence];
            for (var position = from; position < to; position++)
            {
                var row = position - windows.FirstScored;
                var scored = row >= 0 && row < windows.Rows;
                var index = batch.Add(window[position], position, sequence, scored);
                if (scored)
                {
                    rows.Add((index, first + sequence, row));
                }
            }
        }

        return rows;
    }
}
