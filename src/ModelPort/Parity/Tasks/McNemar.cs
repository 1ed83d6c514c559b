using System.Text.Json.Serialization;

namespace ModelPort.Parity.Tasks;

/// <summary>How a <see cref="McNemar"/> test was computed.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<McNemarTest>))]
public enum McNemarTest
{
    /// <summary>From the binomial distribution of the discordant pairs.</summary>
    [JsonStringEnumMemberName("exact")]
    Exact,

    /// <summary>From the chi-square distribution with one degree of freedom, with Edwards' correction for continuity.</summary>
    [JsonStringEnumMemberName("chiSquare")]
    ChiSquare,
}

/// <summary>
/// McNemar's test of paired answers: how probable a difference at least as large is when source and port are equally good, and each answer that only one
/// of them gets right is as likely to be the other's.
/// </summary>
/// <remarks>
/// With b answers right only in the source, c right only in the port and n = b + c: up to 25 the exact two-sided binomial, twice the sum of C(n, i) / 2^n
/// over i from 0 to min(b, c), at most 1; else the chi-square of (|b - c| - 1)^2 / n. Sources: Q. McNemar, "Note on the sampling error of the difference
/// between correlated proportions or percentages", Psychometrika 12 (1947) 153-157; A. L. Edwards, "Note on the correction for continuity in testing the
/// significance of the difference between correlated proportions", Psychometrika 13 (1948) 185-187.
/// </remarks>
/// <param name="PValue">The probability, 0 to 1.</param>
/// <param name="Test">How it was computed.</param>
public sealed record McNemar(double PValue, McNemarTest Test)
{
    private const int MostForExact = 25;

    /// <summary>Tests two counts of discordant pairs.</summary>
    /// <param name="lost">Answers right only in the source.</param>
    /// <param name="gained">Answers right only in the port.</param>
    public static McNemar Of(int lost, int gained)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(lost);
        ArgumentOutOfRangeException.ThrowIfNegative(gained);
        if (lost + gained <= MostForExact)
        {
            return new McNemar(Binomial(Math.Min(lost, gained), lost + gained), McNemarTest.Exact);
        }

        // The tail of a chi-square with one degree of freedom is that of a normal distribution on both sides.
        double distance = Math.Max(0, Math.Abs(lost - gained) - 1);
        return new McNemar(ErrorFunction.Complement(distance / Math.Sqrt(2.0 * (lost + gained))), McNemarTest.ChiSquare);
    }

    private static double Binomial(int least, int n)
    {
        var (term, sum) = (Math.Pow(0.5, n), 0.0);
        for (var i = 0; i <= least; i++)
        {
            sum += term;
            term *= (double)(n - i) / (i + 1);
        }

        return Math.Min(1, 2 * sum);
    }
}
