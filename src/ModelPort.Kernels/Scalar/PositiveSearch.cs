namespace ModelPort.Kernels.Scalar;

/// <summary>x ~ scale * level for values that are zero or more, level in [0, top] (make_qp_quants): the definition.</summary>
internal static class PositiveSearch
{
    internal static float Run(int top, ReadOnlySpan<float> x, ReadOnlySpan<float> weights, Span<byte> quants)
    {
        float max = 0;
        foreach (float value in x)
        {
            // A NaN wins, as it does in the C macro.
            max = max > value ? max : value;
        }

        if (max < ScaleSearch.ZeroGroup)
        {
            quants[..x.Length].Clear();
            return 0f;
        }

        float inverse = top / max, scale = 1 / inverse, bestError = 0;
        for (int i = 0; i < x.Length; i++)
        {
            float difference = x[i] - (scale * (byte)NearestInt.Of(inverse * x[i]));
            bestError += weights[i] * difference * difference;
        }

        for (int step = -4; step <= 4; step++)
        {
            if (step == 0)
            {
                continue;
            }

            float candidate = ((0.1f * step) + top) / max, error = 0;
            scale = 1 / candidate;
            for (int i = 0; i < x.Length; i++)
            {
                float difference = x[i] - (scale * Math.Min(top, NearestInt.Of(candidate * x[i])));
                error += weights[i] * difference * difference;
            }

            if (error < bestError)
            {
                (bestError, inverse) = (error, candidate);
            }
        }

        float sumLX = 0, sumL2 = 0;
        for (int i = 0; i < x.Length; i++)
        {
            int l = Math.Min(top, NearestInt.Of(inverse * x[i]));
            quants[i] = (byte)l;
            sumLX += weights[i] * x[i] * l;
            sumL2 += weights[i] * l * l;
        }

        for (int sweep = 0; sweep < 5 && Descend(top, x, weights, quants, ref sumLX, ref sumL2); sweep++)
        {
        }

        return sumL2 > 0 ? sumLX / sumL2 : 0f;
    }

    /// <summary>One sweep of coordinate descent; false when nothing moved.</summary>
    private static bool Descend(int top, ReadOnlySpan<float> x, ReadOnlySpan<float> weights, Span<byte> quants, ref float sumLX, ref float sumL2)
    {
        bool changed = false;
        for (int i = 0; i < x.Length; i++)
        {
            float w = weights[i];
            float lx = sumLX - (w * x[i] * quants[i]);
            float l2 = sumL2 - (w * quants[i] * quants[i]);
            if (!(lx > 0 && l2 > 0))
            {
                continue;
            }

            int l = Math.Min(top, NearestInt.Of(x[i] * l2 / lx));
            if (l == quants[i])
            {
                continue;
            }

            lx += w * x[i] * l;
            l2 += w * l * l;
            if (lx * lx * sumL2 > sumLX * sumLX * l2)
            {
                quants[i] = (byte)l;
                (sumLX, sumL2, changed) = (lx, l2, true);
            }
        }

        return changed;
    }
}
