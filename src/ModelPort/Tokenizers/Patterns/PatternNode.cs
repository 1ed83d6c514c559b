using System.Globalization;
using System.Text;

namespace ModelPort.Tokenizers.Patterns;

/// <summary>A part of a parsed pattern. Characters are numbered sets; <see cref="Render"/> writes the part in .NET's syntax.</summary>
internal abstract record PatternNode
{
    /// <summary>The fewest characters that the part takes.</summary>
    public abstract int Shortest { get; }

    /// <summary>How many characters the part takes, when that is always the same; else null.</summary>
    public abstract int? Length { get; }

    /// <summary>Writes the part.</summary>
    /// <param name="text">Where to.</param>
    /// <param name="sets">The spelling of each set.</param>
    public abstract void Render(StringBuilder text, IReadOnlyList<string> sets);

    /// <summary>One character of a set.</summary>
    public sealed record Character(int Set) : PatternNode
    {
        public override int Shortest => 1;

        public override int? Length => 1;

        public override void Render(StringBuilder text, IReadOnlyList<string> sets) => text.Append(sets[Set]);
    }

    /// <summary>Parts one after the other.</summary>
    public sealed record Sequence(IReadOnlyList<PatternNode> Parts) : PatternNode
    {
        public override int Shortest => Parts.Aggregate(0, (sum, p) => (int)Math.Min((long)sum + p.Shortest, int.MaxValue));

        public override int? Length => Parts.Aggregate((int?)0, (sum, p) => sum + p.Length);

        public override void Render(StringBuilder text, IReadOnlyList<string> sets)
        {
            foreach (var part in Parts)
            {
                part.Render(text, sets);
            }
        }
    }

    /// <summary>The first part that leads to a match.</summary>
    public sealed record Choice(IReadOnlyList<PatternNode> Parts) : PatternNode
    {
        public override int Shortest => Parts.Min(p => p.Shortest);

        public override int? Length => Parts.All(p => p.Length == Parts[0].Length) ? Parts[0].Length : null;

        public override void Render(StringBuilder text, IReadOnlyList<string> sets)
        {
            text.Append("(?:");
            for (var i = 0; i < Parts.Count; i++)
            {
                text.Append(i == 0 ? "" : "|");
                Parts[i].Render(text, sets);
            }

            text.Append(')');
        }
    }

    /// <summary>A part again and again.</summary>
    /// <param name="Part">The part.</param>
    /// <param name="Least">The fewest times.</param>
    /// <param name="Most">The most times, or null.</param>
    /// <param name="Greed">"" for as often as possible, "?" for as seldom as possible, "+" for as often as possible and never giving back.</param>
    public sealed record Repeat(PatternNode Part, int Least, int? Most, string Greed) : PatternNode
    {
        public override int Shortest => (int)Math.Min((long)Part.Shortest * Least, int.MaxValue);

        public override int? Length => Least == Most ? Part.Length * Least : null;

        public override void Render(StringBuilder text, IReadOnlyList<string> sets)
        {
            // A lone set needs no brackets, and .NET repeats it faster without.
            var isGroup = Part is not Character;
            text.Append(Greed == "+" ? "(?>" : "").Append(isGroup ? "(?:" : "");
            Part.Render(text, sets);
            text.Append(isGroup ? ")" : "").Append(CultureInfo.InvariantCulture, $"{{{Least},{Most}}}").Append(Greed == "+" ? ")" : Greed);
        }
    }

    /// <summary>A condition on what comes before or after, or a part that never gives back.</summary>
    /// <param name="Opening">How it is written: <c>(?=</c>, <c>(?!</c>, <c>(?&lt;=</c>, <c>(?&lt;!</c> or <c>(?&gt;</c>.</param>
    /// <param name="Part">What is looked for.</param>
    public sealed record Group(string Opening, PatternNode Part) : PatternNode
    {
        private bool Takes => Opening == "(?>";

        public override int Shortest => Takes ? Part.Shortest : 0;

        public override int? Length => Takes ? Part.Length : 0;

        public override void Render(StringBuilder text, IReadOnlyList<string> sets)
        {
            text.Append(Opening);
            Part.Render(text, sets);
            text.Append(')');
        }
    }

    /// <summary>A place: the start or end of the text or of a line.</summary>
    /// <param name="Before">What is written before the set of line ends.</param>
    /// <param name="LineEnd">The set of line ends, or null when lines do not matter.</param>
    /// <param name="After">What is written after it.</param>
    public sealed record Place(string Before, int? LineEnd, string After) : PatternNode
    {
        public override int Shortest => 0;

        public override int? Length => 0;

        public override void Render(StringBuilder text, IReadOnlyList<string> sets) =>
            text.Append(Before).Append(LineEnd is { } set ? sets[set] : "").Append(After);
    }
}
