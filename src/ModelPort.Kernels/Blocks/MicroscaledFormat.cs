using System.Runtime.CompilerServices;
using ModelPort.Kernels.Scalar;

namespace ModelPort.Kernels.Blocks;

/// <summary>MXFP4: a power of two for 32 values as the exponent byte of a float, then 32 floats of four bits (OCP Microscaling Formats 1.0, E8M0 and E2M1).</summary>
internal static class MicroscaledFormat
{
    internal const int Size = 32;
    internal const int Bytes = 17;

    /// <summary>Twice the magnitudes of E2M1, so that they are integers. Levels 8 to 15 are the same with a minus.</summary>
    internal static ReadOnlySpan<byte> Values => [0, 1, 2, 3, 4, 6, 8, 12];

    /// <summary>The exponent byte for a block's largest magnitude. Near powers of two the rounding of the C library's logarithm decides.</summary>
    internal static byte Exponent(float largest)
    {
        uint bits = BitConverter.SingleToUInt32Bits(largest), mantissa = bits & 0x7FFFFF;
        return bits >= 0x00800000 && mantissa is > 0x1000 and < 0x7FF000 ? (byte)((bits >> 23) - 2)
            : largest > 0 ? (byte)NearestInt.Truncated(MathF.Floor(MathF.Log2(largest)) - 2 + 127)
            : (byte)0;
    }

    /// <summary>Half the power of two that an exponent byte stands for, as the values are doubled; exact down to subnormal numbers.</summary>
    internal static float HalfScale(byte exponent) =>
        BitConverter.UInt32BitsToSingle(exponent < 2 ? 0x00200000u << exponent : (exponent - 1u) << 23);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Write(Span<byte> block, byte exponent, ReadOnlySpan<byte> levels)
    {
        block[0] = exponent;
        LevelPacking.Pairs(levels, block.Slice(1, 16));
    }
}
