namespace ModelPort.Kernels.Scalar;

/// <summary>x ~ scale * (level - levels), weights x^2: rounds once, then moves one level at a time while the error falls (make_q3_quants): the definition.</summary>
internal static class DescentSearch
{
    internal const int Sweeps = 5;

    /// <returns>The scale; stored levels are in [0, 2 * levels), all zero for a zero group.</returns>
    internal static float Run(int levels, ReadOnlySpan<float> x, Span<byte> quants)
    {
        float extreme = ScaleSearch.Extreme(x);
        if (Math.Abs(extreme) < ScaleSearch.ZeroGroup)
        {
            quants[..x.Length].Clear();
            return 0f;
        }

        float inverse = -levels / extreme, sumLX = 0, sumL2 = 0;
        for (int i = 0; i < x.Length; i++)
        {
            int l = NearestInt.Clamped(inverse * x[i], -levels, levels - 1);
            quants[i] = (byte)(l + levels);
            float w = x[i] * x[i];
            sumLX += w * x[i] * l;
            sumL2 += w * l * l;
        }

        for (int sweep = 0; sweep < Sweeps && Descend(levels, x, quants, ref sumLX, ref sumL2); sweep++)
        {
        }

        return sumL2 > 0 ? sumLX / sumL2 : 0f;
    }

    private static bool Descend(int levels, ReadOnlySpan<float> x, Span<byte> quants, ref float sumLX, ref float sumL2)
    {
        bool changed = false;
        for (int i = 0; i < x.Length; i++)
        {
            int old = quants[i] - levels;
            float w = x[i] * x[i];
            float lx = sumLX - (w * x[i] * old);
            if (!(lx > 0))
            {
                continue;
            }

            float l2 = sumL2 - (w * old * old);
            int l = NearestInt.Clamped(x[i] * l2 / lx, -levels, levels - 1);
            if (l == old)
            {
                continue;
            }

            lx += w * x[i] * l;
            l2 += w * l * l;
            if (l2 > 0 && lx * lx * sumL2 > sumLX * sumLX * l2)
            {
                quants[i] = (byte)(l + levels);
                (sumLX, sumL2, changed) = (lx, l2, true);
            }
        }

        return changed;
    }
}
