namespace ModelPort.Diagnostics;

/// <summary>Finds the name a user may have meant.</summary>
public static class Nearest
{
    /// <summary>The candidate with the smallest edit distance to <paramref name="text"/>, ignoring case, or null when none is near.</summary>
    public static string? To(string text, IEnumerable<string> candidates)
    {
        var limit = Math.Max(2, text.Length / 3);
        return candidates
            .Where(c => Math.Abs(c.Length - text.Length) <= limit)
            .Select(c => (Name: c, Distance: Distance(text, c)))
            .Where(c => c.Distance <= limit)
            .OrderBy(c => c.Distance)
            .ThenBy(c => c.Name, StringComparer.Ordinal)
            .Select(c => c.Name)
            .FirstOrDefault();
    }

    /// <summary>The Levenshtein distance between two words, ignoring case.</summary>
    private static int Distance(string a, string b)
    {
        var previous = Enumerable.Range(0, b.Length + 1).ToArray();
        var current = new int[b.Length + 1];
        for (var i = 1; i <= a.Length; i++)
        {
            current[0] = i;
            for (var j = 1; j <= b.Length; j++)
            {
                var substitution = previous[j - 1] + (char.ToUpperInvariant(a[i - 1]) == char.ToUpperInvariant(b[j - 1]) ? 0 : 1);
                current[j] = Math.Min(substitution, Math.Min(previous[j], current[j - 1]) + 1);
            }

            (previous, current) = (current, previous);
        }

        return previous[b.Length];
    }
}
