using System.Text.Json.Serialization;
using ModelPort.Planning;

namespace ModelPort.Parity;

/// <summary>How a port was judged.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<Verdict>))]
public enum Verdict
{
    /// <summary>All budgets are kept.</summary>
    [JsonStringEnumMemberName("kept")]
    Kept,

    /// <summary>A budget is missed.</summary>
    [JsonStringEnumMemberName("missed")]
    Missed,

    /// <summary>Nothing was measured, because the user switched parity off.</summary>
    [JsonStringEnumMemberName("notMeasured")]
    NotMeasured,
}

/// <summary>A budget with what was measured.</summary>
/// <param name="Name">The budget's name.</param>
/// <param name="Limit">Its limit.</param>
/// <param name="Measured">The measured number.</param>
/// <param name="Kept">Whether the limit is kept.</param>
/// <param name="IsDefault">Whether the limit is the precision's default.</param>
public sealed record BudgetResult(string Name, double Limit, double Measured, bool Kept, bool IsDefault);

/// <summary>Judges measured numbers by budgets.</summary>
public static class Judge
{
    /// <summary>
    /// The limits that hold when the user gives none: what an undamaged port of the precision keeps on the small checkpoints of this repository, which
    /// lose far more than large models do, with room to spare. docs/parity.md has the measurements.
    /// </summary>
    public static IReadOnlyList<Budget> Defaults(Precision precision)
    {
        var (increase, divergence, agreement) = precision.Name switch
        {
            "F32" or "F16" or "BF16" => (0.5, 0.005, 96.0),
            "Q8_0" => (1.0, 0.01, 94.0),
            "Q6_K" => (2.5, 0.04, 88.0),
            "Q5_K_M" or "Q5_K_S" => (5.0, 0.1, 82.0),
            "Q5_1" or "Q5_0" => (8.0, 0.13, 77.0),
            "Q4_K_M" or "Q4_K_S" => (12.0, 0.25, 70.0),
            "Q4_1" or "IQ4_NL" or "IQ4_XS" => (18.0, 0.4, 63.0),
            "Q3_K_L" or "Q3_K_M" => (30.0, 0.75, 53.0),
            "Q3_K_S" or "IQ3_M" => (60.0, 1.2, 44.0),
            "IQ3_S" => (80.0, 1.5, 42.0),
            "Q2_K" => (170.0, 2.5, 30.0),
            // A model that was not trained ternary must miss it.
            "TQ2_0" or "TQ1_0" => (12.0, 0.25, 70.0),
            _ => (20.0, 0.45, 60.0),
        };
        return
        [
            new(BudgetMetric.MaxPerplexityIncrease, increase, true),
            new(BudgetMetric.MaxMeanDivergence, divergence, true),
            new(BudgetMetric.MinTopTokenAgreement, agreement, true),
        ];
    }

    /// <summary>The user's budgets, and the defaults of the precision for what they leave open.</summary>
    public static IReadOnlyList<Budget> Applicable(Precision precision, IReadOnlyList<Budget> user) =>
        [.. user, .. Defaults(precision).Where(d => user.All(u => u.Metric != d.Metric))];

    /// <summary>Judges a measured port.</summary>
    /// <param name="parity">What was measured.</param>
    /// <param name="bytes">The file's length.</param>
    /// <param name="budgets">The limits.</param>
    public static IReadOnlyList<BudgetResult> Check(PortParity parity, long bytes, IReadOnlyList<Budget> budgets) =>
        [.. budgets.Select(b =>
        {
            var measured = Measured(b.Metric, parity, bytes);
            return new BudgetResult(b.Metric.ToString(), b.Limit, measured, b.Allows(measured), b.IsDefault);
        })];

    private static double Measured(BudgetMetric metric, PortParity parity, long bytes) => metric switch
    {
        BudgetMetric.MaxPerplexityIncrease => parity.Metrics.PerplexityIncrease,
        BudgetMetric.MaxMeanDivergence => parity.Metrics.MeanDivergence,
        BudgetMetric.MinTopTokenAgreement => parity.Metrics.TopTokenAgreement,
        BudgetMetric.MaxOutputError => (parity.Reference?.Port ?? parity.Metrics).LargestLogitDifference,
        BudgetMetric.MinCosineSimilarity => parity.Metrics.CosineSimilarity,
        BudgetMetric.MinTokensPerSecond => parity.TokensPerSecond,
        BudgetMetric.MaxSize => bytes / 1e6,
        _ => double.NaN,
    };
}
