using System.Text;
using ModelPort.Parity.Tokenizers;

namespace ModelPort.Tests.Tokenizers;

/// <summary>Texts for comparing tokenizers: the built-in hard texts, and mixtures of their kind that a fixed seed makes.</summary>
internal static class GeneratedTexts
{
    private static readonly (int First, int Last)[] Blocks =
    [
        (0x20, 0x7E), (0xA0, 0xFF), (0x100, 0x24F), (0x250, 0x2AF), (0x300, 0x36F), (0x370, 0x3FF), (0x400, 0x4FF), (0x530, 0x58F), (0x590, 0x5F4), (0x600, 0x6FF),
        (0x900, 0x97F), (0xE00, 0xE5B), (0x1100, 0x11FF), (0x1E00, 0x1EFF), (0x1F00, 0x1FFF), (0x2000, 0x206F), (0x2070, 0x209C), (0x20A0, 0x20C0), (0x2100, 0x218B),
        (0x2190, 0x23FF), (0x2460, 0x27BF), (0x3000, 0x30FF), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0xE000, 0xE010), (0xF900, 0xFAFF), (0xFB00, 0xFB4F), (0xFE00, 0xFE0F),
        (0xFF00, 0xFFEF), (0x10000, 0x100FA), (0x10400, 0x1044F), (0x1D400, 0x1D7FF), (0x1F000, 0x1FAFF), (0x20000, 0x200FF), (0xE0000, 0xE01EF),
    ];

    private static readonly string[] Ends = ["", " ", "  ", "\n", "\r\n", "\n\n", "\t", ".", "!", "'s", "'ll", " 'VE", "…", "\0", "\u00A0", "\u3000", "-", "_", "1", "123", "1234"];

    /// <summary>The built-in hard texts, then generated ones.</summary>
    /// <param name="count">How many in all.</param>
    /// <param name="tokens">Texts of added tokens, to put between others.</param>
    public static IReadOnlyList<string> Make(int count, params IReadOnlyList<string> tokens)
    {
        var random = new Random(20260701);
        var hard = HardTexts.All.Select(t => t.Text).ToArray();
        var words = hard.SelectMany(t => t.Split(' ', StringSplitOptions.RemoveEmptyEntries)).Distinct().ToArray();
        var texts = new List<string>(hard);
        foreach (var token in tokens)
        {
            texts.AddRange([token, $"a{token}b", $" {token} ", $"{token}{token}", $"x {token}\n{token[..^1]} y", token.ToUpperInvariant(), $"é{token}\u0301"]);
        }

        texts.AddRange([new string('a', 5000), string.Concat(Enumerable.Repeat("ab c1", 2000)), new string(' ', 3000), new string('\n', 1000), string.Concat(Enumerable.Repeat("😀é", 1500))]);
        while (texts.Count < count)
        {
            texts.Add((texts.Count % 4) switch
            {
                0 => Words(random, words, tokens),
                1 => Characters(random),
                2 => Cut(random, string.Concat(hard[random.Next(hard.Length)], hard[random.Next(hard.Length)])),
                _ => Mixed(random, words),
            });
        }

        return texts;
    }

    private static string Words(Random random, string[] words, IReadOnlyList<string> tokens)
    {
        var text = new StringBuilder();
        for (var left = random.Next(1, 30); left > 0; left--)
        {
            var isToken = tokens.Count > 0 && random.Next(10) == 0;
            text.Append(isToken ? tokens[random.Next(tokens.Count)] : words[random.Next(words.Length)]).Append(random.Next(3) == 0 ? Ends[random.Next(Ends.Length)] : " ");
        }

        return text.ToString();
    }

    private static string Characters(Random random)
    {
        var text = new StringBuilder();
        for (var left = random.Next(1, 40); left > 0; left--)
        {
            var (first, last) = Blocks[random.Next(Blocks.Length)];
            for (var run = random.Next(1, 4); run > 0; run--)
            {
                text.Append(char.ConvertFromUtf32(random.Next(first, last + 1)));
            }
        }

        return text.ToString();
    }

    private static string Mixed(Random random, string[] words)
    {
        var text = new StringBuilder();
        for (var left = random.Next(1, 20); left > 0; left--)
        {
            text.Append(random.Next(3) switch
            {
                0 => words[random.Next(words.Length)],
                1 => Ends[random.Next(Ends.Length)],
                _ => Characters(random),
            });
        }

        return text.ToString();
    }

    private static string Cut(Random random, string text)
    {
        var runes = text.EnumerateRunes().ToArray();
        var start = random.Next(runes.Length);
        return string.Concat(runes[start..random.Next(start, runes.Length + 1)].Select(r => r.ToString()));
    }
}
