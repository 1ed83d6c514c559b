namespace ModelPort.Kernels;

/// <summary>8-bit floats E4M3FN (bias 7, no infinity, greatest value 448; arXiv:2209.05433) from floats.</summary>
public static class Float8
{
    /// <summary>The greatest value.</summary>
    public const float Largest = 448;

    private const uint SmallestNormal = 121u << 23;

    /// <summary>
    /// Codes of <c>source / scale</c>, rounded to nearest even; what is beyond <see cref="Largest"/> becomes it, as ONNX's QuantizeLinear saturates. NaN
    /// stays NaN.
    /// </summary>
    /// <exception cref="ArgumentException">The destination is shorter than the source.</exception>
    public static void ToE4M3(ReadOnlySpan<float> source, float scale, Span<byte> destination)
    {
        if (destination.Length < source.Length)
        {
            throw new ArgumentException($"The destination holds {destination.Length} values, the source {source.Length}.", nameof(destination));
        }

        for (int i = 0; i < source.Length; i++)
        {
            destination[i] = ToE4M3(source[i] / scale);
        }
    }

    private static byte ToE4M3(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value), magnitude = bits & int.MaxValue;
        uint code = magnitude switch
        {
            > 0x7F800000 => 0x7F,
            >= 0x43E00000 => 0x7E,

            // 20 bits of the fraction go; what is left counts from the exponent 2^-6, code 8.
            >= SmallestNormal => ((magnitude + 0x7FFFF + ((magnitude >> 20) & 1)) >> 20) - (120u << 3),

            // 2^14's last bit is worth 2^-9, the smallest step: the addition rounds.
            _ => BitConverter.SingleToUInt32Bits(BitConverter.UInt32BitsToSingle(magnitude) + 16384f) - 0x46800000,
        };
        return (byte)(((bits >> 24) & 0x80) | Math.Min(code, magnitude > 0x7F800000 ? 0x7Fu : 0x7Eu));
    }
}
