using ModelPort.Engines.LlamaCpp;

namespace ModelPort.Parity;

/// <summary>A model that is evaluated window by window: one batch a window, logits read where a prediction is scored.</summary>
internal sealed class Evaluator : IDisposable
{
    private readonly LlamaModel _model;
    private readonly LlamaContext _context;
    private readonly LlamaBatch _batch;
    private readonly Dictionary<int, int> _batchIndex = [];

    /// <summary>Loads a model for windows of a length.</summary>
    /// <param name="runtime">llama.cpp.</param>
    /// <param name="path">The GGUF file.</param>
    /// <param name="threads">Threads that compute.</param>
    /// <param name="length">Tokens in a window; null for <see cref="EvaluationWindows.Default"/>.</param>
    /// <param name="exact">Whether to avoid what rounds on the way (a 16-bit cache, fused attention), for comparison with a reference.</param>
    /// <param name="cancellation">Stops the load.</param>
    public Evaluator(LlamaRuntime runtime, string path, int threads, int? length, bool exact, CancellationToken cancellation)
    {
        _model = LlamaModel.Load(runtime, path, new LlamaModelOptions { CancellationToken = cancellation });
        try
        {
            Length = length ?? EvaluationWindows.Default(_model.TrainingContextLength).Length;
            _context = new LlamaContext(_model, new LlamaContextOptions
            {
                ContextLength = Length,
                BatchSize = Length,
                MicroBatchSize = Length,
                // llama.cpp's threads wait for each other by spinning: more of them than cores never come to an end.
                Threads = Math.Min(threads, Environment.ProcessorCount),
                CacheType = exact ? LlamaCacheType.F32 : LlamaCacheType.F16,
            });
            _batch = new LlamaBatch(Length);
        }
        catch
        {
            _context?.Dispose();
            _model.Dispose();
            throw;
        }
    }

    /// <summary>Tokens in a window.</summary>
    public int Length { get; }

    /// <summary>The model.</summary>
    public LlamaModel Model => _model;

    /// <summary>Time spent decoding.</summary>
    public TimeSpan Elapsed { get; private set; }

    /// <summary>Tokens decoded.</summary>
    public long Tokens { get; private set; }

    /// <summary>Tokens decoded a second.</summary>
    public double TokensPerSecond => Elapsed > TimeSpan.Zero ? Tokens / Elapsed.TotalSeconds : 0;

    /// <summary>Evaluates a window; then <see cref="Logits"/> are there for positions from <paramref name="firstScored"/> on.</summary>
    public void Decode(ReadOnlySpan<int> tokens, int firstScored, CancellationToken cancellation)
    {
        _context.Clear();
        _batch.Clear();
        _batchIndex.Clear();
        for (var position = 0; position < tokens.Length; position++)
        {
            _batchIndex[position] = _batch.Add(tokens[position], position, 0, position >= firstScored);
        }

        var start = System.Diagnostics.Stopwatch.GetTimestamp();
        _context.Decode(_batch, cancellation);
        Elapsed += System.Diagnostics.Stopwatch.GetElapsedTime(start);
        Tokens += tokens.Length;
    }

    /// <summary>The logits at a scored position; valid until the next window.</summary>
    public ReadOnlySpan<float> Logits(int position) => _context.Logits(_batchIndex[position]);

    /// <inheritdoc/>
    public void Dispose()
    {
        _batch.Dispose();
        _context.Dispose();
        _model.Dispose();
    }
}
