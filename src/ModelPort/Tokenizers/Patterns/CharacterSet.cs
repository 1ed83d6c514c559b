using System.Globalization;

namespace ModelPort.Tokenizers.Patterns;

/// <summary>
/// A set of characters of a pattern. Membership follows from a character's general category and from where it lies between the set's bounds, so that
/// a pattern tells few kinds of characters apart.
/// </summary>
internal abstract class CharacterSet
{
    /// <summary>Code points that begin another stretch: between two of them, characters of one category are all in the set or all not.</summary>
    public abstract IEnumerable<int> Bounds { get; }

    /// <summary>Whether a character is in the set.</summary>
    public abstract bool Contains(int codePoint, UnicodeCategory category);

    /// <summary>The characters from one to another, both included.</summary>
    public static CharacterSet Range(int first, int last) => new Stretch(first, last);

    /// <summary>One character.</summary>
    public static CharacterSet Of(int codePoint) => Range(codePoint, codePoint);

    /// <summary>The characters of some categories.</summary>
    public static CharacterSet Of(params ReadOnlySpan<UnicodeCategory> categories)
    {
        var mask = 0;
        foreach (var category in categories)
        {
            mask |= 1 << (int)category;
        }

        return new Categories(mask);
    }

    /// <summary>What is in any of some sets.</summary>
    public static CharacterSet Any(params IReadOnlyList<CharacterSet> sets) => sets.Count == 1 ? sets[0] : new Union(sets);

    /// <summary>What is in all of some sets.</summary>
    public static CharacterSet All(params IReadOnlyList<CharacterSet> sets) => sets.Count == 1 ? sets[0] : new Intersection(sets);

    /// <summary>What is not in a set.</summary>
    public static CharacterSet Not(CharacterSet set) => new Complement(set);

    private sealed class Stretch(int first, int last) : CharacterSet
    {
        public override IEnumerable<int> Bounds => [first, last + 1];

        public override bool Contains(int codePoint, UnicodeCategory category) => codePoint >= first && codePoint <= last;
    }

    private sealed class Categories(int mask) : CharacterSet
    {
        public override IEnumerable<int> Bounds => [];

        public override bool Contains(int codePoint, UnicodeCategory category) => (mask >> (int)category & 1) != 0;
    }

    private sealed class Union(IReadOnlyList<CharacterSet> sets) : CharacterSet
    {
        public override IEnumerable<int> Bounds => sets.SelectMany(s => s.Bounds);

        public override bool Contains(int codePoint, UnicodeCategory category) => sets.Any(s => s.Contains(codePoint, category));
    }

    private sealed class Intersection(IReadOnlyList<CharacterSet> sets) : CharacterSet
    {
        public override IEnumerable<int> Bounds => sets.SelectMany(s => s.Bounds);

        public override bool Contains(int codePoint, UnicodeCategory category) => sets.All(s => s.Contains(codePoint, category));
    }

    private sealed class Complement(CharacterSet set) : CharacterSet
    {
        public override IEnumerable<int> Bounds => set.Bounds;

        public override bool Contains(int codePoint, UnicodeCategory category) => !set.Contains(codePoint, category);
    }
}
