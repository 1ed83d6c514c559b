using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace ModelPort.Tokenizers.Patterns;

/// <summary>
/// A regular expression with Oniguruma's characters and .NET's engine. .NET's own classes see halves of surrogate pairs, fold case by other tables and
/// lack set operations. So each character of the text is replaced with a symbol for its kind, the characters that no set of the pattern tells apart
/// being of one kind, and the pattern is written over these symbols.
/// </summary>
internal sealed class RegexPattern : ITextPattern
{
    private const char FirstSymbol = '\u4E00';
    private const int MostSets = 128;
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(10);

    private readonly string _pattern;
    private readonly Regex _regex;
    private readonly int[] _bounds;
    private readonly char[,] _symbols;
    private readonly char[] _known = new char[char.MaxValue + 1];

    /// <summary>Reads a pattern.</summary>
    /// <param name="pattern">The pattern.</param>
    /// <param name="longest">How long one search may take; 10 s when not given.</param>
    /// <exception cref="TokenizerUncheckedException">A part of it is not reproduced exactly.</exception>
    public RegexPattern(string pattern, TimeSpan? longest = null)
    {
        _pattern = pattern;
        var (root, sets) = PatternParser.Parse(pattern);
        if (sets.Count > MostSets)
        {
            throw Refuse("it tells too many kinds of characters apart");
        }

        _bounds = [.. sets.SelectMany(s => s.Bounds).Append(0).Distinct().Order()];
        _symbols = new char[_bounds.Length, (int)UnicodeCategory.OtherNotAssigned + 1];
        var members = Number(sets);
        var text = new StringBuilder();
        root.Render(text, [.. members.Select(Spell)]);
        try
        {
            _regex = new Regex(text.ToString(), RegexOptions.CultureInvariant, longest ?? Longest);
        }
        catch (RegexParseException e)
        {
            throw Refuse($".NET cannot run it: {e.Message}", e);
        }
    }

    /// <inheritdoc/>
    public void Find(ReadOnlySpan<char> text, List<(int Start, int End)> matches)
    {
        var symbols = ArrayPool<char>.Shared.Rent(text.Length);
        var starts = text.IndexOfAnyInRange('\uD800', '\uDFFF') < 0 ? null : ArrayPool<int>.Shared.Rent(text.Length + 1);
        try
        {
            var count = Translate(text, symbols, starts);
            foreach (var match in _regex.EnumerateMatches(symbols.AsSpan(0, count)))
            {
                var (start, end) = (match.Index, match.Index + match.Length);
                matches.Add(starts is null ? (start, end) : (starts[start], starts[end]));
            }
        }
        catch (RegexMatchTimeoutException e)
        {
            throw Refuse(string.Create(CultureInfo.InvariantCulture, $"it takes longer than {_regex.MatchTimeout.TotalSeconds} s on a text of {text.Length} characters"), e);
        }
        finally
        {
            ArrayPool<char>.Shared.Return(symbols);
            if (starts is not null)
            {
                ArrayPool<int>.Shared.Return(starts);
            }
        }
    }

    /// <summary>Gives each combination of sets that a character can be in a symbol; returns the symbols in each set.</summary>
    private List<char>[] Number(IReadOnlyList<CharacterSet> sets)
    {
        var members = sets.Select(_ => new List<char>()).ToArray();
        var known = new Dictionary<UInt128, char>();
        for (var stretch = 0; stretch < _bounds.Length; stretch++)
        {
            for (var category = UnicodeCategory.UppercaseLetter; category <= UnicodeCategory.OtherNotAssigned; category++)
            {
                var signature = UInt128.Zero;
                for (var set = 0; set < sets.Count; set++)
                {
                    signature |= sets[set].Contains(_bounds[stretch], category) ? UInt128.One << set : UInt128.Zero;
                }

                if (!known.TryGetValue(signature, out var symbol))
                {
                    symbol = (char)(FirstSymbol + known.Count);
                    known.Add(signature, symbol);
                    for (var set = 0; set < sets.Count; set++)
                    {
                        if ((signature >> set & 1) != 0)
                        {
                            members[set].Add(symbol);
                        }
                    }
                }

                _symbols[stretch, (int)category] = symbol;
            }
        }

        return members;
    }

    private static string Spell(List<char> symbols) => symbols.Count == 0 ? @"[^\s\S]" : $"[{string.Concat(symbols)}]";

    private int Translate(ReadOnlySpan<char> text, Span<char> symbols, int[]? starts)
    {
        var count = 0;
        for (var position = 0; position < text.Length; count++)
        {
            starts?[count] = position;
            if (char.IsHighSurrogate(text[position]))
            {
                symbols[count] = Classify(char.ConvertToUtf32(text[position], text[position + 1]));
                position += 2;
            }
            else
            {
                ref var symbol = ref _known[text[position]];
                if (symbol == 0)
                {
                    symbol = Classify(text[position]);
                }

                symbols[count] = symbol;
                position++;
            }
        }

        starts?[count] = text.Length;
        return count;
    }

    private char Classify(int codePoint)
    {
        var stretch = Array.BinarySearch(_bounds, codePoint);
        return _symbols[stretch >= 0 ? stretch : ~stretch - 1, (int)CharUnicodeInfo.GetUnicodeCategory(codePoint)];
    }

    private TokenizerUncheckedException Refuse(string reason, Exception? inner = null) => new($"the regular expression {_pattern}", reason, inner);
}
