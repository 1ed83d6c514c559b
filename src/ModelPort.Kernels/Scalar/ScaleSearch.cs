using System.Runtime.CompilerServices;

namespace ModelPort.Kernels.Scalar;

/// <summary>Searches for the scale (and minimum) that quantises a group of values with the least weighted error: the definitions.</summary>
/// <remarks>The order of every operation is that of ggml-quants.c, because the bytes depend on each rounding.</remarks>
internal static class ScaleSearch
{
    /// <summary>Groups whose largest magnitude is below this count as zero.</summary>
    internal const float ZeroGroup = 1e-15f;

    /// <summary>x ~ scale * (level - levels): tries 19 scales around the one that maps the extreme value to the end of the range (make_qx_quants).</summary>
    /// <param name="levels">Half the number of levels; stored levels are in [0, 2 * levels).</param>
    /// <param name="x">The group.</param>
    /// <param name="weights">Weight of each value's squared error.</param>
    /// <param name="quants">Receives the levels; all zero for a zero group.</param>
    /// <returns>The scale.</returns>
    internal static float Symmetric(int levels, ReadOnlySpan<float> x, ReadOnlySpan<float> weights, Span<byte> quants)
    {
        float extreme = Extreme(x);
        if (Math.Abs(extreme) < ZeroGroup)
        {
            quants[..x.Length].Clear();
            return 0f;
        }

        float inverse = -levels / extreme;
        SymmetricSums(levels, inverse, x, weights, out float sumLX, out float sumL2);
        float bestInverse = inverse;
        float scale = sumL2 != 0 ? sumLX / sumL2 : 0f;
        float best = scale * sumLX;
        for (int step = -9; step <= 9; step++)
        {
            if (step == 0)
            {
                continue;
            }

            inverse = -(levels + (0.1f * step)) / extreme;
            SymmetricSums(levels, inverse, x, weights, out sumLX, out sumL2);
            if (sumL2 > 0 && sumLX * sumLX > best * sumL2)
            {
                bestInverse = inverse;
                scale = sumLX / sumL2;
                best = scale * sumLX;
            }
        }

        for (int i = 0; i < x.Length; i++)
        {
            quants[i] = (byte)(levels + NearestInt.Clamped(bestInverse * x[i], -levels, levels - 1));
        }

        return scale;
    }

    /// <summary>x ~ scale * level - minimum, level in [0, top]: least squares for each of a row of candidate scales (make_qkx2_quants, make_qkx3_quants).</summary>
    /// <returns>The scale; <paramref name="minimum"/> is at least zero.</returns>
    internal static float Affine(in AffineSteps steps, ReadOnlySpan<float> x, ReadOnlySpan<float> weights, Span<byte> quants, out float minimum)
    {
        int top = steps.Top;
        float min = x[0], max = x[0], sumW = weights[0], sumX = sumW * x[0];
        for (int i = 1; i < x.Length; i++)
        {
            min = x[i] < min ? x[i] : min;
            max = x[i] > max ? x[i] : max;
            sumW += weights[i];
            sumX += weights[i] * x[i];
        }

        min = min > 0 ? 0 : min;
        if (max == min)
        {
            quants[..x.Length].Clear();
            minimum = -min;
            return 0f;
        }

        float inverse = top / (max - min);
        float scale = 1 / inverse;
        float bestError = AffineError(steps, inverse, min, scale, min, x, weights);
        float bestInverse = inverse, bestBase = min;
        for (int step = 0; step <= steps.Count; step++)
        {
            inverse = steps.Candidate(step) / (max - min);
            float sumL = 0, sumL2 = 0, sumXL = 0;
            for (int i = 0; i < x.Length; i++)
            {
                int l = NearestInt.Clamped(inverse * (x[i] - min), 0, top);
                float w = weights[i];
                sumL += w * l;
                sumL2 += w * l * l;
                sumXL += w * l * x[i];
            }

            float determinant = (sumW * sumL2) - (sumL * sumL);
            if (!(determinant > 0))
            {
                continue;
            }

            float thisScale = ((sumW * sumXL) - (sumX * sumL)) / determinant;
            float thisMin = ((sumL2 * sumX) - (sumL * sumXL)) / determinant;
            if (thisMin > 0)
            {
                thisMin = 0;
                thisScale = sumXL / sumL2;
            }

            float error = AffineError(steps, inverse, min, thisScale, thisMin, x, weights);
            if (error < bestError)
            {
                (bestInverse, bestBase) = (inverse, min);
                (bestError, scale, min) = (error, thisScale, thisMin);
            }
        }

        for (int i = 0; i < x.Length; i++)
        {
            quants[i] = (byte)NearestInt.Clamped(bestInverse * (x[i] - bestBase), 0, top);
        }

        minimum = -min;
        return scale;
    }

    /// <summary>The value of largest magnitude, the first of equals, zero when there is none above zero.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static float Extreme(ReadOnlySpan<float> x)
    {
        float extreme = 0;
        foreach (float value in x)
        {
            extreme = Math.Abs(value) > Math.Abs(extreme) ? value : extreme;
        }

        return extreme;
    }

    private static void SymmetricSums(int levels, float inverse, ReadOnlySpan<float> x, ReadOnlySpan<float> weights, out float sumLX, out float sumL2)
    {
        (sumLX, sumL2) = (0, 0);
        for (int i = 0; i < x.Length; i++)
        {
            int l = NearestInt.Clamped(inverse * x[i], -levels, levels - 1);
            sumLX += weights[i] * x[i] * l;
            sumL2 += weights[i] * l * l;
        }
    }

    private static float AffineError(
        in AffineSteps steps, float inverse, float from, float scale, float min, ReadOnlySpan<float> x, ReadOnlySpan<float> weights)
    {
        float error = 0;
        for (int i = 0; i < x.Length; i++)
        {
            int l = NearestInt.Clamped(inverse * (x[i] - from), 0, steps.Top);
            float difference = (scale * l) + min - x[i];
            error += weights[i] * (steps.AbsoluteError ? Math.Abs(difference) : difference * difference);
        }

        return error;
    }
}
