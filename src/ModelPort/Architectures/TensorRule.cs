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

/// <summary>A tensor of the checkpoint and where it goes.</summary>
/// <param name="Source">Its name there; <c>{b}</c> is the block number.</param>
/// <param name="Target">Its name in GGUF.</param>
/// <param name="Shape">Its shape (outermost dimension first) by the hyperparameters.</param>
public sealed record TensorRule(string Source, string Target, Func<Hyperparameters, ImmutableArray<long>> Shape)
{
    /// <summary>Whether it has to be there.</summary>
    public Presence Presence { get; init; } = Presence.Required;

    /// <summary>How its rows move.</summary>
    public Func<Hyperparameters, RowOrder> Rows { get; init; } = _ => RowOrder.AsIs;

    /// <summary>Whether there is one in every block.</summary>
    public bool IsPerBlock => Source.Contains("{b}", StringComparison.Ordinal);

    /// <summary>The same tensor under names of a block.</summary>
    public (string Source, string Target) InBlock(int block)
    {
        var number = block.ToString(System.Globalization.CultureInfo.InvariantCulture);
        return (Source.Replace("{b}", number, StringComparison.Ordinal), Target.Replace("{b}", number, StringComparison.Ordinal));
    }
}

/// <summary>A tensor that is computed from the configuration.</summary>
/// <param name="Target">Its name in GGUF.</param>
/// <param name="Compute">Its F32 values, one-dimensional, or null when this model has none.</param>
public sealed record DerivedTensorRule(string Target, Func<ModelFacts, float[]?> Compute);
