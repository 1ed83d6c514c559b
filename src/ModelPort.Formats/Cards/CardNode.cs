using System.Collections.Immutable;

namespace ModelPort.Formats.Cards;

/// <summary>
/// A node of a model card's YAML: a text, a list or a mapping. YAML's own types are not applied, so that "no" stays Norwegian.
/// </summary>
public sealed class CardNode
{
    internal CardNode(int line, string? text = null)
    {
        Line = line;
        Text = text;
    }

    /// <summary>The line of the file where the node begins, counted from 1.</summary>
    public int Line { get; }

    /// <summary>The text of a scalar; null for lists, mappings and YAML's null (nothing, "null" or "~" without quotes).</summary>
    public string? Text { get; }

    /// <summary>The items of a list; none for other nodes.</summary>
    public ImmutableArray<CardNode> Items { get; internal set; } = [];

    /// <summary>The entries of a mapping in file order; none for other nodes.</summary>
    public IReadOnlyDictionary<string, CardNode> Members { get; internal set; } = ImmutableDictionary<string, CardNode>.Empty;
}
