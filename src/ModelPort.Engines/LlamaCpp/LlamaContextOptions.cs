namespace ModelPort.Engines.LlamaCpp;

/// <summary>The number format of the attention cache.</summary>
public enum LlamaCacheType
{
    /// <summary>32-bit float: the model's own numbers.</summary>
    F32 = 0,

    /// <summary>16-bit float, llama.cpp's default.</summary>
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

    /// <summary>The number of independent sequences. Each gets an equal share of <see cref="ContextLength"/>.</summary>
    public int Sequences { get; init; } = 1;

    /// <summary>The number of threads that evaluate.</summary>
    public int Threads { get; init; } = Environment.ProcessorCount;

    /// <summary>The number format of cached keys and values. Validation against a reference wants <see cref="LlamaCacheType.F32"/>.</summary>
    public LlamaCacheType CacheType { get; init; } = LlamaCacheType.F16;

    /// <summary>
    /// Whether attention is fused (llama.cpp decides by itself when it is left open). The fused kernel rounds to 16 bits on the way, which
    /// validation against a reference does not want.
    /// </summary>
    public bool? FlashAttention { get; init; }
}
