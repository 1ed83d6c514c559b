using ModelPort.Formats.Gguf;

namespace ModelPort.Planning;

/// <summary>The type of one tensor, and why.</summary>
/// <param name="Type">The type it gets.</param>
/// <param name="Wanted">The type asked for; another one when its rows are no whole blocks of that.</param>
/// <param name="Why">Who asked: the precision's recipe, or the option that overrules it.</param>
public readonly record struct TensorType(GgmlType Type, GgmlType Wanted, string Why)
{
    /// <summary>The recipe of the precision asked.</summary>
    public const string Recipe = "recipe";

    /// <summary>It was chosen for a size.</summary>
    public const string Size = "size";

    /// <summary>Vectors, norms and what operators read as floats: no option changes them.</summary>
    public const string Kept = "kept";
}
