using ModelPort.Kernels.Blocks;

namespace ModelPort.Kernels.Scalar;

/// <summary>Q6_K, one super-block at a time: the definition.</summary>
internal static class SixBitBlocks
{
    internal static void Quantize(ReadOnlySpan<float> x, ReadOnlySpan<float> importance, Span<byte> block)
    {
        Span<float> scales = stackalloc float[16], squares = stackalloc float[16];
        Span<byte> levels = stackalloc byte[256];
        for (int j = 0; j < 16; j++)
        {
            ReadOnlySpan<float> group = x.Slice(16 * j, 16);
            Weights.Squares(group, squares);
            scales[j] = ScaleSearch.Symmetric(32, group, importance.IsEmpty ? squares : importance.Slice(16 * j, 16), levels.Slice(16 * j, 16));
        }

        if (!SixBitFormat.WriteScales(block, scales))
        {
            return;
        }

        for (int j = 0; j < 16; j++)
        {
            for (int i = 16 * j; i < (16 * j) + 16 && scales[j] != 0; i++)
            {
                levels[i] = (byte)(NearestInt.Clamped(x[i] / scales[j], -32, 31) + 32);
            }
        }

        SixBitFormat.WriteLevels(block, levels);
    }
}
