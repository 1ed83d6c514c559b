namespace ModelPort.Parity.Serving;

/// <summary>Order statistics of measured times, which have outliers that a mean would follow.</summary>
internal static class Quantiles
{
    /// <summary>The value that a share of the values stay below: linear between order statistics at share * (n - 1).</summary>
    /// <param name="values">At least one value.</param>
    /// <param name="share">0 to 1.</param>
    public static double Of(IEnumerable<double> values, double share)
    {
        double[] sorted = [.. values.Order()];
        var place = share * (sorted.Length - 1);
        var below = (int)place;
        return sorted[below] + (place - below) * (sorted[Math.Min(below + 1, sorted.Length - 1)] - sorted[below]);
    }

    /// <summary>The median.</summary>
    public static double Median(IEnumerable<double> values) => Of(values, 0.5);

    /// <summary>
    /// The standard error of a median: 0.93 times the distance of the quartiles by the root of n, as for the notches of box plots (R. McGill, J. W. Tukey and
    /// W. A. Larsen, "Variations of Box Plots", The American Statistician 32 (1978) 12-16, whose 1.57 is 1.7 of these errors).
    /// </summary>
    public static double MedianError(IReadOnlyList<double> values) => 0.93 * (Of(values, 0.75) - Of(values, 0.25)) / Math.Sqrt(values.Count);
}
