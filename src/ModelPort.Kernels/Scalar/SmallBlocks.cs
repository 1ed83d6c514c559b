using System.Buffers.Binary;
using ModelPort.Kernels.Blocks;

namespace ModelPort.Kernels.Scalar;

/// <summary>Q8_0, Q4_0, Q4_1, Q5_0 and Q5_1, one block of 32 values at a time: the definitions.</summary>
internal static class SmallBlocks
{
    /// <summary>level = round(x / d), halves away from zero; d maps the largest magnitude to 127.</summary>
    internal static void Q8_0(ReadOnlySpan<float> x, Span<byte> block)
    {
        float largest = Math.Abs(ScaleSearch.Extreme(x));
        float d = largest / 127, inverse = d != 0 ? 1 / d : 0f;
        BinaryPrimitives.WriteUInt16LittleEndian(block, Narrow.ToHalf(d));
        for (int i = 0; i < 32; i++)
        {
            block[2 + i] = (byte)NearestInt.Truncated(MathF.Round(x[i] * inverse, MidpointRounding.AwayFromZero));
        }
    }

    /// <summary>The other types without a search: d maps the range of the values to the levels, or the extreme value to the lowest level.</summary>
    internal static void Plain(SmallFormat format, ReadOnlySpan<float> x, Span<byte> block)
    {
        Span<byte> levels = stackalloc byte[32];
        float min = 0, d;
        if (format.HasMinimum)
        {
            min = float.MaxValue;
            float max = -float.MaxValue;
            foreach (float value in x)
            {
                min = value < min ? value : min;
                max = value > max ? value : max;
            }

            d = (max - min) / format.Top;
        }
        else
        {
            d = ScaleSearch.Extreme(x) / (-(format.Top + 1) / 2);
        }

        float inverse = d != 0 ? 1 / d : 0f;
        for (int i = 0; i < 32; i++)
        {
            levels[i] = format.Level(((x[i] - min) * inverse) + format.Offset);
        }

        format.Write(block, d, min, levels);
    }

    /// <summary>The four types with an importance matrix: a search, whose levels are stored as they are.</summary>
    /// <param name="format">The block's format.</param>
    /// <param name="x">The block.</param>
    /// <param name="importance">Importance of its columns.</param>
    /// <param name="sigma2">Mean square of the whole row.</param>
    /// <param name="block">Receives the bytes.</param>
    internal static void Weighted(SmallFormat format, ReadOnlySpan<float> x, ReadOnlySpan<float> importance, float sigma2, Span<byte> block)
    {
        Span<byte> levels = stackalloc byte[32];
        Span<float> weights = stackalloc float[32];
        Weights.FromImportance(importance, sigma2, x, weights);
        float minimum = 0;
        float scale = format.HasMinimum
            ? ScaleSearch.Affine(AffineSteps.Weighted(format.Top), x, weights, levels, out minimum)
            : ScaleSearch.Symmetric((format.Top + 1) / 2, x, weights, levels);
        format.Write(block, scale, -minimum, levels);
    }
}
