using System.Buffers;
using System.Globalization;
using System.Text;
using ModelPort.Formats.Tokenizers;
using ModelPort.Tokenizers.Patterns;

namespace ModelPort.Tokenizers.Pipeline;

/// <summary>Finds added tokens in a text: of those that begin leftmost the longest, and on behind it.</summary>
internal sealed class AddedTokenMatcher
{
    // A token that is longer is no token but an attempt to make the search slow.
    private const int LongestContent = 1000;

    private readonly SearchValues<string> _contents;
    private readonly Dictionary<char, Entry[]> _entries;

    /// <summary>Takes the tokens to look for.</summary>
    /// <param name="tokens">The tokens, each with the text that it matches.</param>
    /// <exception cref="TokenizerUncheckedException">Two tokens match the same text, or one is absurdly long.</exception>
    public AddedTokenMatcher(IReadOnlyCollection<(AddedToken Token, string Content)> tokens)
    {
        if (tokens.FirstOrDefault(t => t.Content.Length > LongestContent) is { Token: { } endless })
        {
            throw new TokenizerUncheckedException($"added token {endless.Id}", $"its text has more than {LongestContent} characters");
        }

        if (tokens.GroupBy(t => t.Content, StringComparer.Ordinal).FirstOrDefault(g => g.Count() > 1) is { } same)
        {
            throw new TokenizerUncheckedException($"added tokens {string.Join(" and ", same.Select(t => t.Token.Id))}", "they match the same text");
        }

        _contents = SearchValues.Create([.. tokens.Select(t => t.Content)], StringComparison.Ordinal);
        _entries = tokens.GroupBy(t => t.Content[0]).ToDictionary(
            g => g.Key, g => g.OrderByDescending(t => t.Content.Length).Select(t => new Entry(t.Token, t.Content)).ToArray());
    }

    /// <summary>Adds the tokens of a piece, and the text between them.</summary>
    public void Split(Piece piece, List<Piece> parts)
    {
        var text = piece.Text.Span;
        var done = 0;
        for (var position = 0; text[position..].IndexOfAny(_contents) is var found and >= 0;)
        {
            var start = position + found;
            var entry = LongestAt(text[start..]);
            var end = position = start + entry.Content.Length;
            if (entry.Token.SingleWord && (EndsWithWord(text[..start]) || StartsWithWord(text[end..])))
            {
                continue;
            }

            if (entry.Token.LeftStrip)
            {
                // Never into what the token before has taken.
                start = Math.Max(text[..start].TrimEnd().Length, done);
            }

            if (entry.Token.RightStrip)
            {
                end = text.Length - text[end..].TrimStart().Length;
            }

            if (done < start)
            {
                parts.Add(piece.Slice(done, start));
            }

            parts.Add(piece.Slice(start, end) with { Token = entry.Token.Id });
            done = end;
        }

        if (done != text.Length)
        {
            parts.Add(piece.Slice(done, text.Length));
        }
    }

    private Entry LongestAt(ReadOnlySpan<char> text)
    {
        foreach (var entry in _entries[text[0]])
        {
            if (text.StartsWith(entry.Content, StringComparison.Ordinal))
            {
                return entry;
            }
        }

        throw new InvalidOperationException(string.Create(CultureInfo.InvariantCulture, $"No added token begins with U+{(int)text[0]:X4}."));
    }

    private static bool EndsWithWord(ReadOnlySpan<char> text) =>
        Rune.DecodeLastFromUtf16(text, out var rune, out _) == OperationStatus.Done && CharacterClasses.IsWord(rune);

    private static bool StartsWithWord(ReadOnlySpan<char> text) =>
        Rune.DecodeFromUtf16(text, out var rune, out _) == OperationStatus.Done && CharacterClasses.IsWord(rune);

    private readonly record struct Entry(AddedToken Token, string Content);
}
