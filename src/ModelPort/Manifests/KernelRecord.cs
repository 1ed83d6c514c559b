namespace ModelPort.Manifests;

/// <summary>
/// Which operators a model and its port are made of: in their files, and as ONNX Runtime rewrites them for an application before they run, up to its level
/// "extended". Weights of half floats that are converted once, when the model is loaded, do not count as running. Operators of other sets than the standard
/// one have the set's name before theirs.
/// </summary>
public sealed record KernelRecord
{
    /// <summary>The level at which the port's graph was rewritten when it was made, basic or extended; null when it was not.</summary>
    public string? Optimized { get; init; }

    /// <summary>How many nodes of each operator the source's file has.</summary>
    public required IReadOnlyDictionary<string, int> Source { get; init; }

    /// <summary>How many the port's file has.</summary>
    public required IReadOnlyDictionary<string, int> Port { get; init; }

    /// <summary>How many run when the source is loaded; null when that is not known.</summary>
    public IReadOnlyDictionary<string, int>? SourceRuns { get; init; }

    /// <summary>How many run when the port is loaded; null when that is not known.</summary>
    public IReadOnlyDictionary<string, int>? PortRuns { get; init; }

    /// <summary>Nodes of the port that run, and cost what the precision was to save: conversions, and what has no kernel of the precision.</summary>
    public IReadOnlyList<UnfusedRecord> Unfused { get; init; } = [];

    /// <summary>Why it is not known what runs; null when it is.</summary>
    public string? NotKnown { get; init; }
}

/// <summary>Nodes that no kernel of the precision was found for.</summary>
/// <param name="What">What they are instead.</param>
/// <param name="Nodes">Their names, or operators and first outputs.</param>
public sealed record UnfusedRecord(string What, IReadOnlyList<string> Nodes)
{
    private const int MostNamed = 3;

    /// <summary>The same in words: what, how many, and a few by name.</summary>
    public override string ToString() => string.Create(
        System.Globalization.CultureInfo.InvariantCulture,
        $"{What}: {Nodes.Count} ({string.Join(", ", Nodes.Take(MostNamed).Select(n => $"'{n}'"))}{(Nodes.Count > MostNamed ? " and others" : "")})");
}
