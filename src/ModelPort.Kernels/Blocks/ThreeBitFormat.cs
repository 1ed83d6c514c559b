using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using ModelPort.Kernels.Scalar;

namespace ModelPort.Kernels.Blocks;

/// <summary>Super-blocks of Q3_K: 32 bytes of high bits, 64 of low bits, 12 with 16 six-bit scales of 16 values each, the factor (ggml-common.h).</summary>
internal static class ThreeBitFormat
{
    /// <summary>Scale levels in [0, 64) without an importance matrix; returns the super-block's factor.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static float ScaleLevels(ReadOnlySpan<float> scales, Span<byte> levels)
    {
        float extreme = ScaleSearch.Extreme(scales);
        if (extreme == 0)
        {
            levels.Clear();
            return 0f;
        }

        float inverse = -32f / extreme;
        for (int j = 0; j < scales.Length; j++)
        {
            // C keeps eight bits before it limits the range.
            levels[j] = (byte)(Math.Clamp((sbyte)NearestInt.Of(inverse * scales[j]), (sbyte)-32, (sbyte)31) + 32);
        }

        return 1 / inverse;
    }

    /// <summary>Writes the scale fields and returns in <paramref name="scales"/> what a decoder will see.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void WriteScales(Span<byte> block, float scale, ReadOnlySpan<byte> levels, Span<float> scales)
    {
        ushort d = Narrow.ToHalf(scale);
        BinaryPrimitives.WriteUInt16LittleEndian(block[108..], d);
        var wide = (float)BitConverter.UInt16BitsToHalf(d);
        Span<byte> packed = block.Slice(96, 12);
        packed.Clear();
        for (int j = 0; j < 16; j++)
        {
            packed[j & 7] |= (byte)((levels[j] & 15) << (j / 8 * 4));
            packed[8 + (j & 3)] |= (byte)((levels[j] >> 4) << (2 * (j / 4)));
            scales[j] = wide * ((levels[j] & 63) - 32);
        }
    }

    /// <summary>Packs levels in [0, 8).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void WriteLevels(Span<byte> block, ReadOnlySpan<byte> levels)
    {
        LevelPacking.ThirdBits(levels, block[..32]);
        LevelPacking.TwoBits(levels, block.Slice(32, 64));
    }
}
