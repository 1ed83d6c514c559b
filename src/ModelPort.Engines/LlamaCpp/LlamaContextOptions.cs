namespace ModelPort.Engines.LlamaCpp;

/// <summary>The precision of attention.</summary>
public enum LlamaCacheType
{
    /// <summary>Keys and values in 32-bit float, without flash attention, which would round them: the model's own numbers.</summary>
    F32 = 0,

    /// <summary>Keys and values in 16-bit float, with flash attention where the model allows it: what applications run.</summary>
    F16 = 1,
}

/// <summary>How a context is made.</summary>
public sealed record LlamaContextOptions
{
    /// <summary>The tokens that the context holds, all sequences together; llama.cpp rounds up to a multiple of 256 a sequence.</summary>
    public int ContextLength { get; init; } = 512;

    /// <summary>The most tokens that one <see cref="LlamaContext.Decode"/> takes.</summary>
    public int BatchSize { get; init; } = 2048;

    /// <summary>The most tokens that are evaluated at once; it bounds the working memory, and results depend on it in their last digits.</summary>
    public int MicroBatchSize { get; init; } = 512;

    /// <summary>The number of independent sequences. Each gets an equal share of <see cref="ContextLength"/>, unless they are <see cref="Shared"/>.</summary>
    public int Sequences { get; init; } = 1;

    /// <summary>
    /// Whether all sequences lie in one cache, where a token may belong to several of them (<see cref="LlamaBatch.AddShared"/>): a
    /// beginning that they have in common is then evaluated and kept once. A sequence may be as long as the context.
    /// </summary>
    public bool Shared { get; init; }

    /// <summary>
    /// The number of threads that evaluate. llama.cpp's threads wait for each other by spinning: more threads than free cores cost far
    /// more time than they save.
    /// </summary>
    public int Threads { get; init; } = Environment.ProcessorCount;

    /// <summary>The precision of attention. Comparison with another engine's numbers wants <see cref="LlamaCacheType.F32"/>.</summary>
    public LlamaCacheType CacheType { get; init; } = LlamaCacheType.F16;

    /// <summary>Who sees the inputs of the products with weights, if anybody.</summary>
    public ILlamaProductObserver? Products { get; init; }
}
