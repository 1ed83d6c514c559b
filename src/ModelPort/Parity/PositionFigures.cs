namespace ModelPort.Parity;

/// <summary>
/// Sums positions up to figures, with the formulas of llama-perplexity (its option --kl-divergence), so that they may be compared with published ones.
/// Sums run in the order of positions, so that the figures do not depend on threads.
/// </summary>
internal static class PositionFigures
{
    /// <summary>All figures of a comparison.</summary>
    /// <param name="positions">What was found at each position.</param>
    /// <param name="of">Whose logits were compared.</param>
    /// <param name="against">With what.</param>
    public static IReadOnlyList<Figure> Of(IReadOnlyList<PositionStatistics> positions, Subject of, Reference against)
    {
        PositionStatistics[] scored = [.. positions.Where(p => p.HasNext)];
        Figure Compared(Metric metric, double value, double? error = null) => Figure.For(metric, of, against, value, error);
        return
        [
            .. Losses(scored, Compared, of),
            .. Divergences(positions, Compared),
            .. ProbabilityChanges(scored, Compared),
            Agreement(positions, Compared),
            Compared(Metric.LargestLogitDifference, positions.Max(p => p.LargestDifference)),
            .. One(Compared, Metric.CosineSimilarity, Estimate.Of(positions, p => p.Cosine)),
        ];
    }

    /// <summary>The perplexity of the reference over the same positions.</summary>
    public static Figure ReferencePerplexity(IReadOnlyList<PositionStatistics> positions)
    {
        var loss = Estimate.Of(positions, p => p.ReferenceLoss);
        return Figure.For(Metric.Perplexity, Subject.Source, null, Math.Exp(loss.Mean), Math.Exp(loss.Mean) * loss.Error);
    }

    private static IEnumerable<Figure> Losses(PositionStatistics[] positions, Func<Metric, double, double?, Figure> compared, Subject of)
    {
        var loss = Estimate.Of(positions, p => p.Loss);
        var reference = Estimate.Of(positions, p => p.ReferenceLoss);
        double n = positions.Length;
        var covariance = (Sum(positions, p => p.Loss * p.ReferenceLoss) / n - loss.Mean * reference.Mean) / (n - 1);
        var ratio = loss.Mean - reference.Mean;
        var ratioError = Root(loss.Error * loss.Error + reference.Error * reference.Error - 2 * covariance);
        var (perplexity, referencePerplexity) = (Math.Exp(loss.Mean), Math.Exp(reference.Mean));
        var (error, referenceError) = (perplexity * loss.Error, referencePerplexity * reference.Error);
        yield return Figure.For(Metric.Perplexity, of, null, perplexity, error);
        yield return compared(Metric.LogPerplexityRatio, ratio, ratioError);
        yield return compared(Metric.PerplexityRatio, Math.Exp(ratio), Math.Exp(ratio) * ratioError);
        yield return compared(Metric.PerplexityIncrease, 100 * (Math.Exp(ratio) - 1), 100 * Math.Exp(ratio) * ratioError);
        yield return compared(
            Metric.PerplexityDifference,
            perplexity - referencePerplexity,
            Root(error * error + referenceError * referenceError - 2 * perplexity * referencePerplexity * covariance));
        yield return compared(Metric.LossCorrelation, 100 * covariance / (loss.Error * reference.Error), null);
    }

    private static IEnumerable<Figure> Divergences(IReadOnlyList<PositionStatistics> positions, Func<Metric, double, double?, Figure> compared)
    {
        var sorted = Sorted(positions, p => p.Divergence);
        return
        [
            .. One(compared, Metric.MeanDivergence, Estimate.Of(positions, p => p.Divergence)),
            compared(Metric.LargestDivergence, sorted[^1], null),
            .. Metric.DivergencePercentiles.Select(p => compared(p.Metric, Percentile(sorted, p.Fraction), null)),
            compared(Metric.SmallestDivergence, sorted[0], null),
        ];
    }

    private static IEnumerable<Figure> ProbabilityChanges(PositionStatistics[] positions, Func<Metric, double, double?, Figure> compared)
    {
        var sorted = Sorted(positions, p => p.ProbabilityChange);
        var square = Estimate.Of(positions, p => p.ProbabilityChange * p.ProbabilityChange);
        var rms = Math.Sqrt(square.Mean);
        return
        [
            .. One(compared, Metric.MeanProbabilityChange, Estimate.Of(positions, p => p.ProbabilityChange), 100),
            compared(Metric.RmsProbabilityChange, 100 * rms, rms == 0 ? 0 : 100 * 0.5 / rms * square.Error),
            compared(Metric.LargestProbabilityChange, 100 * (double)sorted[^1], null),
            .. Metric.ProbabilityChangePercentiles.Select(p => compared(p.Metric, 100 * (double)Percentile(sorted, p.Fraction), null)),
            compared(Metric.SmallestProbabilityChange, 100 * (double)sorted[0], null),
        ];
    }

    private static Figure Agreement(IReadOnlyList<PositionStatistics> positions, Func<Metric, double, double?, Figure> compared)
    {
        var share = (double)positions.Count(p => p.SameTop) / positions.Count;
        return compared(Metric.TopTokenAgreement, 100 * share, 100 * Root(share * (1 - share) / (positions.Count - 1)));
    }

    private static IEnumerable<Figure> One(Func<Metric, double, double?, Figure> compared, Metric metric, Estimate estimate, double factor = 1) =>
        [compared(metric, factor * estimate.Mean, factor * estimate.Error)];

    private static float[] Sorted(IReadOnlyList<PositionStatistics> positions, Func<PositionStatistics, float> value)
    {
        float[] values = [.. positions.Select(value)];
        Array.Sort(values);
        return values;
    }

    /// <summary>Linear between order statistics, in single precision.</summary>
    private static float Percentile(float[] sorted, float fraction)
    {
        var place = fraction * (sorted.Length - 1);
        var below = (int)place;
        place -= below;
        return (1 - place) * sorted[below] + place * sorted[Math.Min(below + 1, sorted.Length - 1)];
    }

    private static double Sum(IReadOnlyList<PositionStatistics> positions, Func<PositionStatistics, float> value) => positions.Aggregate(0.0, (sum, p) => sum + value(p));

    // Rounding can make a variance of nothing negative; NaN stays what it is.
    private static double Root(double variance) => variance < 0 ? 0 : Math.Sqrt(variance);

    /// <summary>A mean with its standard error, sqrt((mean of squares - square of mean) / (n - 1)).</summary>
    private readonly record struct Estimate(double Mean, double Error)
    {
        public static Estimate Of(IReadOnlyList<PositionStatistics> positions, Func<PositionStatistics, float> value)
        {
            double n = positions.Count;
            var mean = Sum(positions, value) / n;
            var squares = Sum(positions, p => value(p) * value(p)) / n;
            return new Estimate(mean, Root((squares - mean * mean) / (n - 1)));
        }
    }
}
