namespace ModelPort.Engines.LlamaCpp;

/// <summary>How llama.cpp is loaded into the process.</summary>
public sealed record LlamaRuntimeOptions
{
    /// <summary>
    /// The CPU back-end to use ("x64", "haswell", "zen4", ...), for results that do not depend on the processor; null for the best.
    /// </summary>
    public string? CpuBackend { get; init; }
}
