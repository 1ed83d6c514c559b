using System.Globalization;
using ModelPort.Diagnostics;

namespace ModelPort.Parity;

/// <summary>A number that a budget limits.</summary>
public enum BudgetMetric
{
    /// <summary>Growth of perplexity against the source, in percent.</summary>
    MaxPerplexityIncrease,

    /// <summary>Mean Kullback-Leibler divergence of the port from the source, in nats.</summary>
    MaxMeanDivergence,

    /// <summary>Share of positions at which source and port rank the same token first, in percent.</summary>
    MinTopTokenAgreement,

    /// <summary>Largest absolute difference of a logit to the reference outputs (to the source's, when none are given).</summary>
    MaxOutputError,

    /// <summary>Cosine similarity of the logits of port and source, over all positions.</summary>
    MinCosineSimilarity,

    /// <summary>Prompt tokens a second, measured on the build machine while parity is measured.</summary>
    MinTokensPerSecond,

    /// <summary>Size of the ported file, in MB of 1,000,000 bytes.</summary>
    MaxSize,
}

/// <summary>A limit that a port must keep.</summary>
/// <param name="Metric">What is limited.</param>
/// <param name="Limit">The limit, in the metric's unit.</param>
/// <param name="IsDefault">Whether the limit is the precision's default rather than the user's.</param>
public sealed record Budget(BudgetMetric Metric, double Limit, bool IsDefault = false)
{
    /// <summary>The names of all budgets, as item metadata spell them.</summary>
    public static IReadOnlyList<string> Names { get; } = Enum.GetNames<BudgetMetric>();

    /// <summary>Whether a measured value keeps the limit; NaN never does.</summary>
    public bool Allows(double measured) => IsUpperLimit ? measured <= Limit : measured >= Limit;

    /// <summary>Whether the limit is a maximum.</summary>
    public bool IsUpperLimit => Metric.ToString().StartsWith("Max", StringComparison.Ordinal);

    /// <summary>A measured value of this metric with its unit.</summary>
    public string Format(double value) => Metric switch
    {
        BudgetMetric.MaxPerplexityIncrease => value.ToString("0.###", CultureInfo.InvariantCulture) + " %",
        BudgetMetric.MaxMeanDivergence => value.ToString("0.######", CultureInfo.InvariantCulture) + " nats",
        BudgetMetric.MinTopTokenAgreement => value.ToString("0.##", CultureInfo.InvariantCulture) + " %",
        BudgetMetric.MinTokensPerSecond => value.ToString("0.#", CultureInfo.InvariantCulture) + " tokens/s",
        BudgetMetric.MaxSize => value.ToString("0.###", CultureInfo.InvariantCulture) + " MB",
        _ => value.ToString("0.######", CultureInfo.InvariantCulture),
    };

    /// <summary>Reads one budget; numbers are written with a point.</summary>
    /// <exception cref="ModelPortException">MP1019: the name is unknown; MP1020: the value is no number.</exception>
    public static Budget Parse(string name, string value, string file)
    {
        if (!Enum.TryParse<BudgetMetric>(name, ignoreCase: true, out var metric) || !Names.Contains(metric.ToString()))
        {
            throw new ModelPortException(Diagnose.UnknownOption(file, name, Names, Nearest.To(name, Names)));
        }

        if (!double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out var limit) || !double.IsFinite(limit) || limit < 0)
        {
            throw new ModelPortException(Diagnose.InvalidOption(file, name, value, "a number that is not negative, with a decimal point"));
        }

        return new Budget(metric, limit);
    }
}
