namespace ModelPort.Caching;

/// <summary>Why work is done again: what two keys of a stage differ in.</summary>
public static class KeyChange
{
    private const int ShownDigits = 12;

    /// <summary>Every part that differs, as a clause: "Calibration changed: 1a2b -> 3c4d".</summary>
    /// <param name="before">The parts of the key that was.</param>
    /// <param name="now">The parts of the key that is.</param>
    public static IReadOnlyList<string> Between(IReadOnlyList<KeyPart> before, IReadOnlyList<KeyPart> now)
    {
        var was = before.DistinctBy(p => p.Name).ToDictionary(p => p.Name, p => p.Value, StringComparer.Ordinal);
        var clauses = new List<string>();
        foreach (var part in now)
        {
            if (!was.Remove(part.Name, out var old))
            {
                clauses.Add($"{part.Name} is new: {Shown(part.Value)}");
            }
            else if (old != part.Value)
            {
                clauses.Add($"{part.Name} changed: {Shown(old)} -> {Shown(part.Value)}");
            }
        }

        clauses.AddRange(before.Where(p => was.ContainsKey(p.Name)).Select(p => $"{p.Name} is gone: {Shown(p.Value)}"));
        return clauses;
    }

    /// <summary>Why work is done again, as sentences: "ported again because Calibration changed: 1a2b -> 3c4d"; nothing when it is not.</summary>
    /// <param name="what">What is done.</param>
    /// <param name="before">The key that was.</param>
    /// <param name="parts">Its parts.</param>
    /// <param name="now">The key that is.</param>
    internal static IReadOnlyList<string> Reasons(string what, string before, IReadOnlyList<KeyPart> parts, StageKey now) => before == now.Value ? []
        : parts.Count == 0 ? [$"{what} because it was not done"]
        : [.. Between(parts, now.Parts).Select(change => $"{what} because {change}").DefaultIfEmpty($"{what} because what it depends on was recorded in another form")];

    // Of a hash the beginning says enough.
    private static string Shown(string value) => value.Length == 0 ? "nothing" : StoreRecord.IsHash(value) ? value[..ShownDigits] : value;
}
