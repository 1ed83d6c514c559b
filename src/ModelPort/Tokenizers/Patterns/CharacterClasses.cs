using System.Globalization;
using System.Text;

namespace ModelPort.Tokenizers.Patterns;

/// <summary>The named classes of characters that tokenizers use, as Unicode defines them (UAX #44; UTS #18, annex C for word characters).</summary>
internal static class CharacterClasses
{
    private static readonly Dictionary<string, CharacterSet> Named = Names();

    /// <summary>White_Space: \s.</summary>
    public static CharacterSet Space { get; } = CharacterSet.Any(
        CharacterSet.Range(0x09, 0x0D),
        CharacterSet.Of(0x85),
        CharacterSet.Of(UnicodeCategory.SpaceSeparator, UnicodeCategory.LineSeparator, UnicodeCategory.ParagraphSeparator));

    /// <summary>Decimal digits: \d.</summary>
    public static CharacterSet Digit { get; } = CharacterSet.Of(UnicodeCategory.DecimalDigitNumber);

    /// <summary>Alphabetic characters, marks, decimal digits and connectors: \w as Rust's regex crate has it, but for the two joiners.</summary>
    private static CharacterSet UnicodeWord { get; } = CharacterSet.Any(
        Named["l"],
        Named["m"],
        CharacterSet.Of(UnicodeCategory.LetterNumber, UnicodeCategory.DecimalDigitNumber, UnicodeCategory.ConnectorPunctuation),
        // Letters in circles and squares: alphabetic, but symbols by category.
        CharacterSet.Range(0x24B6, 0x24E9),
        CharacterSet.Range(0x1F130, 0x1F149),
        CharacterSet.Range(0x1F150, 0x1F169),
        CharacterSet.Range(0x1F170, 0x1F189));

    /// <summary>\w as Oniguruma has it: with the superscripts and fractions of Latin-1.</summary>
    public static CharacterSet Word { get; } = CharacterSet.Any(
        UnicodeWord, CharacterSet.Range(0xB2, 0xB3), CharacterSet.Of(0xB9), CharacterSet.Range(0xBC, 0xBE));

    /// <summary>The set of \p{name}, or null. Case, blanks, hyphens and underscores of the name do not matter.</summary>
    public static CharacterSet? Property(string name) =>
        Named.GetValueOrDefault(string.Concat(name.Where(c => c is not (' ' or '-' or '_'))).ToLowerInvariant());

    /// <summary>Whether a character is white space.</summary>
    public static bool IsSpace(Rune rune) => Rune.IsWhiteSpace(rune);

    /// <summary>Whether a character is part of a word, as Rust's regex crate sees it.</summary>
    public static bool IsWord(Rune rune) => rune.Value is 0x200C or 0x200D || UnicodeWord.Contains(rune.Value, Rune.GetUnicodeCategory(rune));

    /// <summary>Whether a character is a number of any kind.</summary>
    public static bool IsNumeric(Rune rune) =>
        Rune.GetUnicodeCategory(rune) is UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber;

    private static Dictionary<string, CharacterSet> Names()
    {
        (string Short, string Long, UnicodeCategory Category)[] categories =
        [
            ("lu", "uppercaseletter", UnicodeCategory.UppercaseLetter),
            ("ll", "lowercaseletter", UnicodeCategory.LowercaseLetter),
            ("lt", "titlecaseletter", UnicodeCategory.TitlecaseLetter),
            ("lm", "modifierletter", UnicodeCategory.ModifierLetter),
            ("lo", "otherletter", UnicodeCategory.OtherLetter),
            ("mn", "nonspacingmark", UnicodeCategory.NonSpacingMark),
            ("mc", "spacingmark", UnicodeCategory.SpacingCombiningMark),
            ("me", "enclosingmark", UnicodeCategory.EnclosingMark),
            ("nd", "decimalnumber", UnicodeCategory.DecimalDigitNumber),
            ("nl", "letternumber", UnicodeCategory.LetterNumber),
            ("no", "othernumber", UnicodeCategory.OtherNumber),
            ("pc", "connectorpunctuation", UnicodeCategory.ConnectorPunctuation),
            ("pd", "dashpunctuation", UnicodeCategory.DashPunctuation),
            ("ps", "openpunctuation", UnicodeCategory.OpenPunctuation),
            ("pe", "closepunctuation", UnicodeCategory.ClosePunctuation),
            ("pi", "initialpunctuation", UnicodeCategory.InitialQuotePunctuation),
            ("pf", "finalpunctuation", UnicodeCategory.FinalQuotePunctuation),
            ("po", "otherpunctuation", UnicodeCategory.OtherPunctuation),
            ("sm", "mathsymbol", UnicodeCategory.MathSymbol),
            ("sc", "currencysymbol", UnicodeCategory.CurrencySymbol),
            ("sk", "modifiersymbol", UnicodeCategory.ModifierSymbol),
            ("so", "othersymbol", UnicodeCategory.OtherSymbol),
            ("zs", "spaceseparator", UnicodeCategory.SpaceSeparator),
            ("zl", "lineseparator", UnicodeCategory.LineSeparator),
            ("zp", "paragraphseparator", UnicodeCategory.ParagraphSeparator),
            ("cc", "control", UnicodeCategory.Control),
            ("cf", "format", UnicodeCategory.Format),
            ("co", "privateuse", UnicodeCategory.PrivateUse),
        ];
        var names = new Dictionary<string, CharacterSet>(StringComparer.Ordinal);
        foreach (var (abbreviation, name, category) in categories)
        {
            names[abbreviation] = names[name] = CharacterSet.Of(category);
        }

        foreach (var (abbreviation, name) in new[] { ("l", "letter"), ("m", "mark"), ("n", "number"), ("p", "punctuation"), ("s", "symbol"), ("z", "separator") })
        {
            names[abbreviation] = names[name] = CharacterSet.Of([.. categories.Where(c => c.Short[0] == abbreviation[0]).Select(c => c.Category)]);
        }

        return names;
    }
}
