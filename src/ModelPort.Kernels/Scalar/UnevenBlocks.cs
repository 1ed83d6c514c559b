using System.Buffers.Binary;
using ModelPort.Kernels.Blocks;

namespace ModelPort.Kernels.Scalar;

/// <summary>IQ4_NL and IQ4_XS, one block at a time: the definitions.</summary>
internal static class UnevenBlocks
{
    /// <summary>Candidates to either side of the scale that maps the extreme value to the table's first.</summary>
    internal const int Tries = 7;

    internal static void IQ4_NL(ReadOnlySpan<float> x, ReadOnlySpan<float> importance, Span<byte> block)
    {
        Span<byte> levels = stackalloc byte[32];
        float scale = Search(x, importance, Sigma2(x));
        BinaryPrimitives.WriteUInt16LittleEndian(block, Narrow.ToHalf(scale));
        Round(x, scale != 0 ? 1 / scale : 0f, levels);
        UnevenFormat.WriteLevels(block[2..], levels);
    }

    internal static void IQ4_XS(ReadOnlySpan<float> x, ReadOnlySpan<float> importance, Span<byte> block)
    {
        Span<byte> levels = stackalloc byte[256];
        Span<float> scales = stackalloc float[8], inverses = stackalloc float[8];
        float sigma2 = Sigma2(x);
        for (int j = 0; j < 8; j++)
        {
            scales[j] = Search(x.Slice(32 * j, 32), importance.IsEmpty ? default : importance.Slice(32 * j, 32), sigma2);
        }

        UnevenFormat.WriteScales(block, scales, inverses);
        for (int j = 0; j < 8; j++)
        {
            Round(x.Slice(32 * j, 32), inverses[j], levels.Slice(32 * j, 32));
        }

        UnevenFormat.WriteLevels(block[8..], levels);
    }

    /// <summary>Twice the mean square.</summary>
    internal static float Sigma2(ReadOnlySpan<float> x) => Weights.SumOfSquares(x) * (2f / x.Length);

    private static float Search(ReadOnlySpan<float> x, ReadOnlySpan<float> importance, float sigma2)
    {
        Span<float> weights = stackalloc float[32];
        if (importance.IsEmpty)
        {
            Weights.Squares(x, weights);
        }
        else
        {
            Weights.FromImportance(importance, sigma2, x, weights);
        }

        float extreme = ScaleSearch.Extreme(x);
        if (Math.Abs(extreme) < ScaleSearch.ZeroGroup)
        {
            return 0f;
        }

        int first = UnevenFormat.Values[0];
        Sums(1 / (-extreme / first), x, weights, out float sumQX, out float sumQ2);
        float scale = sumQ2 > 0 ? sumQX / sumQ2 : 0f;
        float best = scale * sumQX;
        for (int step = -Tries; step <= Tries; step++)
        {
            Sums((step + first) / extreme, x, weights, out sumQX, out sumQ2);
            if (sumQ2 > 0 && sumQX * sumQX > best * sumQ2)
            {
                scale = sumQX / sumQ2;
                best = scale * sumQX;
            }
        }

        return scale;
    }

    private static void Sums(float inverse, ReadOnlySpan<float> x, ReadOnlySpan<float> weights, out float sumQX, out float sumQ2)
    {
        (sumQX, sumQ2) = (0, 0);
        for (int i = 0; i < x.Length; i++)
        {
            float q = UnevenFormat.Values[Nearest(inverse * x[i])];
            sumQX += weights[i] * q * x[i];
            sumQ2 += weights[i] * q * q;
        }
    }

    private static void Round(ReadOnlySpan<float> x, float inverse, Span<byte> levels)
    {
        for (int i = 0; i < x.Length; i++)
        {
            levels[i] = (byte)Nearest(inverse * x[i]);
        }
    }

    private static int Nearest(float value)
    {
        int index = 0;
        foreach (float midpoint in UnevenFormat.Midpoints)
        {
            // A NaN reaches them all.
            index += value < midpoint ? 0 : 1;
        }

        return index;
    }
}
