namespace ModelPort.Parity.Tasks;

/// <summary>The error function, which .NET lacks.</summary>
internal static class ErrorFunction
{
    // Above it the fraction converges fast, below it the series does not cancel.
    private const double Seam = 2;
    private const int Terms = 100;

    /// <summary>
    /// 1 - erf(x), to about 1e-14: the series 7.1.6 below 2, the continued fraction 7.1.14 above, of M. Abramowitz and I. A. Stegun, "Handbook of Mathematical
    /// Functions" (1964).
    /// </summary>
    /// <param name="x">Zero or more.</param>
    public static double Complement(double x)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(x);
        var scale = Math.Exp(-x * x) / Math.Sqrt(Math.PI);
        return x < Seam ? 1 - 2 * scale * Series(x) : scale / Fraction(x);
    }

    /// <summary>Sum of 2^n x^(2n+1) / (1 * 3 * ... * (2n+1)).</summary>
    private static double Series(double x)
    {
        var (term, sum) = (x, 0.0);
        for (var n = 0; n < Terms; n++)
        {
            sum += term;
            term *= 2 * x * x / (2 * n + 3);
        }

        return sum;
    }

    /// <summary>x + (1/2) / (x + (2/2) / (x + (3/2) / (x + ...))), from its far end.</summary>
    private static double Fraction(double x)
    {
        var value = x;
        for (var n = Terms; n > 0; n--)
        {
            value = x + n / 2.0 / value;
        }

        return value;
    }
}
