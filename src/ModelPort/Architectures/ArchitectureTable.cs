using ModelPort.Checkpoints;

namespace ModelPort.Architectures;

/// <summary>
/// How one family of checkpoints becomes a GGUF model: the class names it serves, the header keys with their sources, the tensor names with their
/// transforms and shapes, and what else must hold. A family is one file that fills this table; the registry finds it by itself.
/// </summary>
public sealed record ArchitectureTable
{
    /// <summary>The value of <c>general.architecture</c>, by which llama.cpp picks its graph.</summary>
    public required string Name { get; init; }

    /// <summary>The class names of "architectures" in config.json that this table serves.</summary>
    public required IReadOnlyList<string> ClassNames { get; init; }

    /// <summary>What the family means by keys that its config.json leaves out.</summary>
    public ConfigDefaults Defaults { get; init; } = new();

    /// <summary>Whether the feed-forward layer is a mixture of experts.</summary>
    public bool HasExperts { get; init; }

    /// <summary>The architecture's header keys, in the order they are written.</summary>
    public required IReadOnlyList<HeaderRule> Header { get; init; }

    /// <summary>The tensors of the checkpoint and where they go. <c>{b}</c> stands for the block number.</summary>
    public required IReadOnlyList<TensorRule> Tensors { get; init; }

    /// <summary>Tensors that are computed from the configuration; they stand before all others.</summary>
    public IReadOnlyList<DerivedTensorRule> Derived { get; init; } = [];

    /// <summary>What must hold for the graph to compute what the source computes.</summary>
    public IReadOnlyList<ConfigCheck> Checks { get; init; } = [];

    /// <summary>Which tokenizer files are looked at, the first that applies wins.</summary>
    public required IReadOnlyList<TokenizerKind> Tokenizers { get; init; }
}

/// <summary>The values that the transformers library gives to keys a config.json leaves out; those of Llama unless a family says otherwise.</summary>
public sealed record ConfigDefaults
{
    /// <summary>Key and value heads; null for as many as there are query heads.</summary>
    public int? KeyValueHeads { get; init; }

    /// <summary>Width of a head; null for the share that it has of the residual stream.</summary>
    public long? HeadDimension { get; init; }

    /// <summary>The base of the rotary frequencies.</summary>
    public double RotaryTheta { get; init; } = 10_000;

    /// <summary>What RMS norms add to the mean square.</summary>
    public double NormEpsilon { get; init; } = 1e-6;
}

/// <summary>How a vocabulary is stored in GGUF.</summary>
public enum TokenizerKind
{
    /// <summary>SentencePiece pieces with scores, from tokenizer.model.</summary>
    SentencePiece,

    /// <summary>SentencePiece pieces from a tokenizer.json with byte fallback.</summary>
    SentencePieceFromJson,

    /// <summary>Byte-level BPE from tokenizer.json.</summary>
    ByteLevelBpe,
}

/// <summary>What a rule can ask about the model that is planned.</summary>
/// <param name="Checkpoint">The source.</param>
/// <param name="Numbers">Its hyperparameters.</param>
/// <param name="Config">Its configuration, for keys that are not among them.</param>
public sealed record ModelFacts(Checkpoint Checkpoint, Hyperparameters Numbers, ConfigReader Config);
