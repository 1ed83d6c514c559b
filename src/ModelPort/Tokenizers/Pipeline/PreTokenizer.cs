using System.Text;
using ModelPort.Tokenizers.Patterns;

namespace ModelPort.Tokenizers.Pipeline;

/// <summary>One step that splits a text into the words that merges stay within.</summary>
internal abstract class PreTokenizer
{
    /// <summary>Adds the parts of a piece that is still text.</summary>
    /// <exception cref="TokenizerUncheckedException">The split takes too long.</exception>
    public abstract void Split(Piece piece, List<Piece> parts);

    /// <summary>Splits at a pattern.</summary>
    public sealed class AtPattern(ITextPattern pattern, SplitBehavior behavior, bool invert = false) : PreTokenizer
    {
        private readonly Splitter _splitter = new(pattern, behavior, invert);

        public override void Split(Piece piece, List<Piece> parts) => _splitter.Split(piece, parts);
    }

    /// <summary>Spells bytes with the byte-level alphabet.</summary>
    /// <param name="addPrefixSpace">Whether a blank is put before a piece that has none.</param>
    /// <param name="splits">Whether pieces are split first, by the pattern of GPT-2.</param>
    public sealed class ByteLevel(bool addPrefixSpace, bool splits) : PreTokenizer
    {
        private const string Gpt2 = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

        private readonly Splitter? _splitter = splits ? new Splitter(new RegexPattern(Gpt2), SplitBehavior.Isolated) : null;

        public override void Split(Piece piece, List<Piece> parts)
        {
            if (addPrefixSpace && !piece.Text.Span.StartsWith(' '))
            {
                piece = piece with { Text = $" {piece.Text}".AsMemory() };
            }

            var first = parts.Count;
            if (_splitter is null)
            {
                parts.Add(piece);
            }
            else
            {
                _splitter.Split(piece, parts);
            }

            for (var i = first; i < parts.Count; i++)
            {
                parts[i] = parts[i] with { Text = ByteAlphabet.Spell(parts[i].Text.Span) };
            }
        }
    }

    /// <summary>Spells blanks as another character, which begins each word.</summary>
    /// <param name="replacement">That character.</param>
    /// <param name="prepends">Where it is put before a piece.</param>
    /// <param name="splits">Whether pieces are split at it.</param>
    public sealed class Metaspace(Rune replacement, MetaspacePrefix prepends, bool splits) : PreTokenizer
    {
        private readonly Splitter _splitter = new(new CharacterPattern(r => r == replacement), SplitBehavior.MergedWithNext);
        private readonly string _replacement = replacement.ToString();

        /// <summary>Whether the result depends on where the text begins.</summary>
        public bool NeedsStart => prepends == MetaspacePrefix.First;

        public override void Split(Piece piece, List<Piece> parts)
        {
            var text = piece.Text.ToString().Replace(" ", _replacement, StringComparison.Ordinal);
            var prefixes = prepends == MetaspacePrefix.Always || (prepends == MetaspacePrefix.First && piece.StartsText);
            if (prefixes && !text.StartsWith(_replacement, StringComparison.Ordinal))
            {
                text = _replacement + text;
            }

            piece = piece with { Text = text.AsMemory() };
            if (splits)
            {
                _splitter.Split(piece, parts);
            }
            else
            {
                parts.Add(piece);
            }
        }
    }
}

/// <summary>Where a Metaspace step puts its character before the text.</summary>
internal enum MetaspacePrefix
{
    /// <summary>Nowhere.</summary>
    Never,

    /// <summary>Where the text begins.</summary>
    First,

    /// <summary>Before each piece.</summary>
    Always,
}
