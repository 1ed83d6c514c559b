namespace ModelPort.Parity;

/// <summary>What a report shows of single positions: how the divergences are spread, and where they are largest.</summary>
/// <param name="Histogram">The divergences of all positions.</param>
/// <param name="Worst">The positions with the largest divergences, the worst first.</param>
public sealed record PositionDigest(DivergenceHistogram Histogram, IReadOnlyList<WorstPosition> Worst)
{
    private const int MostWorst = 12;
    private const int ContextTokens = 28;

    /// <summary>Sums up a comparison.</summary>
    /// <param name="positions">What was found at each position, window after window.</param>
    /// <param name="windows">The windows.</param>
    /// <param name="spell">Spells tokens.</param>
    internal static PositionDigest Of(IReadOnlyList<PositionStatistics> positions, TokenWindows windows, Func<int[], string> spell)
    {
        var worst = Enumerable.Range(0, positions.Count)
            .Where(i => positions[i].HasNext)
            .OrderByDescending(i => positions[i].Divergence)
            .ThenBy(i => i)
            .Take(MostWorst)
            .Select(i =>
            {
                var (window, row) = Math.DivRem(i, windows.Rows);
                var next = windows.FirstScored + row + 1;
                return new WorstPosition(
                    window,
                    next,
                    spell(windows[window][Math.Max(0, next - ContextTokens)..next].ToArray()),
                    spell([windows.Next(window, row)]),
                    positions[i].Divergence,
                    Math.Exp(-positions[i].ReferenceLoss),
                    Math.Exp(-positions[i].Loss),
                    positions[i].SameTop);
            });
        return new PositionDigest(DivergenceHistogram.Of(positions), [.. worst]);
    }
}

/// <summary>A position at which the port differs much from its source.</summary>
/// <param name="Window">The window, from 0.</param>
/// <param name="Position">The place of <paramref name="Next"/> in the window, from 0.</param>
/// <param name="Before">The text before it, at most 28 tokens.</param>
/// <param name="Next">The token that follows in the text.</param>
/// <param name="Divergence">Kullback-Leibler divergence of the port from the source, in nats.</param>
/// <param name="InSource">The probability that the source gives to <paramref name="Next"/>, 0 to 1.</param>
/// <param name="InPort">The probability that the port gives to it.</param>
/// <param name="SameTop">Whether both rank the same token first.</param>
public sealed record WorstPosition(int Window, int Position, string Before, string Next, double Divergence, double InSource, double InPort, bool SameTop);

/// <summary>How many positions have a divergence of each size; four bins to a power of ten.</summary>
/// <param name="LowestExponent">The first bin holds all below 10^<paramref name="LowestExponent"/>.</param>
/// <param name="BinsPerDecade">Bins to a power of ten.</param>
/// <param name="Counts">Positions in each bin; the last one holds all that is larger.</param>
public sealed record DivergenceHistogram(int LowestExponent, int BinsPerDecade, IReadOnlyList<int> Counts)
{
    private const int Lowest = -7;
    private const int Highest = 2;
    private const int PerDecade = 4;

    /// <summary>Counts positions.</summary>
    public static DivergenceHistogram Of(IReadOnlyList<PositionStatistics> positions)
    {
        var counts = new int[(Highest - Lowest) * PerDecade + 2];
        foreach (var position in positions)
        {
            // Rounding takes a divergence of nothing below zero, where there is no logarithm; NaN is as bad as it gets.
            var bin = position.Divergence <= 0 ? 0 : Math.Floor((Math.Log10(position.Divergence) - Lowest) * PerDecade) + 1;
            counts[double.IsNaN(bin) ? ^1 : (int)Math.Clamp(bin, 0, counts.Length - 1)]++;
        }

        return new DivergenceHistogram(Lowest, PerDecade, counts);
    }
}
