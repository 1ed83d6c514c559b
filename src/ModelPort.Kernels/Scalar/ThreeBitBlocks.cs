using ModelPort.Kernels.Blocks;

namespace ModelPort.Kernels.Scalar;

/// <summary>Q3_K, one super-block at a time: the definition.</summary>
internal static class ThreeBitBlocks
{
    internal static void Quantize(ReadOnlySpan<float> x, ReadOnlySpan<float> importance, Span<byte> block)
    {
        Span<float> scales = stackalloc float[16], sums = stackalloc float[16], weights = stackalloc float[16];
        Span<byte> scaleLevels = stackalloc byte[16], levels = stackalloc byte[256];
        float sigma2 = importance.IsEmpty ? 0 : 2 * Weights.SumOfSquares(x) / 256;
        for (int j = 0; j < 16; j++)
        {
            ReadOnlySpan<float> group = x.Slice(16 * j, 16);
            Span<byte> groupLevels = levels.Slice(16 * j, 16);
            if (importance.IsEmpty)
            {
                scales[j] = DescentSearch.Run(4, group, groupLevels);
                continue;
            }

            Weights.FromImportance(importance.Slice(16 * j, 16), sigma2, group, weights);
            sums[j] = Weights.Sum(weights);
            scales[j] = ScaleSearch.Symmetric(4, group, weights, groupLevels);
        }

        float d = importance.IsEmpty
            ? ThreeBitFormat.ScaleLevels(scales, scaleLevels)
            : ScaleSearch.Symmetric(32, scales, sums, scaleLevels);
        ThreeBitFormat.WriteScales(block, d, scaleLevels, scales);
        for (int j = 0; j < 16; j++)
        {
            for (int i = 16 * j; i < (16 * j) + 16 && scales[j] != 0; i++)
            {
                levels[i] = (byte)(NearestInt.Clamped(x[i] / scales[j], -4, 3) + 4);
            }
        }

        ThreeBitFormat.WriteLevels(block, levels);
    }
}
