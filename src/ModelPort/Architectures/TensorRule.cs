using System.Collections.Immutable;

namespace ModelPort.Architectures;

/// <summary>Whether a tensor has to be there.</summary>
public enum Presence
{
    /// <summary>The model is incomplete without it.</summary>
    Required,

    /// <summary>Carried when it is there.</summary>
    Optional,

    /// <summary>Required unless the embeddings are tied.</summary>
    RequiredUnlessTied,
}

/// <summary>How the rows of a tensor move on their way into GGUF.</summary>
public abstract record RowOrder
{
    /// <summary>Rows stay where they are.</summary>
    public static readonly RowOrder AsIs = new Identity();

    /// <summary>
    /// The rows of each head, stored by transformers as two halves (rotate-half), are interleaved as llama.cpp's llama graph rotates neighbours:
    /// row 2i+k of a head is row k*d/2+i of the source head (d rows a head, k in {0, 1}).
    /// </summary>
    /// <param name="Heads">Number of heads the rows divide into.</param>
    public sealed record InterleaveHalves(int Heads) : RowOrder;

    private sealed record Identity : RowOrder;
}

/// <summary>The rows of a matrix that a rule takes: one of several equal runs.</summary>
/// <param name="Index">Which one.</param>
/// <param name="Count">How many there are.</param>
public readonly record struct RowShare(int Index, int Count)
{
    /// <summary>All rows.</summary>
    public static readonly RowShare All = new(0, 1);
}

/// <summary>A tensor of the checkpoint and where it goes.</summary>
/// <param name="Source">
/// Its name there; <c>{b}</c> is the block number, <c>{e}</c> the expert's: tensors of all experts are stacked into one of the output, expert by expert.
/// </param>
/// <param name="Target">Its name in GGUF. Several rules with one target are forms of which a checkpoint has one.</param>
/// <param name="Shape">Its shape in the checkpoint (outermost dimension first) by the hyperparameters.</param>
public sealed record TensorRule(string Source, string Target, Func<Hyperparameters, ImmutableArray<long>> Shape)
{
    /// <summary>Whether it has to be there.</summary>
    public Presence Presence { get; init; } = Presence.Required;

    /// <summary>How its rows move.</summary>
    public Func<Hyperparameters, RowOrder> Rows { get; init; } = _ => RowOrder.AsIs;

    /// <summary>Which rows of each of its matrices the target gets, when several targets are stored as one tensor.</summary>
    public RowShare Share { get; init; } = RowShare.All;

    /// <summary>Whether there is one in every block.</summary>
    public bool IsPerBlock => Source.Contains("{b}", StringComparison.Ordinal);

    /// <summary>Whether there is one for every expert of a block.</summary>
    public bool IsPerExpert => Source.Contains("{e}", StringComparison.Ordinal);

    /// <summary>The name in the checkpoint for a block and an expert.</summary>
    public string SourceIn(int block, int expert) => Source.Replace("{b}", Number(block), StringComparison.Ordinal).Replace("{e}", Number(expert), StringComparison.Ordinal);

    /// <summary>The name in GGUF for a block.</summary>
    public string TargetIn(int block) => Target.Replace("{b}", Number(block), StringComparison.Ordinal);

    private static string Number(int value) => value.ToString(System.Globalization.CultureInfo.InvariantCulture);
}

/// <summary>A tensor that is computed from the configuration.</summary>
/// <param name="Target">Its name in GGUF.</param>
/// <param name="Compute">Its F32 values, one-dimensional, or null when this model has none.</param>
public sealed record DerivedTensorRule(string Target, Func<ModelFacts, float[]?> Compute);
