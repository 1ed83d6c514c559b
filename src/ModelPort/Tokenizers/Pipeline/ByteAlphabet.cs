using System.Text;

namespace ModelPort.Tokenizers.Pipeline;

/// <summary>
/// The byte-level alphabet of GPT-2 (its encoder.py): one printable character for each byte. Bytes that print in Latin-1 stand for themselves, the
/// others, in their order, for U+0100 and up.
/// </summary>
internal static class ByteAlphabet
{
    private static readonly char[] Characters = Build();
    private static readonly Dictionary<char, byte> Bytes = Enumerable.Range(0, 256).ToDictionary(b => Characters[b], b => (byte)b);

    /// <summary>Spells a text's UTF-8 bytes.</summary>
    public static char[] Spell(ReadOnlySpan<char> text)
    {
        var spelled = new char[Encoding.UTF8.GetByteCount(text)];
        var position = 0;
        Span<byte> utf8 = stackalloc byte[4];
        foreach (var rune in text.EnumerateRunes())
        {
            foreach (var unit in utf8[..rune.EncodeToUtf8(utf8)])
            {
                spelled[position++] = Characters[unit];
            }
        }

        return spelled;
    }

    /// <summary>The bytes that a text spells, or null when a character of it is none of the alphabet.</summary>
    public static byte[]? Read(ReadOnlySpan<char> spelled)
    {
        var bytes = new byte[spelled.Length];
        for (var i = 0; i < bytes.Length; i++)
        {
            if (!Bytes.TryGetValue(spelled[i], out bytes[i]))
            {
                return null;
            }
        }

        return bytes;
    }

    private static char[] Build()
    {
        var next = '\u0100';
        return [.. Enumerable.Range(0, 256).Select(b => b is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or >= 0xAE ? (char)b : next++)];
    }
}
