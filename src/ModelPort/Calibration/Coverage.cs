using ModelPort.Formats.Importance;
using ModelPort.Manifests;

namespace ModelPort.Calibration;

/// <summary>How much of a text each weight, and each expert, of an importance matrix has seen.</summary>
public static class Coverage
{
    /// <summary>
    /// A mean over fewer squares is off by a tenth or more: the standard error of a mean of n squared Gaussian numbers is sqrt(2 / n) of it.
    /// </summary>
    public const int FewestActivations = 200;

    /// <summary>The coverage of every entry; nothing for the old format, whose counts are chunks and the same for all experts.</summary>
    public static IReadOnlyList<CoverageRecord> Of(ImportanceMatrix matrix) =>
        matrix.IsLegacy ? [] : [.. matrix.Entries.Select(e => Of(e.Key, e.Value.Counts))];

    private static CoverageRecord Of(string tensor, ReadOnlySpan<long> counts)
    {
        var sparse = new List<int>();
        var (fewest, most) = (long.MaxValue, 0L);
        for (var i = 0; i < counts.Length; i++)
        {
            fewest = Math.Min(fewest, counts[i]);
            most = Math.Max(most, counts[i]);
            if (counts[i] < FewestActivations)
            {
                sparse.Add(i);
            }
        }

        return new CoverageRecord(tensor, counts.Length, fewest, most, sparse.Count > 0 ? sparse : null);
    }
}
