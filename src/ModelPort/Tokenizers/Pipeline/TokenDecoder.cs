using System.Globalization;
using System.Text;

namespace ModelPort.Tokenizers.Pipeline;

/// <summary>One step that turns the spellings of tokens into text.</summary>
internal abstract class TokenDecoder
{
    /// <summary>Changes the spellings; there may be fewer afterwards.</summary>
    public abstract IReadOnlyList<string> Apply(IReadOnlyList<string> tokens);

    /// <summary>Reads the byte-level alphabet; a token with other characters stands for its UTF-8.</summary>
    public sealed class ByteLevel : TokenDecoder
    {
        public override IReadOnlyList<string> Apply(IReadOnlyList<string> tokens) =>
            [Encoding.UTF8.GetString([.. tokens.SelectMany(t => ByteAlphabet.Read(t) ?? Encoding.UTF8.GetBytes(t))])];
    }

    /// <summary>Reads tokens like &lt;0x0A&gt;; of a run that is no UTF-8 each becomes U+FFFD.</summary>
    public sealed class ByteFallback : TokenDecoder
    {
        private static readonly UTF8Encoding Strict = new(false, throwOnInvalidBytes: true);

        public override IReadOnlyList<string> Apply(IReadOnlyList<string> tokens)
        {
            var result = new List<string>(tokens.Count);
            var bytes = new List<byte>();
            foreach (var token in tokens)
            {
                if (token.Length == 6 && token.StartsWith("<0x", StringComparison.Ordinal) && token[5] == '>'
                    && byte.TryParse(token.AsSpan(3, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value))
                {
                    bytes.Add(value);
                    continue;
                }

                Flush(bytes, result);
                result.Add(token);
            }

            Flush(bytes, result);
            return result;
        }

        private static void Flush(List<byte> bytes, List<string> result)
        {
            if (bytes.Count == 0)
            {
                return;
            }

            try
            {
                result.Add(Strict.GetString([.. bytes]));
            }
            catch (DecoderFallbackException)
            {
                result.AddRange(Enumerable.Repeat("\uFFFD", bytes.Count));
            }

            bytes.Clear();
        }
    }

    /// <summary>Joins all tokens.</summary>
    public sealed class Fuse : TokenDecoder
    {
        public override IReadOnlyList<string> Apply(IReadOnlyList<string> tokens) => [string.Concat(tokens)];
    }

    /// <summary>Removes a character from the ends of each token, so many times at most.</summary>
    public sealed class Strip(Rune character, int start, int stop) : TokenDecoder
    {
        public override IReadOnlyList<string> Apply(IReadOnlyList<string> tokens) => [.. tokens.Select(Apply)];

        private string Apply(string token)
        {
            var runes = token.EnumerateRunes().ToArray().AsSpan();
            for (var i = 0; i < start && runes.Length > 0 && runes[0] == character; i++)
            {
                runes = runes[1..];
            }

            for (var i = 0; i < stop && runes.Length > 0 && runes[^1] == character; i++)
            {
                runes = runes[..^1];
            }

            var text = new StringBuilder(token.Length);
            foreach (var rune in runes)
            {
                text.Append(rune.ToString());
            }

            return text.ToString();
        }
    }

    /// <summary>Replaces what a pattern matches in each token.</summary>
    public sealed class Replace(Normalizer.Replace replace) : TokenDecoder
    {
        public override IReadOnlyList<string> Apply(IReadOnlyList<string> tokens) => [.. tokens.Select(t => Normalizer.Apply([replace], t))];
    }

    /// <summary>Reads the character that stands for a blank; in the first token it is dropped where one was put before the text.</summary>
    public sealed class Metaspace(Rune replacement, bool prefixed) : TokenDecoder
    {
        public override IReadOnlyList<string> Apply(IReadOnlyList<string> tokens) =>
            [.. tokens.Select((t, i) => t.Replace(replacement.ToString(), i == 0 && prefixed ? "" : " ", StringComparison.Ordinal))];
    }
}
