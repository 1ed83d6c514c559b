namespace ModelPort.Engines.LlamaCpp;

/// <summary>How a model file is loaded.</summary>
public sealed record LlamaModelOptions
{
    /// <summary>Loads the header and vocabulary only; no context can be made from such a model.</summary>
    public bool VocabularyOnly { get; init; }

    /// <summary>Reads every tensor and refuses a model that holds NaN or infinity.</summary>
    public bool CheckTensors { get; init; }

    /// <summary>Called with the fraction loaded, 0 to 1, on the loading thread. What it throws ends the load and reaches the caller.</summary>
    public Action<float>? Progress { get; init; }

    /// <summary>Ends the load.</summary>
    public CancellationToken CancellationToken { get; init; }
}
