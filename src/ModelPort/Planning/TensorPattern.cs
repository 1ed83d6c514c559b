using System.Text.RegularExpressions;
using ModelPort.Diagnostics;
using ModelPort.Formats.Gguf;

namespace ModelPort.Planning;

/// <summary>An entry of <c>TensorPrecision</c>: the type of the tensors whose GGUF name a regular expression is found in.</summary>
public sealed class TensorPattern
{
    private readonly NamePattern _pattern;

    private TensorPattern(string text, NamePattern pattern, GgmlType type)
    {
        Text = text;
        _pattern = pattern;
        Type = type;
    }

    /// <summary>The expression as the user wrote it.</summary>
    public string Text { get; }

    /// <summary>The type.</summary>
    public GgmlType Type { get; }

    /// <summary>Reads a list such as <c>attn_v=Q6_K;blk\.[0-3]\.ffn_down=Q5_K</c>.</summary>
    /// <param name="list">Entries with <c>;</c> or line ends between them; the last <c>=</c> of an entry stands before the type.</param>
    /// <param name="file">The file an error points at.</param>
    /// <exception cref="ModelPortException">MP1040: an entry is none, or its pattern cannot be used; MP1041, MP1027: its type cannot.</exception>
    public static IReadOnlyList<TensorPattern> ParseList(string list, string file) =>
        [.. list.Split([';', '\n'], StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(e => Parse(e, file))];

    /// <summary>Whether the expression is found in a name.</summary>
    /// <exception cref="ModelPortException">MP1040: the search takes too long.</exception>
    public bool Matches(string name)
    {
        try
        {
            return _pattern.IsIn(name);
        }
        catch (RegexMatchTimeoutException e)
        {
            throw new ModelPortException(Diagnose.TensorPattern("", ToString(), $"searching '{name}' for it takes too long"), e);
        }
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Text}={GgmlTypes.Name(Type)}";

    private static TensorPattern Parse(string entry, string file)
    {
        var equals = entry.LastIndexOf('=');
        if (equals < 0)
        {
            throw new ModelPortException(Diagnose.TensorPattern(file, entry, "there is no '='"));
        }

        var text = entry[..equals].TrimEnd();
        var pattern = NamePattern.TryParse(text, out var fault) ?? throw new ModelPortException(Diagnose.TensorPattern(file, entry, fault));
        return new TensorPattern(text, pattern, TensorTypes.Parse(entry[(equals + 1)..].TrimStart(), file));
    }
}
