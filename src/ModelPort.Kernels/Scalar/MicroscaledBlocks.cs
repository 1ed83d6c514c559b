using ModelPort.Kernels.Blocks;

namespace ModelPort.Kernels.Scalar;

/// <summary>MXFP4, one block at a time: the definition.</summary>
internal static class MicroscaledBlocks
{
    internal static void Quantize(ReadOnlySpan<float> x, Span<byte> block)
    {
        Span<byte> levels = stackalloc byte[MicroscaledFormat.Size];
        byte exponent = MicroscaledFormat.Exponent(Math.Abs(ScaleSearch.Extreme(x)));
        float scale = MicroscaledFormat.HalfScale(exponent);
        for (int i = 0; i < x.Length; i++)
        {
            levels[i] = Nearest(x[i], scale);
        }

        MicroscaledFormat.Write(block, exponent, levels);
    }

    /// <summary>Half way between two values the one nearer to zero wins; zero has no sign.</summary>
    private static byte Nearest(float x, float scale)
    {
        int best = 0;
        for (int level = 1; level < MicroscaledFormat.Values.Length; level++)
        {
            best = Math.Abs((MicroscaledFormat.Values[level] * scale) - Math.Abs(x)) < Math.Abs((MicroscaledFormat.Values[best] * scale) - Math.Abs(x)) ? level : best;
        }

        return (byte)(x < 0 && best > 0 ? best + 8 : best);
    }
}
