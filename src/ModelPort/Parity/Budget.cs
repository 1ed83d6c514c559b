using System.Globalization;
using ModelPort.Diagnostics;

namespace ModelPort.Parity;

/// <summary>A kind of limit: one row of the table of budgets.</summary>
/// <param name="Name">Its name, as item metadata spell it.</param>
/// <param name="Metric">What it limits.</param>
/// <param name="IsMaximum">Whether a measured number must not be above the limit (or below it).</param>
/// <param name="Read">The figures of a port that it judges; each must keep the limit, and none at all is a failure.</param>
/// <param name="Absolute">The metric whose old and new value stand behind the number; null when there is none.</param>
/// <param name="Needs">What has to be given for the metric to be measured, for the message when it was not.</param>
public sealed record BudgetKind(string Name, Metric Metric, bool IsMaximum, Func<IReadOnlyList<Figure>, IEnumerable<Figure>> Read, Metric? Absolute, string Needs)
{
    private const string Serving = "the serving metrics";
    private const string Task = "a task (.jsonl) in Evaluation";
    private const string Labels = "labels in Evaluation";
    private const string NumericOutput = "an output of numbers";

    /// <summary>Growth of perplexity, in percent.</summary>
    public static readonly BudgetKind MaxPerplexityIncrease = Each("MaxPerplexityIncrease", Metric.PerplexityIncrease, true, Metric.Perplexity, "an evaluation text");

    /// <summary>Mean Kullback-Leibler divergence, in nats.</summary>
    public static readonly BudgetKind MaxMeanDivergence = Each("MaxMeanDivergence", Metric.MeanDivergence, true, null, "an evaluation text");

    /// <summary>Share of positions at which both rank the same token first, in percent.</summary>
    public static readonly BudgetKind MinTopTokenAgreement = Each("MinTopTokenAgreement", Metric.TopTokenAgreement, false, null, "an evaluation text");

    /// <summary>Share of texts that the port splits as its source does, in percent.</summary>
    public static readonly BudgetKind MinTokenizerAgreement = Each(
        "MinTokenizerAgreement", Metric.TokenizerAgreement, false, null, "a tokenizer whose every part is reproduced (the warning MP3030 says which is not)");

    /// <summary>All kinds for models that llama.cpp runs, in the order in which they are judged.</summary>
    public static IReadOnlyList<BudgetKind> All { get; } =
    [
        MaxPerplexityIncrease,
        MaxMeanDivergence,
        MinTopTokenAgreement,
        MinTokenizerAgreement,
        Each("MaxAccuracyDrop", Metric.AccuracyDrop, true, Metric.Accuracy, Task),
        Each("MinAccuracy", Metric.Accuracy, false, Metric.Accuracy, Task),
        Closest("MaxOutputError", Metric.LargestLogitDifference, true, "an evaluation text or ReferenceOutputs"),
        Closest("MinCosineSimilarity", Metric.CosineSimilarity, false, "an evaluation text or ReferenceOutputs"),
        Each("MaxP95Latency", Metric.TokenLatencyP95, true, Metric.TokenLatencyP95, Serving),
        Each("MinTokensPerSecond", Metric.GenerationTokensPerSecond, false, Metric.GenerationTokensPerSecond, Serving),
        Each("MaxPeakMemory", Metric.PeakMemory, true, Metric.PeakMemory, Serving),
        Each("MaxSize", Metric.FileSize, true, Metric.FileSize, "a measured port"),
        Each("MaxCostPerMillionTokens", Metric.CostPerMillionTokens, true, Metric.CostPerMillionTokens, Serving),
    ];

    /// <summary>All kinds for models that ONNX Runtime runs: the same names limit the numbers of such models.</summary>
    public static IReadOnlyList<BudgetKind> OfOnnx { get; } =
    [
        Each("MaxAccuracyDrop", Metric.AccuracyDrop, true, Metric.Accuracy, Labels),
        Each("MinAccuracy", Metric.Accuracy, false, Metric.Accuracy, Labels),
        Closest("MaxOutputError", Metric.LargestOutputDifference, true, NumericOutput),
        Closest("MinCosineSimilarity", Metric.CosineSimilarity, false, NumericOutput),
        AtFirst("MaxP95Latency", Metric.RunLatencyP95),
        Each("MaxPeakMemory", Metric.PeakMemory, true, Metric.PeakMemory, Serving),
        Each("MaxSize", Metric.FileSize, true, Metric.FileSize, "a measured port"),
        AtFirst("MaxCostPerMillionRequests", Metric.CostPerMillionRequests),
    ];

    /// <summary>The kind that a budget of a manifest is of.</summary>
    public static BudgetKind Of(BudgetResult budget) => All.Concat(OfOnnx).First(k => k.Name == budget.Name && k.Metric.Name == budget.Metric);

    // Whatever the port was compared with must be kept.
    private static BudgetKind Each(string name, Metric metric, bool isMaximum, Metric? absolute, string needs) =>
        new(name, metric, isMaximum, figures => figures.Where(f => f.Name == metric.Name && f.Of == Subject.Port), absolute, needs);

    // Times are taken at several batch sizes, and the figures of the first one that the user gave come first.
    private static BudgetKind AtFirst(string name, Metric metric) =>
        new(name, metric, true, figures => figures.Where(f => f.Name == metric.Name && f.Of == Subject.Port).Take(1), metric, Serving);

    // Limits on outputs are set with a reference in mind, where there is one, and hold for each output.
    private static BudgetKind Closest(string name, Metric metric, bool isMaximum, string needs) =>
        new(name, metric, isMaximum, figures => figures.Where(f => f.Name == metric.Name && f.Of == Subject.Port).GroupBy(f => f.On).Select(g => g.MaxBy(f => f.Against)!), null, needs);
}

/// <summary>A limit that a port must keep.</summary>
/// <param name="Kind">What is limited.</param>
/// <param name="Limit">The limit, in the metric's unit.</param>
/// <param name="IsDefault">Whether the limit is the precision's default rather than the user's.</param>
public sealed record Budget(BudgetKind Kind, double Limit, bool IsDefault = false)
{
    /// <summary>The names of all budgets for models that llama.cpp runs, as item metadata spell them.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. BudgetKind.All.Select(k => k.Name)];

    /// <summary>Judges a measured number; NaN misses every limit.</summary>
    /// <param name="value">The number.</param>
    /// <param name="error">Its standard error, or null.</param>
    /// <param name="strict">Whether a number outside by less than its error misses too.</param>
    public BudgetVerdict Judge(double value, double? error, bool strict)
    {
        var outside = Kind.IsMaximum ? value - Limit : Limit - value;
        return outside <= 0 ? BudgetVerdict.Kept
            : !strict && error is { } e && double.IsFinite(e) && outside <= e ? BudgetVerdict.WithinError
            : BudgetVerdict.Missed;
    }

    /// <summary>Reads one budget for a model of any runtime; numbers are written with a point.</summary>
    /// <exception cref="ModelPortException">MP1019: the name is unknown; MP1020: the value is no number.</exception>
    public static Budget Parse(string name, string value, string file) => Parse(name, value, file, [.. BudgetKind.All, .. BudgetKind.OfOnnx]);

    /// <summary>Reads one budget; numbers are written with a point.</summary>
    /// <exception cref="ModelPortException">MP1019: the name is unknown; MP1020: the value is no number.</exception>
    internal static Budget Parse(string name, string value, string file, IReadOnlyList<BudgetKind> kinds)
    {
        var kind = kinds.FirstOrDefault(k => k.Name.Equals(name, StringComparison.OrdinalIgnoreCase))
            ?? throw new ModelPortException(Diagnose.UnknownOption(file, name, kinds.Select(k => k.Name).Distinct(), Nearest.To(name, kinds.Select(k => k.Name))));
        if (!double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out var limit) || !double.IsFinite(limit) || limit < 0)
        {
            throw new ModelPortException(Diagnose.InvalidOption(file, name, value, "a number that is not negative, with a decimal point"));
        }

        return new Budget(kind, limit);
    }
}
