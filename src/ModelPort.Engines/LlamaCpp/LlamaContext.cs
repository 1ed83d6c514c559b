using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using ModelPort.Engines.LlamaCpp.Native;

namespace ModelPort.Engines.LlamaCpp;

/// <summary>Reads the logits after one token. They are gone once it returns.</summary>
/// <param name="row">Which of the tokens asked for.</param>
/// <param name="logits">As many as the vocabulary has tokens.</param>
public delegate void LogitsReader(int row, ReadOnlySpan<float> logits);

/// <summary>
/// Evaluates a model: holds the attention cache of its sequences and the logits of the last batch. Not safe to use from several threads
/// at once.
/// </summary>
public sealed class LlamaContext : IDisposable
{
    private const int FlashAttentionOff = 0;
    private const int NoRoom = 1;
    private const int Aborted = 2;
    private const int NoMemory = -2;

    private readonly LlamaModel _model;
    private readonly LlamaContextHandle _handle;
    private readonly NativeMemoryHandle _abort;
    private readonly ProductWatch? _watch;
    private readonly int _sequences;
    private readonly bool _shared;
    private bool[] _hasLogits = [];

    /// <summary>Makes a context for a model.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A size is not positive, or there are more sequences than llama.cpp takes.</exception>
    /// <exception cref="InvalidOperationException">Only the model's vocabulary was loaded.</exception>
    /// <exception cref="EngineException">llama.cpp cannot make the context: the memory does not suffice, or the model is an encoder.</exception>
    /// <exception cref="ObjectDisposedException">The model is disposed.</exception>
    public unsafe LlamaContext(LlamaModel model, LlamaContextOptions options)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(options.ContextLength);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(options.BatchSize);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(options.MicroBatchSize);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(options.Threads);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(options.Sequences);
        ArgumentOutOfRangeException.ThrowIfGreaterThan((nuint)options.Sequences, LlamaNative.MaxSequences());
        if (model.VocabularyOnly)
        {
            throw new InvalidOperationException("Only the vocabulary of this model was loaded.");
        }

        _model = model;
        _sequences = options.Sequences;
        _shared = options.Shared;
        _abort = new NativeMemoryHandle(1);
        var held = false;
        try
        {
            model.Handle.DangerousAddRef(ref held);
            if (LlamaNative.ModelHasEncoder(model.Handle) != 0 || LlamaNative.ModelHasDecoder(model.Handle) == 0)
            {
                throw new EngineException(EngineFault.ModelRefused, model.Path, "the model has an encoder", "a model that only decodes", null);
            }

            var parameters = model.Runtime.Libraries.Abi.Context;
            parameters.ContextLength = (uint)options.ContextLength;
            parameters.BatchSize = (uint)options.BatchSize;
            parameters.MicroBatchSize = (uint)options.MicroBatchSize;
            parameters.Sequences = (uint)options.Sequences;
            parameters.UnifiedKeyValues = options.Shared ? (byte)1 : (byte)0;
            parameters.Threads = options.Threads;
            parameters.BatchThreads = options.Threads;
            parameters.KeyType = (int)options.CacheType;
            parameters.ValueType = (int)options.CacheType;
            // Flash attention rounds keys and values to half precision, whatever the cache holds.
            parameters.FlashAttention = options.CacheType == LlamaCacheType.F32 ? FlashAttentionOff : parameters.FlashAttention;
            parameters.NoPerformanceCounters = 0;
            parameters.Abort = &OnAbortAsked;
            parameters.AbortData = (void*)_abort.DangerousGetHandle();
            _watch = options.Products is { } observer ? new ProductWatch(observer, model.Runtime.Libraries.Abi.Tensors, (byte*)_abort.DangerousGetHandle()) : null;
            _watch?.Attach(ref parameters);

            var log = model.Runtime.Log.Position;
            var context = LlamaNative.ContextCreate(model.Handle, parameters);
            if (context == 0)
            {
                var problems = model.Runtime.Log.ProblemsSince(log);
                throw new EngineException(
                    NativeFaults.IsOutOfMemory(problems) ? EngineFault.OutOfMemory : EngineFault.ModelRefused, model.Path,
                    $"llama.cpp cannot make a context of {options.ContextLength} tokens", "a model and sizes that fit",
                    "Ask for a smaller context.", problems);
            }

            _handle = new LlamaContextHandle(context, model.Handle, _abort, _watch);
        }
        catch
        {
            _watch?.Dispose();
            _abort.Dispose();
            if (held)
            {
                model.Handle.DangerousRelease();
            }

            throw;
        }

        ContextLength = (int)LlamaNative.ContextLength(_handle);
        SequenceLength = (int)LlamaNative.ContextLengthPerSequence(_handle);
        BatchSize = (int)LlamaNative.ContextBatchSize(_handle);
    }

    /// <summary>The tokens that the context holds, all sequences together.</summary>
    public int ContextLength { get; }

    /// <summary>The tokens that one sequence may have.</summary>
    public int SequenceLength { get; }

    /// <summary>The most tokens that one batch may have.</summary>
    public int BatchSize { get; }

    /// <summary>Where the time went since the context was made or last cleared of timings.</summary>
    /// <exception cref="ObjectDisposedException">The context is disposed.</exception>
    public LlamaTimings Timings
    {
        get
        {
            var found = LlamaNative.Performance(_handle);
            return new LlamaTimings(
                TimeSpan.FromMilliseconds(found.PromptMilliseconds), found.PromptTokens,
                TimeSpan.FromMilliseconds(found.EvaluationMilliseconds), found.EvaluationTokens);
        }
    }

    /// <summary>Starts the timings anew.</summary>
    /// <exception cref="ObjectDisposedException">The context is disposed.</exception>
    public void ResetTimings() => LlamaNative.PerformanceReset(_handle);

    /// <summary>Forgets all sequences.</summary>
    /// <exception cref="ObjectDisposedException">The context is disposed.</exception>
    public void Clear()
    {
        using var lease = new HandleLease(_handle);
        LlamaNative.MemoryClear(LlamaNative.ContextMemory(_handle), 1);
        _hasLogits = [];
    }

    /// <summary>Evaluates a batch. Positions must continue the sequences. After a failure or a cancellation, <see cref="Clear"/> first.</summary>
    /// <exception cref="ArgumentException">The batch is empty, too large, or names a token, position or sequence that does not exist.</exception>
    /// <exception cref="EngineException">llama.cpp refuses the batch, or the memory does not suffice.</exception>
    /// <exception cref="OperationCanceledException">The evaluation was cancelled.</exception>
    /// <exception cref="ObjectDisposedException">The context or the batch is disposed.</exception>
    /// <remarks>What <see cref="LlamaContextOptions.Products"/> throws comes out here too.</remarks>
    public void Decode(LlamaBatch batch, CancellationToken cancellationToken = default)
    {
        using var context = new HandleLease(_handle);
        using var memory = batch.Lease();
        var arrays = batch.Arrays(memory.Pointer);
        Check(arrays);
        cancellationToken.ThrowIfCancellationRequested();

        _hasLogits = [];
        var log = _model.Runtime.Log.Position;
        int result;
        using (cancellationToken.UnsafeRegister(static state => ((LlamaContext)state!).SetAbort(1), this))
        {
            result = LlamaNative.Decode(_handle, arrays);
        }

        SetAbort(0);
        _watch?.ThrowIfFailed();
        if (result == 0)
        {
            _hasLogits = Wishes(arrays);
            return;
        }

        if (result == Aborted)
        {
            throw new OperationCanceledException(cancellationToken);
        }

        var problems = _model.Runtime.Log.ProblemsSince(log);
        throw result switch
        {
            NoRoom => new EngineException(
                EngineFault.DecodeFailed, _model.Path, $"no room for {arrays.Count} more tokens", $"at most {SequenceLength} tokens a sequence",
                "Make a larger context, or clear it.", problems),
            NoMemory => new EngineException(
                EngineFault.OutOfMemory, _model.Path, $"no memory to evaluate {arrays.Count} tokens", "enough memory",
                "Use smaller batches.", problems),
            _ => new EngineException(
                EngineFault.DecodeFailed, _model.Path, $"llama.cpp refuses the batch ({result})", "positions that continue their sequences",
                null, problems),
        };
    }

    /// <summary>
    /// The logits after a token of the last batch: as many as the vocabulary has tokens. They lie in native memory: read or copy them before
    /// the next <see cref="Decode"/>, and before the context is disposed.
    /// </summary>
    /// <param name="batchIndex">What <see cref="LlamaBatch.Add"/> returned.</param>
    /// <exception cref="ArgumentOutOfRangeException">No logits were asked for at this index, or the last batch failed.</exception>
    /// <exception cref="ObjectDisposedException">The context is disposed.</exception>
    public unsafe ReadOnlySpan<float> Logits(int batchIndex)
    {
        using var lease = new HandleLease(_handle);
        if ((uint)batchIndex >= (uint)_hasLogits.Length || !_hasLogits[batchIndex])
        {
            throw new ArgumentOutOfRangeException(nameof(batchIndex), batchIndex, "The last batch asked for no logits there.");
        }

        var logits = LlamaNative.Logits(_handle, batchIndex);
        return logits is null
            ? throw new EngineException(EngineFault.DecodeFailed, _model.Path, $"llama.cpp has no logits at {batchIndex}", "logits", null)
            : new ReadOnlySpan<float>(logits, _model.VocabularySize);
    }

    /// <summary>
    /// Hands the logits after several tokens of the last batch to a reader, on several threads and where they lie: the fastest way to reduce a batch.
    /// </summary>
    /// <param name="batchIndices">What <see cref="LlamaBatch.Add"/> returned for the tokens.</param>
    /// <param name="threads">At most this many threads read.</param>
    /// <param name="reader">Called once for each token, with its place in <paramref name="batchIndices"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">No logits were asked for at an index, or the last batch failed.</exception>
    /// <exception cref="ObjectDisposedException">The context is disposed.</exception>
    public unsafe void ReadLogits(ReadOnlySpan<int> batchIndices, int threads, LogitsReader reader)
    {
        using var lease = new HandleLease(_handle);
        var rows = new nint[batchIndices.Length];
        for (var i = 0; i < rows.Length; i++)
        {
            // Asking may put the rows in order inside the library, so one thread asks for all.
            fixed (float* row = Logits(batchIndices[i]))
            {
                rows[i] = (nint)row;
            }
        }

        try
        {
            Parallel.For(0, rows.Length, new ParallelOptions { MaxDegreeOfParallelism = threads }, i => reader(i, new ReadOnlySpan<float>((float*)rows[i], _model.VocabularySize)));
        }
        catch (AggregateException several)
        {
            // One fault is enough to say; those of other threads are of the same kind.
            ExceptionDispatchInfo.Capture(several.Flatten().InnerExceptions[0]).Throw();
        }
    }

    /// <summary>Frees the context. Logits taken from it are gone.</summary>
    public void Dispose() => _handle.Dispose();

    // The library asserts some of these, which would end the process.
    private unsafe void Check(LlamaNativeBatch batch)
    {
        if (batch.Count == 0 || batch.Count > BatchSize)
        {
            throw new ArgumentException($"The batch has {batch.Count} tokens; this context takes 1 to {BatchSize}.", nameof(batch));
        }

        for (var i = 0; i < batch.Count; i++)
        {
            if ((uint)batch.Tokens[i] >= (uint)_model.VocabularySize)
            {
                throw new ArgumentException(
                    $"Token {batch.Tokens[i]} at {i} is not in the vocabulary of {_model.VocabularySize}.", nameof(batch));
            }

            // The ids of a token's sequences ascend one by one.
            var last = batch.Sequences[i][batch.SequenceCounts[i] - 1];
            if ((uint)last >= (uint)_sequences)
            {
                throw new ArgumentException($"Sequence {last} at {i} does not exist; this context has {_sequences}.", nameof(batch));
            }

            if (batch.SequenceCounts[i] > 1 && !_shared)
            {
                throw new ArgumentException($"The token at {i} belongs to several sequences; those of this context are not shared.", nameof(batch));
            }

            if ((uint)batch.Positions[i] >= (uint)SequenceLength)
            {
                throw new ArgumentException(
                    $"Position {batch.Positions[i]} at {i} is outside the {SequenceLength} tokens of a sequence.", nameof(batch));
            }
        }
    }

    private static unsafe bool[] Wishes(LlamaNativeBatch batch)
    {
        var wishes = new bool[batch.Count];
        for (var i = 0; i < wishes.Length; i++)
        {
            wishes[i] = batch.Logits[i] != 0;
        }

        return wishes;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static unsafe byte OnAbortAsked(void* data) => Volatile.Read(ref *(byte*)data);

    // The library looks at the flag between graph nodes, from its own threads.
    private unsafe void SetAbort(byte value) => Volatile.Write(ref *(byte*)_abort.DangerousGetHandle(), value);
}
