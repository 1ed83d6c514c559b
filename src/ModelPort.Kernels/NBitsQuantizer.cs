namespace ModelPort.Kernels;

/// <summary>
/// Blocks of unsigned integers of 4 or 8 bits with one scale each, as the operator MatMulNBits of ONNX Runtime multiplies them:
/// <c>weight = (code - zeroPoint) * scale</c>.
/// </summary>
public static class NBitsQuantizer
{
    /// <summary>
    /// A block around the middle code: the value of the greatest magnitude becomes code 0 exactly, so that the scale has the sign opposite to its own.
    /// Halves are rounded to even.
    /// </summary>
    /// <param name="source">The values of a block; a tail may be shorter than a block.</param>
    /// <param name="bits">4 or 8.</param>
    /// <param name="codes">Receives a code for each value.</param>
    /// <returns>The scale; 0 for a block of zeros, whose codes are all the middle.</returns>
    public static float Symmetric(ReadOnlySpan<float> source, int bits, Span<byte> codes)
    {
        int middle = 1 << (bits - 1);
        float extreme = 0;
        foreach (float value in source)
        {
            extreme = Math.Abs(value) > Math.Abs(extreme) ? value : extreme;
        }

        float scale = extreme / -middle;
        float inverse = scale == 0 ? 0 : 1 / scale;
        Encode(source, float.IsFinite(inverse) ? inverse : 0, middle, (2 * middle) - 1, codes);
        return scale;
    }

    /// <summary>A block whose range, widened to hold zero, is spread over all codes. Halves are rounded to even.</summary>
    /// <param name="source">The values of a block; a tail may be shorter than a block.</param>
    /// <param name="bits">4 or 8.</param>
    /// <param name="codes">Receives a code for each value.</param>
    /// <param name="zeroPoint">The code of zero.</param>
    /// <returns>The scale; 0 for a block of zeros.</returns>
    public static float Asymmetric(ReadOnlySpan<float> source, int bits, Span<byte> codes, out byte zeroPoint)
    {
        int highest = (1 << bits) - 1;
        float min = 0, max = 0;
        foreach (float value in source)
        {
            min = Math.Min(min, value);
            max = Math.Max(max, value);
        }

        float scale = (max - min) / highest;
        float inverse = scale == 0 ? 0 : 1 / scale;
        inverse = float.IsFinite(inverse) ? inverse : 0;
        zeroPoint = (byte)Math.Clamp(MathF.Round(-min * inverse), 0, highest);
        Encode(source, inverse, zeroPoint, highest, codes);
        return scale;
    }

    /// <summary>Codes of 4 bits, two a byte, the first in the low half.</summary>
    /// <param name="codes">Codes below 16; an odd last one gets the half to itself.</param>
    /// <param name="destination">Half as many bytes, rounded up.</param>
    public static void Pack4(ReadOnlySpan<byte> codes, Span<byte> destination)
    {
        for (int i = 0; i < codes.Length; i += 2)
        {
            destination[i / 2] = (byte)(codes[i] | (i + 1 < codes.Length ? codes[i + 1] << 4 : 0));
        }
    }

    private static void Encode(ReadOnlySpan<float> source, float inverse, int zeroPoint, int highest, Span<byte> codes)
    {
        for (int i = 0; i < source.Length; i++)
        {
            codes[i] = (byte)Math.Clamp(MathF.Round(source[i] * inverse) + zeroPoint, 0, highest);
        }
    }
}
