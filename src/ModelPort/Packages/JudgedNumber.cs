using ModelPort.Parity;
using ModelPort.Runtime;

namespace ModelPort.Packages;

/// <summary>How a number of a release is judged against the release before.</summary>
/// <param name="Metric">The number.</param>
/// <param name="Ideal">What it would be of a perfect port; infinite where more, or less, is always better.</param>
internal sealed record JudgedNumber(Metric Metric, double Ideal)
{
    // Of a number without an error, this much more of its distance to the ideal is worse.
    private const double Slack = 0.1;

    /// <summary>Every number with a better and a worse end that does not follow from the others. Extremes of single positions are left out: they move with every change.</summary>
    public static IReadOnlyList<JudgedNumber> All { get; } =
    [
        new(Metric.Perplexity, double.NegativeInfinity),
        new(Metric.PerplexityIncrease, double.NegativeInfinity),
        new(Metric.MeanDivergence, 0),
        new(Metric.DivergencePercentiles.First(p => p.Fraction == 0.99f).Metric, 0),
        new(Metric.RmsProbabilityChange, 0),
        new(Metric.LossCorrelation, 100),
        new(Metric.TopTokenAgreement, double.PositiveInfinity),
        new(Metric.CosineSimilarity, 1),
        new(Metric.LargestOutputDifference, 0),
        new(Metric.RelativeOutputError, 0),
        new(Metric.TokenizerAgreement, double.PositiveInfinity),
        new(Metric.Accuracy, double.PositiveInfinity),
    ];

    /// <summary>Judges.</summary>
    /// <param name="old">The number before; null where it was not measured.</param>
    /// <param name="current">The number now.</param>
    public ChangeKind Kind(PortedMetric? old, PortedMetric? current)
    {
        // A number that nobody took before is no loss.
        if (old is null && current is not null)
        {
            return ChangeKind.Different;
        }

        if (old is null || current is null || double.IsNaN(old.Value) || double.IsNaN(current.Value))
        {
            return ChangeKind.Incomparable;
        }

        var worse = double.IsFinite(Ideal) ? Math.Abs(current.Value - Ideal) - Math.Abs(old.Value - Ideal) : Ideal > 0 ? old.Value - current.Value : current.Value - old.Value;
        var (a, b) = (old.Error ?? 0, current.Error ?? 0);
        var tolerance = a + b > 0 || !double.IsFinite(Ideal) ? Math.Sqrt(a * a + b * b) : Slack * Math.Min(Math.Abs(old.Value - Ideal), Math.Abs(current.Value - Ideal));
        return Math.Abs(worse) <= tolerance ? old.Value == current.Value ? ChangeKind.None : ChangeKind.Different : worse > 0 ? ChangeKind.Worse : ChangeKind.Better;
    }
}
