using System.Text;

namespace ModelPort.Tokenizers.Patterns;

/// <summary>A text that is looked for as it stands.</summary>
internal sealed class LiteralPattern(string literal) : ITextPattern
{
    /// <inheritdoc/>
    public void Find(ReadOnlySpan<char> text, List<(int Start, int End)> matches)
    {
        for (var start = 0; text[start..].IndexOf(literal, StringComparison.Ordinal) is var found and >= 0; start += found + literal.Length)
        {
            matches.Add((start + found, start + found + literal.Length));
        }
    }
}

/// <summary>Single characters of a kind.</summary>
internal sealed class CharacterPattern(Func<Rune, bool> isMatch) : ITextPattern
{
    /// <inheritdoc/>
    public void Find(ReadOnlySpan<char> text, List<(int Start, int End)> matches)
    {
        var start = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            if (isMatch(rune))
            {
                matches.Add((start, start + rune.Utf16SequenceLength));
            }

            start += rune.Utf16SequenceLength;
        }
    }
}
