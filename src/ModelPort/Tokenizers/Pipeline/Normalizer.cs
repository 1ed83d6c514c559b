using System.Text;
using ModelPort.Tokenizers.Patterns;

namespace ModelPort.Tokenizers.Pipeline;

/// <summary>One step that changes a text before it is split.</summary>
internal abstract class Normalizer
{
    // Steps that each double a text can stand one after the other.
    private const int MostGrowth = 64;
    private const int AlwaysAllowed = 1 << 20;

    /// <summary>Makes steps one after the other.</summary>
    /// <exception cref="TokenizerUncheckedException">The result is absurdly long, or takes too long.</exception>
    public static string Apply(IReadOnlyList<Normalizer> steps, string text)
    {
        var most = Math.Max(AlwaysAllowed, (long)MostGrowth * text.Length);
        return steps.Aggregate(text, (t, step) => step.Apply(t, most));
    }

    /// <summary>Changes a text.</summary>
    /// <param name="text">The text.</param>
    /// <param name="most">The most characters that a step may make of it.</param>
    /// <exception cref="TokenizerUncheckedException">The result is longer than that, or takes too long.</exception>
    public abstract string Apply(string text, long most);

    /// <summary>Whether the first character that is left, if there is one, still stems from the first character of the text.</summary>
    public virtual bool KeepsStart => true;

    /// <summary>A normal form of Unicode.</summary>
    public sealed class Unicode(NormalizationForm form) : Normalizer
    {
        /// <summary>The form.</summary>
        public NormalizationForm Form => form;

        public override string Apply(string text, long most)
        {
            var result = new StringBuilder(text.Length);
            var start = 0;
            var position = 0;
            foreach (var rune in text.EnumerateRunes())
            {
                // What nothing joins with and nothing moves past: the text is normalised on either side.
                if (LibraryUnicode.IsInert(rune))
                {
                    result.Append(text[start..position].Normalize(form)).Append(rune.ToString());
                    start = position + rune.Utf16SequenceLength;
                }

                position += rune.Utf16SequenceLength;
            }

            return start == 0 ? text.Normalize(form) : result.Append(text[start..].Normalize(form)).ToString();
        }
    }

    /// <summary>Lower case, character by character.</summary>
    public sealed class Lowercase : Normalizer
    {
        public override string Apply(string text, long most)
        {
            var lower = new StringBuilder(text.Length);
            foreach (var rune in text.EnumerateRunes())
            {
                lower.Append(LibraryUnicode.LowerCase(rune));
            }

            return lower.ToString();
        }
    }

    /// <summary>Removes white space at the ends.</summary>
    public sealed class Strip(bool left, bool right) : Normalizer
    {
        public override bool KeepsStart => !left;

        public override string Apply(string text, long most) => (left, right) switch
        {
            (true, true) => text.Trim(),
            (true, false) => text.TrimStart(),
            (false, true) => text.TrimEnd(),
            _ => text,
        };
    }

    /// <summary>Removes combining marks.</summary>
    public sealed class StripAccents : Normalizer
    {
        public override bool KeepsStart => false;

        public override string Apply(string text, long most) => string.Concat(text.EnumerateRunes().Where(r => !LibraryUnicode.IsMark(r)).Select(r => r.ToString()));
    }

    /// <summary>Puts a text before what is not empty.</summary>
    public sealed class Prepend(string prefix) : Normalizer
    {
        public override bool KeepsStart => false;

        public override string Apply(string text, long most) => text.Length == 0 ? text : prefix + text;
    }

    /// <summary>Spells bytes with the byte-level alphabet.</summary>
    public sealed class ByteLevel : Normalizer
    {
        public override string Apply(string text, long most) => new(ByteAlphabet.Spell(text));
    }

    /// <summary>Replaces what a pattern matches.</summary>
    /// <param name="pattern">The pattern.</param>
    /// <param name="content">What takes the place of each match.</param>
    /// <param name="keepsStart">Whether each match is one character and is replaced with something.</param>
    public sealed class Replace(ITextPattern pattern, string content, bool keepsStart) : Normalizer
    {
        public override bool KeepsStart => keepsStart;

        public override string Apply(string text, long most)
        {
            var matches = new List<(int Start, int End)>();
            pattern.Find(text, matches);
            var length = text.Length + (long)matches.Count * content.Length;
            if (length > most)
            {
                throw new TokenizerUncheckedException("normalizer Replace", $"it makes {length} characters of {text.Length}");
            }

            var result = new StringBuilder((int)length);
            var previous = 0;
            foreach (var (start, end) in matches)
            {
                result.Append(text, previous, start - previous).Append(content);
                previous = end;
            }

            return result.Append(text, previous, text.Length - previous).ToString();
        }
    }
}
