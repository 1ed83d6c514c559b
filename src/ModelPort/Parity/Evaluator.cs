using System.Runtime.ExceptionServices;
using ModelPort.Engines.LlamaCpp;

namespace ModelPort.Parity;

/// <summary>Reads the logits of one scored position. Called by several threads at once.</summary>
/// <param name="window">Which window.</param>
/// <param name="row">Which of its scored positions.</param>
/// <param name="logits">The logits; gone once the reader returns.</param>
internal delegate void RowReader(int window, int row, ReadOnlySpan<float> logits);

/// <summary>
/// A model that is evaluated over windows of tokens, as llama-perplexity does it: as many windows as fit in a batch of 2048 tokens are decoded together,
/// each a sequence of its own, and their logits are reduced where they lie. As many such batches as the memory allows run side by side, each on its share of
/// the threads: threads that evaluate one batch together wait for each other after every operation, and while one batch is reduced the others go on.
/// </summary>
internal sealed class Evaluator : IDisposable
{
    private const int BatchTokens = 2048;
    private const int MicroBatchTokens = 512;

    private readonly int _threads;
    private readonly long _memoryBudget;

    /// <summary>Loads a model.</summary>
    /// <param name="runtime">llama.cpp.</param>
    /// <param name="path">The GGUF file.</param>
    /// <param name="threads">Threads that compute.</param>
    /// <param name="memoryBudget">Bytes that the logits of batches side by side may take; one batch is evaluated in any case.</param>
    /// <param name="cancellation">Stops the load.</param>
    public Evaluator(LlamaRuntime runtime, string path, int threads, long memoryBudget, CancellationToken cancellation)
    {
        Model = LlamaModel.Load(runtime, path, new LlamaModelOptions { CancellationToken = cancellation });
        // llama.cpp's threads wait for each other by spinning: more of them than cores never come to an end.
        _threads = Math.Min(threads, Environment.ProcessorCount);
        _memoryBudget = memoryBudget;
    }

    /// <summary>The model.</summary>
    public LlamaModel Model { get; }

    /// <summary>Evaluates windows, and hands out the logits of their scored positions.</summary>
    /// <param name="windows">The tokens.</param>
    /// <param name="attention">How exact attention is.</param>
    /// <param name="reader">Told each row.</param>
    /// <param name="progress">Told the tokens decoded since the last call, by any thread.</param>
    /// <param name="cancellation">Stops the work.</param>
    /// <param name="log">Which windows need not be evaluated; null for none.</param>
    /// <param name="products">Who sees the products with weights, if anybody; batches then run one after the other, as an observer sees one evaluation at a time.</param>
    /// <returns>Tokens a second.</returns>
    public double Run(
        TokenWindows windows, LlamaCacheType attention, RowReader reader, Action<int> progress, CancellationToken cancellation, IWindowLog? log = null, ILlamaProductObserver? products = null)
    {
        var together = Math.Max(1, BatchTokens / windows.Length);
        var batches = (windows.Count + together - 1) / together;
        int Size(int batch) => Math.Min(together, windows.Count - batch * together);
        // One at least is evaluated, whatever there is: the speed is measured too.
        int[] open = [.. Enumerable.Range(0, batches).Where(b => log?.Holds(b * together, Size(b)) != true).DefaultIfEmpty(batches - 1)];
        var tokens = open.Sum(Size) * windows.Length;
        progress((int)(windows.Tokens - tokens));
        var logitBytes = (long)together * windows.Rows * Model.VocabularySize * sizeof(float);
        var lanes = products is null ? (int)Math.Clamp(_memoryBudget / logitBytes, 1, Math.Min(_threads, open.Length)) : 1;
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var taken = -1;
        var start = System.Diagnostics.Stopwatch.GetTimestamp();

        void RunLane()
        {
            try
            {
                using var lane = new Lane(Model, windows, together, attention, _threads / lanes, products);
                for (var next = Interlocked.Increment(ref taken); next < open.Length; next = Interlocked.Increment(ref taken))
                {
                    var batch = open[next];
                    lane.Evaluate(batch * together, Size(batch), reader, progress, stop.Token);
                    log?.Done(batch * together, Size(batch));
                }
            }
            catch
            {
                stop.Cancel();
                throw;
            }
        }

        var running = Enumerable.Range(0, lanes).Select(_ => Task.Factory.StartNew(RunLane, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default)).ToArray();
        try
        {
            Task.WaitAll(running, CancellationToken.None);
        }
        catch (AggregateException several)
        {
            // The fault that stopped the others, rather than the cancellations that it caused.
            var faults = several.Flatten().InnerExceptions;
            ExceptionDispatchInfo.Throw(faults.FirstOrDefault(e => e is not OperationCanceledException) ?? faults[0]);
        }

        return tokens / System.Diagnostics.Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    /// <inheritdoc/>
    public void Dispose() => Model.Dispose();

    /// <summary>One batch at a time, with a context of its own.</summary>
    private sealed class Lane : IDisposable
    {
        private readonly TokenWindows _windows;
        private readonly int _threads;
        private readonly LlamaContext _context;
        private readonly LlamaBatch _batch;
        private readonly List<(int BatchIndex, int Window, int Row)> _rows = [];

        public Lane(LlamaModel model, TokenWindows windows, int together, LlamaCacheType attention, int threads, ILlamaProductObserver? products)
        {
            _windows = windows;
            _threads = threads;
            var tokens = Math.Min(BatchTokens, windows.Length * together);
            _context = new LlamaContext(model, new LlamaContextOptions
            {
                ContextLength = windows.Length * together,
                Sequences = together,
                BatchSize = tokens,
                MicroBatchSize = Math.Min(MicroBatchTokens, tokens),
                Threads = threads,
                CacheType = attention,
                Products = products,
            });
            _batch = new LlamaBatch(tokens);
        }

        public void Evaluate(int first, int count, RowReader reader, Action<int> progress, CancellationToken cancellation)
        {
            _context.Clear();
            // A window longer than a batch comes in pieces.
            for (var from = 0; from < _windows.Length; from += _batch.Capacity)
            {
                Fill(first, count, from, Math.Min(_windows.Length, from + _batch.Capacity));
                _context.Decode(_batch, cancellation);
                _context.ReadLogits([.. _rows.Select(r => r.BatchIndex)], _threads, (i, logits) => reader(_rows[i].Window, _rows[i].Row, logits));
                progress(_batch.Count);
            }
        }

        public void Dispose()
        {
            _batch.Dispose();
            _context.Dispose();
        }

        private void Fill(int first, int count, int from, int to)
        {
            _batch.Clear();
            _rows.Clear();
            for (var sequence = 0; sequence < count; sequence++)
            {
                var window = _windows[first + sequence];
                for (var position = from; position < to; position++)
                {
                    var row = position - _windows.FirstScored;
                    var scored = row >= 0 && row < _windows.Rows;
                    var index = _batch.Add(window[position], position, sequence, scored);
                    if (scored)
                    {
                        _rows.Add((index, first + sequence, row));
                    }
                }
            }
        }
    }
}
