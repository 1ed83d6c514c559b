namespace ModelPort.Engines.LlamaCpp;

/// <summary>How llama.cpp quantises a whole file. Types are numbers of enum ggml_type.</summary>
public sealed record LlamaFileQuantizerOptions
{
    /// <summary>The number of threads.</summary>
    public int Threads { get; init; } = Environment.ProcessorCount;

    /// <summary>Gives every quantisable tensor the file type's own type instead of llama.cpp's mixture.</summary>
    public bool Pure { get; init; }

    /// <summary>Takes a source that is quantised already.</summary>
    public bool AllowRequantize { get; init; }

    /// <summary>Importance values by tensor name: one a column, for each matrix of the tensor.</summary>
    public IReadOnlyDictionary<string, float[]> Importance { get; init; } = new Dictionary<string, float[]>();

    /// <summary>Types for tensors whose name a C++ regular expression matches; the first match counts.</summary>
    public IReadOnlyList<(string Pattern, int GgmlType)> TensorTypes { get; init; } = [];

    /// <summary>The type of output.weight, or null for llama.cpp's choice.</summary>
    public int? OutputType { get; init; }

    /// <summary>The type of token_embd.weight, or null for llama.cpp's choice.</summary>
    public int? EmbeddingType { get; init; }
}
