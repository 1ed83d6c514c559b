using ModelPort.Kernels.Blocks;

namespace ModelPort.Kernels.Scalar;

/// <summary>TQ1_0 and TQ2_0, one super-block at a time: the definitions.</summary>
internal static class TernaryBlocks
{
    /// <summary>level = 1 + round(x / d), halves away from zero; d is the largest magnitude.</summary>
    internal static void Quantize(BlockType type, ReadOnlySpan<float> x, Span<byte> block)
    {
        Span<byte> levels = stackalloc byte[TernaryFormat.Elements];
        float d = Math.Abs(ScaleSearch.Extreme(x)), inverse = TernaryFormat.Inverse(d);
        for (int i = 0; i < x.Length; i++)
        {
            levels[i] = (byte)(1 + (int)MathF.Round(x[i] * inverse, MidpointRounding.AwayFromZero));
        }

        TernaryFormat.Write(type, block, d, levels);
    }
}
