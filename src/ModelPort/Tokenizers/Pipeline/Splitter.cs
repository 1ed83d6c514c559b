using ModelPort.Tokenizers.Patterns;

namespace ModelPort.Tokenizers.Pipeline;

/// <summary>What becomes of the matches that split a text (SplitDelimiterBehavior of Hugging Face's tokenizers).</summary>
internal enum SplitBehavior
{
    /// <summary>They are dropped.</summary>
    Removed,

    /// <summary>Each is a piece.</summary>
    Isolated,

    /// <summary>Each joins what is before it.</summary>
    MergedWithPrevious,

    /// <summary>Each joins what is after it.</summary>
    MergedWithNext,

    /// <summary>Neighbouring ones are one piece.</summary>
    Contiguous,
}

/// <summary>Cuts a piece where a pattern matches.</summary>
/// <param name="pattern">What is looked for.</param>
/// <param name="behavior">What becomes of the matches.</param>
/// <param name="invert">Whether what is between the matches counts as the matches.</param>
internal sealed class Splitter(ITextPattern pattern, SplitBehavior behavior, bool invert = false)
{
    /// <summary>Adds the parts of a piece.</summary>
    public void Split(Piece piece, List<Piece> parts)
    {
        var matches = new List<(int Start, int End)>();
        pattern.Find(piece.Text.Span, matches);
        var stretches = Cover(matches, piece.Text.Length);
        foreach (var (start, end, _) in Arrange(stretches))
        {
            parts.Add(piece.Slice(start, end));
        }
    }

    /// <summary>The whole text as matches and what is between them.</summary>
    private List<(int Start, int End, bool IsMatch)> Cover(List<(int Start, int End)> matches, int length)
    {
        var stretches = new List<(int, int, bool)>(2 * matches.Count + 1);
        var previous = 0;
        foreach (var (start, end) in matches)
        {
            if (previous != start)
            {
                stretches.Add((previous, start, invert));
            }

            stretches.Add((start, end, !invert));
            previous = end;
        }

        if (previous != length)
        {
            stretches.Add((previous, length, invert));
        }

        return stretches;
    }

    private IEnumerable<(int Start, int End, bool IsMatch)> Arrange(List<(int Start, int End, bool IsMatch)> stretches)
    {
        switch (behavior)
        {
            case SplitBehavior.Removed:
                return stretches.Where(s => !s.IsMatch);
            case SplitBehavior.MergedWithPrevious:
                return Merge(stretches, (previous, next) => next && !previous);
            case SplitBehavior.MergedWithNext:
                stretches.Reverse();
                var merged = Merge(stretches, (previous, next) => next && !previous);
                merged.Reverse();
                return merged;
            case SplitBehavior.Contiguous:
                return Merge(stretches, (previous, next) => previous == next);
            default:
                return stretches;
        }
    }

    /// <summary>Joins a stretch to the one before it in the list where a rule on their kinds says so; what came before the first counts as no match.</summary>
    private static List<(int Start, int End, bool IsMatch)> Merge(List<(int Start, int End, bool IsMatch)> stretches, Func<bool, bool, bool> joins)
    {
        var merged = new List<(int Start, int End, bool IsMatch)>(stretches.Count);
        var wasMatch = false;
        foreach (var stretch in stretches)
        {
            if (merged.Count > 0 && joins(wasMatch, stretch.IsMatch))
            {
                var last = merged[^1];
                merged[^1] = last with { Start = Math.Min(last.Start, stretch.Start), End = Math.Max(last.End, stretch.End) };
            }
            else
            {
                merged.Add(stretch);
            }

            wasMatch = stretch.IsMatch;
        }

        return merged;
    }
}
