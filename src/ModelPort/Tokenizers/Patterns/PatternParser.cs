using System.Globalization;
using System.Text;

namespace ModelPort.Tokenizers.Patterns;

/// <summary>
/// Reads a regular expression in the syntax of Oniguruma, which Hugging Face's tokenizers use (its doc/RE). What differs between engines, or is rare
/// in tokenizers, is refused, so that an accepted pattern means the same here as there.
/// </summary>
internal sealed class PatternParser
{
    private const int DeepestNesting = 100;
    private const int MostRepeats = 100_000;

    // A character that stands for several under (?i): ff, fi, fl, ss, st and their like.
    private static readonly string[] Ligatures = ["ff", "fi", "fl", "ss", "st"];

    private readonly string _pattern;
    private readonly List<CharacterSet> _sets = [];
    private readonly Dictionary<string, int> _numbers = new(StringComparer.Ordinal);
    private int _position;
    private int _depth;

    private PatternParser(string pattern) => _pattern = pattern;

    /// <summary>Reads a pattern.</summary>
    /// <returns>The pattern, and the sets that its characters are numbered by.</returns>
    /// <exception cref="TokenizerUncheckedException">A part of it is not reproduced exactly.</exception>
    public static (PatternNode Root, IReadOnlyList<CharacterSet> Sets) Parse(string pattern)
    {
        var parser = new PatternParser(pattern);
        var root = parser.ReadChoice(ignoreCase: false);
        if (parser._position < pattern.Length)
        {
            throw parser.Refuse("an unmatched ')'");
        }

        return root.Shortest > 0 ? (root, parser._sets) : throw parser.Refuse("that it can match nothing at all");
    }

    private bool AtEnd => _position >= _pattern.Length;

    private PatternNode ReadChoice(bool ignoreCase)
    {
        if (++_depth > DeepestNesting)
        {
            throw Refuse("groups nested this deeply");
        }

        if (Skip("(?i)"))
        {
            ignoreCase = true;
        }

        var parts = new List<PatternNode> { ReadSequence(ignoreCase) };
        while (Skip("|"))
        {
            parts.Add(ReadSequence(ignoreCase));
        }

        _depth--;
        return parts.Count == 1 ? parts[0] : new PatternNode.Choice(parts);
    }

    private PatternNode.Sequence ReadSequence(bool ignoreCase)
    {
        var parts = new List<PatternNode>();
        var literal = '\0';
        while (!AtEnd && _pattern[_position] is not ('|' or ')'))
        {
            var (part, character) = ReadPart(ignoreCase);
            var pair = $"{literal}{character}".ToLowerInvariant();
            literal = character;
            if (ignoreCase && Ligatures.Contains(pair))
            {
                throw Refuse($"'{pair}' without regard to case, which also stands for one character");
            }

            parts.Add(ReadRepeat(part));
        }

        return new PatternNode.Sequence(parts);
    }

    /// <summary>Reads one part; gives the character too when it is a literal one.</summary>
    private (PatternNode Part, char Literal) ReadPart(bool ignoreCase)
    {
        var start = _position;
        switch (_pattern[_position])
        {
            case '(':
                return (ReadGroup(ignoreCase), '\0');
            case '[':
                var set = ReadClass();
                return ignoreCase ? throw Refuse("a class without regard to case") : (Character(_pattern[start.._position], set), '\0');
            case '.':
                _position++;
                return (Character(".", CharacterSet.Not(CharacterSet.Of('\n'))), '\0');
            case '^':
                // At the start of a line, but not behind the last line end.
                _position++;
                return (new PatternNode.Place(@"(?:\A|(?<=", LineEnd(), @")(?!\z))"), '\0');
            case '$':
                _position++;
                return (new PatternNode.Place("(?=", LineEnd(), @"|\z)"), '\0');
            case '*' or '+' or '?' or '{' or '}' or ']':
                throw Refuse($"'{_pattern[_position]}' here");
            case '\\' when Skip(@"\A"):
                return (new PatternNode.Place(@"\A", null, ""), '\0');
            case '\\' when Skip(@"\z"):
                return (new PatternNode.Place(@"\z", null, ""), '\0');
            case '\\':
                var (named, escaped) = ReadEscape();
                return named is null
                    ? Literal(escaped, ignoreCase)
                    : ignoreCase ? throw Refuse("a class without regard to case") : (Character(_pattern[start.._position], named), '\0');
            default:
                return Literal(ReadRune(), ignoreCase);
        }
    }

    private PatternNode ReadGroup(bool ignoreCase)
    {
        foreach (var opening in (ReadOnlySpan<string>)["(?=", "(?!", "(?<=", "(?<!", "(?>"])
        {
            if (Skip(opening))
            {
                var part = Close(ignoreCase);
                return opening.StartsWith("(?<", StringComparison.Ordinal) && part.Length is null
                    ? throw Refuse("a look behind of no fixed length")
                    : new PatternNode.Group(opening, part);
            }
        }

        if (Skip("(?i:"))
        {
            return Close(ignoreCase: true);
        }

        if (Skip("(?-i:"))
        {
            return Close(ignoreCase: false);
        }

        if (Skip("(?:"))
        {
            return Close(ignoreCase);
        }

        if (_pattern.AsSpan(_position).StartsWith("(?") || _pattern.AsSpan(_position).StartsWith("(*"))
        {
            throw Refuse("this kind of group");
        }

        _position++;
        return Close(ignoreCase);
    }

    private PatternNode.Choice Close(bool ignoreCase)
    {
        var part = ReadChoice(ignoreCase);
        // A choice of one part has no brackets of its own.
        return Skip(")") ? new PatternNode.Choice([part]) : throw Refuse("a group that is not closed");
    }

    private PatternNode ReadRepeat(PatternNode part)
    {
        int least;
        int? most;
        var start = _position;
        if (Skip("*"))
        {
            (least, most) = (0, null);
        }
        else if (Skip("+"))
        {
            (least, most) = (1, null);
        }
        else if (Skip("?"))
        {
            (least, most) = (0, 1);
        }
        else if (Skip("{"))
        {
            least = ReadCount();
            most = !Skip(",") ? least : !AtEnd && _pattern[_position] == '}' ? null : ReadCount();
            if (!Skip("}") || most < least)
            {
                throw Refuse("this repeat");
            }
        }
        else
        {
            return part;
        }

        var counted = _pattern[start] == '{';
        var greed = !counted && Skip("+") ? "+" : !(counted && least == most) && Skip("?") ? "?" : "";
        if (!AtEnd && _pattern[_position] is '*' or '+' or '?' or '{')
        {
            throw Refuse("a repeat of a repeat");
        }

        return part.Shortest > 0 ? new PatternNode.Repeat(part, least, most, greed) : throw Refuse("a repeat of what can match nothing");
    }

    private int ReadCount()
    {
        var start = _position;
        while (!AtEnd && char.IsAsciiDigit(_pattern[_position]))
        {
            _position++;
        }

        return int.TryParse(_pattern.AsSpan(start, _position - start), NumberStyles.None, CultureInfo.InvariantCulture, out var count) && count <= MostRepeats
            ? count
            : throw Refuse("this repeat");
    }

    private CharacterSet ReadClass()
    {
        if (++_depth > DeepestNesting)
        {
            throw Refuse("classes nested this deeply");
        }

        if (_pattern.AsSpan(_position).StartsWith("[:"))
        {
            throw Refuse("a POSIX class");
        }

        _position++;
        var negated = Skip("^");
        var all = new List<CharacterSet>();
        var any = new List<CharacterSet>();
        var start = _position;
        while (_position == start || !Skip("]"))
        {
            if (AtEnd)
            {
                throw Refuse("a class that is not closed");
            }

            if (_pattern[_position] == '[')
            {
                any.Add(ReadClass());
            }
            else if (Skip("&&"))
            {
                all.Add(Union(any));
                any.Clear();
            }
            else
            {
                any.Add(ReadClassItem(isFirst: _position == start));
            }
        }

        _depth--;
        all.Add(Union(any));
        var set = CharacterSet.All([.. all]);
        return negated ? CharacterSet.Not(set) : set;
    }

    private CharacterSet Union(List<CharacterSet> sets) =>
        sets.Count > 0 ? CharacterSet.Any([.. sets]) : throw Refuse("a class of nothing");

    private CharacterSet ReadClassItem(bool isFirst)
    {
        // Engines differ in what these mean elsewhere.
        if (_pattern[_position] == ']' || (_pattern[_position] == '-' && !NextClosesClass() && (!isFirst || NextIs('-'))))
        {
            throw Refuse($"'{_pattern[_position]}' here in a class");
        }

        var (named, first) = ReadClassCharacter();
        var isRange = !AtEnd && _pattern[_position] == '-' && !NextClosesClass();
        if (!isRange)
        {
            return named ?? CharacterSet.Of(first.Value);
        }

        _position++;
        if (named is not null || AtEnd || _pattern[_position] is '[' or '-' or '&')
        {
            throw Refuse("this range");
        }

        var (end, last) = ReadClassCharacter();
        return end is null && last >= first ? CharacterSet.Range(first.Value, last.Value) : throw Refuse("this range");
    }

    private bool NextClosesClass() => NextIs(']');

    private bool NextIs(char c) => _position + 1 < _pattern.Length && _pattern[_position + 1] == c;

    private (CharacterSet? Named, Rune Literal) ReadClassCharacter() =>
        AtEnd ? throw Refuse("a class that is not closed") : _pattern[_position] == '\\' ? ReadEscape() : (null, ReadRune());

    private (CharacterSet? Named, Rune Literal) ReadEscape()
    {
        _position++;
        if (AtEnd)
        {
            throw Refuse("a lone backslash");
        }

        var c = _pattern[_position++];
        CharacterSet? named = c switch
        {
            's' => CharacterClasses.Space,
            'S' => CharacterSet.Not(CharacterClasses.Space),
            'd' => CharacterClasses.Digit,
            'D' => CharacterSet.Not(CharacterClasses.Digit),
            'w' => CharacterClasses.Word,
            'W' => CharacterSet.Not(CharacterClasses.Word),
            'p' => ReadProperty(),
            'P' => CharacterSet.Not(ReadProperty()),
            _ => null,
        };
        if (named is not null)
        {
            return (named, default);
        }

        return (null, c switch
        {
            't' => new Rune('\t'),
            'n' => new Rune('\n'),
            'r' => new Rune('\r'),
            'f' => new Rune('\f'),
            'v' => new Rune('\v'),
            'x' => ReadHexadecimal(Skip("{") ? 0 : 2),
            'u' => ReadHexadecimal(4),
            _ when char.IsAscii(c) && !char.IsAsciiLetterOrDigit(c) => new Rune(c),
            _ => throw Refuse($"the escape '\\{c}'"),
        });
    }

    private CharacterSet ReadProperty()
    {
        var end = _pattern.IndexOf('}', _position);
        if (!Skip("{") || end < 0)
        {
            throw Refuse("a property without a name");
        }

        var negated = Skip("^");
        var name = _pattern[_position..end];
        _position = end + 1;
        var set = CharacterClasses.Property(name) ?? throw Refuse($"the property '{name}'");
        return negated ? CharacterSet.Not(set) : set;
    }

    /// <summary>Reads a character by number: so many digits, or up to a closing brace when 0.</summary>
    private Rune ReadHexadecimal(int digits)
    {
        var end = digits > 0 ? _position + digits : _pattern.IndexOf('}', _position);
        if (end < _position || end > _pattern.Length
            || !int.TryParse(_pattern.AsSpan(_position, end - _position), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value)
            || !Rune.IsValid(value)
            // Without braces \x is a byte, not a character, beyond ASCII.
            || (digits == 2 && value > 0x7F))
        {
            throw Refuse("a character by number");
        }

        _position = digits > 0 ? end : end + 1;
        return new Rune(value);
    }

    private Rune ReadRune()
    {
        if (!Rune.TryGetRuneAt(_pattern, _position, out var rune))
        {
            throw Refuse("half of a surrogate pair");
        }

        _position += rune.Utf16SequenceLength;
        return rune;
    }

    private (PatternNode Part, char Literal) Literal(Rune rune, bool ignoreCase)
    {
        var text = rune.ToString();
        var literal = rune.IsAscii ? (char)rune.Value : '\0';
        if (!ignoreCase || (rune.IsAscii && !Rune.IsLetter(rune)))
        {
            return (Character(text, CharacterSet.Of(rune.Value)), literal);
        }

        if (!rune.IsAscii)
        {
            throw Refuse($"'{text}' without regard to case");
        }

        // The Kelvin sign and the long s are the only other characters that fold to a letter of ASCII.
        var lower = char.ToLowerInvariant(literal);
        var cases = new List<CharacterSet> { CharacterSet.Of(lower), CharacterSet.Of(char.ToUpperInvariant(literal)) };
        if (lower is 'k' or 's')
        {
            cases.Add(CharacterSet.Of(lower == 'k' ? '\u212A' : '\u017F'));
        }

        return (Character($"(?i:{lower})", CharacterSet.Any([.. cases])), literal);
    }

    private int LineEnd() => Number("\n", CharacterSet.Of('\n'));

    private PatternNode.Character Character(string spelling, CharacterSet set) => new(Number(spelling, set));

    private int Number(string spelling, CharacterSet set)
    {
        if (!_numbers.TryGetValue(spelling, out var number))
        {
            number = _sets.Count;
            _numbers.Add(spelling, number);
            _sets.Add(set);
        }

        return number;
    }

    private bool Skip(string text)
    {
        if (!_pattern.AsSpan(_position).StartsWith(text))
        {
            return false;
        }

        _position += text.Length;
        return true;
    }

    private TokenizerUncheckedException Refuse(string what) =>
        new("a regular expression", string.Create(CultureInfo.InvariantCulture, $"{what} is not reproduced (at character {Math.Min(_position, _pattern.Length) + 1} of {Shown(_pattern)})"));

    private static string Shown(string pattern) => pattern.Length <= 200 ? pattern : pattern[..200] + "...";
}
