using ModelPort.Manifests;
using ModelPort.Parity;

namespace ModelPort.Packages;

/// <summary>The few numbers of a port by which packages are chosen and refused. The manifest has all of them.</summary>
internal static class PackedFigures
{
    private static readonly (string Name, Metric Metric, Func<IEnumerable<Figure>, double> Worst)[] Known =
    [
        ("Perplexity", Metric.Perplexity, f => f.Max(x => x.Value)),
        ("PerplexityIncrease", Metric.PerplexityIncrease, f => f.Max(x => x.Value)),
        ("MeanDivergence", Metric.MeanDivergence, f => f.Max(x => x.Value)),
        ("TopTokenAgreement", Metric.TopTokenAgreement, f => f.Min(x => x.Value)),
        ("TokenizerAgreement", Metric.TokenizerAgreement, f => f.Min(x => x.Value)),
        ("CosineSimilarity", Metric.CosineSimilarity, f => f.Min(x => x.Value)),
        ("LargestOutputDifference", Metric.LargestOutputDifference, f => f.Max(x => x.Value)),
        ("Accuracy", Metric.Accuracy, f => f.Min(x => x.Value)),
        ("AccuracyDrop", Metric.AccuracyDrop, f => f.Max(x => x.Value)),
    ];

    /// <summary>Those that were measured; where there are several, of tasks or references, the worst. One that is no number is left out.</summary>
    public static IEnumerable<(string Name, Metric Metric, double Value)> Of(OutputRecord output) =>
        from known in Known
        let figures = output.Metrics.Where(f => f.Of == Subject.Port && f.Name == known.Metric.Name).ToArray()
        where figures.Length > 0
        let worst = known.Worst(figures)
        where double.IsFinite(worst)
        select (known.Name, known.Metric, worst);

    /// <summary>The verdict as the manifest spells it.</summary>
    public static string VerdictOf(OutputRecord output) => output.Verdict switch
    {
        Verdict.Kept => "kept",
        Verdict.Missed => "missed",
        _ => "notMeasured",
    };
}
