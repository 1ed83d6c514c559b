using System.Text.Json.Serialization;
using ModelPort.Manifests;
using ModelPort.Parity.Tokenizers;
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

/// <summary>How one number was judged.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<BudgetVerdict>))]
public enum BudgetVerdict
{
    /// <summary>The number is within the limit.</summary>
    [JsonStringEnumMemberName("kept")]
    Kept,

    /// <summary>The number is outside the limit by no more than its standard error, which is not enough to fail a port.</summary>
    [JsonStringEnumMemberName("withinError")]
    WithinError,

    /// <summary>The number is outside the limit.</summary>
    [JsonStringEnumMemberName("missed")]
    Missed,

    /// <summary>There is no number. A limit on it is not kept.</summary>
    [JsonStringEnumMemberName("notMeasured")]
    NotMeasured,
}

/// <summary>A budget with what was measured.</summary>
/// <param name="Name">The budget's name.</param>
/// <param name="Metric">The metric that it limits.</param>
/// <param name="Against">What the number compares with; null for a number that stands by itself.</param>
/// <param name="Limit">Its limit.</param>
/// <param name="IsDefault">Whether the limit is the precision's default.</param>
/// <param name="Measured">The measured number; null when it was not measured.</param>
/// <param name="Error">Its standard error; null where it has none.</param>
/// <param name="Unit">The unit of all three; null for plain numbers.</param>
/// <param name="Verdict">How it was judged.</param>
/// <param name="On">The task that it was measured on; null for all that is not measured on tasks.</param>
public sealed record BudgetResult(
    string Name,
    string Metric,
    Reference? Against,
    double Limit,
    bool IsDefault,
    double? Measured,
    double? Error,
    string? Unit,
    BudgetVerdict Verdict,
    string? On = null)
{
    /// <summary>Whether this is no reason to refuse the port.</summary>
    [JsonIgnore]
    public bool Passes => Verdict is BudgetVerdict.Kept or BudgetVerdict.WithinError;
}

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
            "IQ3_S" or "IQ3_XS" => (80.0, 1.5, 42.0),
            "IQ3_XXS" => (100.0, 1.8, 38.0),
            "Q2_K" or "IQ2_M" => (170.0, 2.5, 30.0),
            "Q2_K_S" or "IQ2_S" => (260.0, 3.0, 27.0),
            "IQ2_XS" => (320.0, 3.5, 22.0),
            "IQ2_XXS" => (500.0, 4.3, 18.0),
            "IQ1_M" => (1600.0, 6.5, 11.0),
            "IQ1_S" => (2200.0, 7.5, 10.0),
            // A model that was not trained ternary must miss it.
            "TQ2_0" or "TQ1_0" => (12.0, 0.25, 70.0),
            _ => (20.0, 0.45, 60.0),
        };
        return
        [
            new(BudgetKind.MaxPerplexityIncrease, increase, true),
            new(BudgetKind.MaxMeanDivergence, divergence, true),
            new(BudgetKind.MinTopTokenAgreement, agreement, true),
            new(BudgetKind.MinTokenizerAgreement, 99.5, true),
        ];
    }

    /// <summary>The limits of an output of llama.cpp's. Where it could not be compared how it splits text, which a warning says, none limits that.</summary>
    internal static IEnumerable<Budget> Defaults(OutputRecord output) =>
        Defaults(Precision.All.First(p => p.Name == (output.Mix?.Yardstick ?? output.Precision)), output.Tokenizer);

    private static IEnumerable<Budget> Defaults(Precision precision, TokenizerComparison? tokenizer) =>
        Defaults(precision).Where(d => tokenizer?.NotChecked is null || d.Kind != BudgetKind.MinTokenizerAgreement);

    /// <summary>The user's budgets, and defaults for what they leave open.</summary>
    internal static IReadOnlyList<Budget> Applicable(IReadOnlyList<Budget> user, IEnumerable<Budget> defaults) => [.. user, .. defaults.Where(d => user.All(u => u.Kind != d.Kind))];

    /// <summary>The user's budgets, and the defaults of the precision for what they leave open.</summary>
    /// <param name="precision">The precision.</param>
    /// <param name="user">The user's budgets.</param>
    /// <param name="tokenizer">How the port splits text. Where that could not be compared, which a warning says, no default limits it.</param>
    public static IReadOnlyList<Budget> Applicable(Precision precision, IReadOnlyList<Budget> user, TokenizerComparison? tokenizer) =>
        Applicable(user, Defaults(precision, tokenizer));

    /// <summary>Judges the figures of a port. A budget whose metric was not measured is not kept.</summary>
    /// <param name="figures">What was measured.</param>
    /// <param name="budgets">The limits.</param>
    /// <param name="strict">Whether a number outside by less than its standard error misses too.</param>
    public static IReadOnlyList<BudgetResult> Check(IReadOnlyList<Figure> figures, IReadOnlyList<Budget> budgets, bool strict)
    {
        var results = new List<BudgetResult>();
        foreach (var budget in budgets.OrderBy(b => BudgetKind.All.Concat(BudgetKind.OfOnnx).Index().First(k => k.Item == b.Kind).Index))
        {
            var (kind, unit) = (budget.Kind, budget.Kind.Metric.Unit is { Length: > 0 } u ? u : null);
            var judged = kind.Read(figures)
                .Select(f => new BudgetResult(kind.Name, kind.Metric.Name, f.Against, budget.Limit, budget.IsDefault, f.Value, f.Error, unit, budget.Judge(f.Value, f.Error, strict), f.On))
                .ToArray();
            results.AddRange(judged.Length > 0
                ? judged
                : [new BudgetResult(kind.Name, kind.Metric.Name, null, budget.Limit, budget.IsDefault, null, null, unit, BudgetVerdict.NotMeasured)]);
        }

        return results;
    }
}
