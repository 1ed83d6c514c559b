using System.Globalization;
using System.Text;

namespace ModelPort.Tokenizers.Patterns;

/// <summary>
/// Where the Unicode tables of Hugging Face's tokenizers 0.23.2 and those of .NET 10 are of different ages. Its normal forms know Unicode 9, its punctuation
/// Unicode 8, its lower case Unicode 17. A test compares every character with the library.
/// </summary>
internal static class LibraryUnicode
{
    /// <summary>Marks that its normal forms take for ordinary characters, and two that it still takes for marks.</summary>
    private static readonly Rune[] OtherMarks = Read(
        """
        7FD 897-89F 8CA-8D3 9FE AFA-AFF B55 C04 C3C CF3 D00 D3B-D3C D81 EBA ECE 1715 180F 1ABF-1ACE 1CF2-1CF3 1CF7 1DF6-1DFA A82C A8FF 10D24-10D27 10D69-10D6D
        10EAB-10EAC 10EFC-10EFF 10F46-10F50 10F82-10F85 11070 11073-11074 110C2 11145-11146 111C9 111CE-111CF 11241 1133B 113B8-113C0 113C2 113C5 113C7-113CA
        113CC-113D0 113D2 113E1-113E2 1145E 1182C-1183A 11930-11935 11937-11938 1193B-1193E 11940 11942-11943 119D1-119D7 119DA-119E0 119E4 11A01-11A0A
        11A33-11A39 11A3B-11A3E 11A47 11A51-11A5B 11A8A-11A99 11D31-11D36 11D3A 11D3C-11D3D 11D3F-11D45 11D47 11D8A-11D8E 11D90-11D91 11D93-11D97 11EF3-11EF6
        11F00-11F01 11F03 11F34-11F3A 11F3E-11F42 11F5A 13440 13447-13455 1611E-1612F 16F4F 16F7F-16F87 16FE4 16FF0-16FF1 1CF00-1CF2D 1CF30-1CF46 1E08F
        1E130-1E136 1E2AE 1E2EC-1E2EF 1E4EC-1E4EF 1E5EE-1E5EF
        """);

    /// <summary>Characters that a newer Unicode decomposes or composes, and the base characters of these compositions.</summary>
    private static readonly Rune[] UnknownCompositions = Read(
        """
        32FF A7F1-A7F4 AB69 105C9 105D2 105DA 105E4 10781-10785 10787-107B0 107B2-107BA 11380-11391 16121-16128 16D63 16D67-16D6A 1CCD6-1CCF9 1E030-1E06D
        1F16C 1FBF0-1FBF9
        """);

    private static readonly HashSet<Rune> Inert = [.. OtherMarks, .. UnknownCompositions];
    private static readonly HashSet<Rune> Marks = [.. OtherMarks];

    /// <summary>Characters that count as punctuation here and not there, or the other way round.</summary>
    private static readonly HashSet<Rune> OtherPunctuation =
    [
        .. Read(
            """
            61D 9FD A76 C77 C84 166D 1B4E-1B4F 1B7D-1B7F 2E43-2E4F 2E52-2E5D 10D6E 10EAD 10F55-10F59 10F86-10F89 111C9 113D4-113D5 113D7-113D8 1144B-1144F
            1145A-1145B 1145D 11660-1166C 116B9 1183B 11944-11946 119E2 11A3F-11A46 11A9A-11A9C 11A9E-11AA2 11B00-11B09 11BE1 11C41-11C45 11C70-11C71 11EF7-11EF8
            11F43-11F4F 11FFF 12FF1-12FF2 16D6D-16D6F 16E97-16E9A 16FE2 1E5FF 1E95E-1E95F
            """),
    ];

    /// <summary>Lower cases that .NET does not know.</summary>
    private static readonly Dictionary<Rune, string> LowerCases = LowerCasePairs();

    /// <summary>Whether normal forms leave a character as it is, wherever it stands: noncharacters, which .NET refuses, and what the library does not know.</summary>
    public static bool IsInert(Rune rune) =>
        (rune.Value & 0xFFFE) == 0xFFFE || rune.Value is >= 0xFDD0 and <= 0xFDEF || Inert.Contains(rune);

    /// <summary>Whether a character is a combining mark.</summary>
    public static bool IsMark(Rune rune) =>
        (Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark)
        != Marks.Contains(rune);

    /// <summary>Whether a character is punctuation; the symbols of ASCII count in.</summary>
    public static bool IsPunctuation(Rune rune) =>
        rune.IsAscii ? Rune.IsPunctuation(rune) || Rune.IsSymbol(rune) : Rune.IsPunctuation(rune) != OtherPunctuation.Contains(rune);

    /// <summary>A character's lower case.</summary>
    public static string LowerCase(Rune rune) => LowerCases.TryGetValue(rune, out var lower) ? lower : Rune.ToLowerInvariant(rune).ToString();

    private static Dictionary<Rune, string> LowerCasePairs()
    {
        // U+0130 is the one character whose lower case is two.
        var pairs = new Dictionary<Rune, string> { [new Rune(0x130)] = "i\u0307" };
        (int First, int Last, int Lower)[] stretches =
        [
            (0x1C89, 0x1C89, 0x1C8A), (0xA7CB, 0xA7CB, 0x264), (0xA7CC, 0xA7CC, 0xA7CD), (0xA7CE, 0xA7CE, 0xA7CF), (0xA7D2, 0xA7D2, 0xA7D3),
            (0xA7D4, 0xA7D4, 0xA7D5), (0xA7DA, 0xA7DA, 0xA7DB), (0xA7DC, 0xA7DC, 0x19B), (0x10D50, 0x10D65, 0x10D70), (0x16EA0, 0x16EB8, 0x16EBB),
        ];
        foreach (var (first, last, lower) in stretches)
        {
            for (var value = first; value <= last; value++)
            {
                pairs[new Rune(value)] = new Rune(lower + value - first).ToString();
            }
        }

        return pairs;
    }

    /// <summary>Reads stretches of code points in hexadecimal.</summary>
    private static Rune[] Read(string stretches) =>
    [
        .. from stretch in stretches.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)
           let ends = stretch.Split('-')
           let first = int.Parse(ends[0], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture)
           let last = int.Parse(ends[^1], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture)
           from value in Enumerable.Range(first, last - first + 1)
           select new Rune(value),
    ];
}
