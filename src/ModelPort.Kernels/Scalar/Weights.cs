namespace ModelPort.Kernels.Scalar;

/// <summary>Weights of the values' errors.</summary>
internal static class Weights
{
    /// <summary>In order: the rounding of each addition counts.</summary>
    internal static float SumOfSquares(ReadOnlySpan<float> x)
    {
        float sum = 0;
        foreach (float value in x)
        {
            sum += value * value;
        }

        return sum;
    }

    internal static float Sum(ReadOnlySpan<float> weights)
    {
        float sum = 0;
        foreach (float weight in weights)
        {
            sum += weight;
        }

        return sum;
    }

    internal static void FromImportance(ReadOnlySpan<float> importance, float sigma2, ReadOnlySpan<float> x, Span<float> weights)
    {
        for (int i = 0; i < x.Length; i++)
        {
            weights[i] = importance[i] * MathF.Sqrt(sigma2 + (x[i] * x[i]));
        }
    }

    internal static void Magnitudes(ReadOnlySpan<float> x, float offset, Span<float> weights)
    {
        for (int i = 0; i < x.Length; i++)
        {
            weights[i] = offset + Math.Abs(x[i]);
        }
    }

    internal static void Squares(ReadOnlySpan<float> x, Span<float> weights)
    {
        for (int i = 0; i < x.Length; i++)
        {
            weights[i] = x[i] * x[i];
        }
    }
}
