namespace ModelPort.Engines.OnnxRuntime;

/// <summary>How far ONNX Runtime may rewrite a graph before it runs it.</summary>
public enum GraphOptimization
{
    /// <summary>Not at all: every node runs as the file has it. What models are compared with.</summary>
    None,

    /// <summary>Constants folded, nodes without effect removed; any runtime can read the result.</summary>
    Basic,

    /// <summary>Nodes fused into ONNX Runtime's own operators; the result runs on any processor.</summary>
    Extended,

    /// <summary>Everything, also what depends on this processor's vector width. What an application gets by default.</summary>
    All,
}

/// <summary>How a model is loaded and run.</summary>
public sealed record OnnxSessionOptions
{
    /// <summary>How far the graph may be rewritten.</summary>
    public GraphOptimization Optimization { get; init; } = GraphOptimization.None;

    /// <summary>Threads inside an operator; 0 for as many as there are cores.</summary>
    public int Threads { get; init; }

    /// <summary>Where the rewritten graph is saved, or null.</summary>
    public string? OptimizedModelPath { get; init; }

    /// <summary>Values for dimensions that the model leaves open, by their names.</summary>
    public IReadOnlyDictionary<string, long> Dimensions { get; init; } = new Dictionary<string, long>();

    /// <summary>Further entries of ONNX Runtime's session configuration, such as "session.disable_quant_qdq".</summary>
    public IReadOnlyDictionary<string, string> Entries { get; init; } = new Dictionary<string, string>();

    /// <summary>Where a profile of every run is written when the session ends (Chrome trace events), without its end; or null.</summary>
    public string? ProfilePrefix { get; init; }
}
