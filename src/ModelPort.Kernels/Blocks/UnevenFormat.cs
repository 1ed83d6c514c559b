using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using ModelPort.Kernels.Scalar;

namespace ModelPort.Kernels.Blocks;

/// <summary>IQ4_NL (32 values, one scale) and IQ4_XS (eight groups of 32, six-bit scales): levels of an uneven table (ggml-common.h).</summary>
internal static class UnevenFormat
{
    /// <summary>The table, kvalues_iq4nl.</summary>
    internal static ReadOnlySpan<sbyte> Values => [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

    /// <summary>Half way between neighbours. A value's nearest index is the number of these that it reaches.</summary>
    internal static ReadOnlySpan<float> Midpoints => [-115.5f, -93.5f, -74f, -57f, -42f, -28.5f, -16f, -4.5f, 7f, 19f, 31.5f, 45.5f, 61f, 79f, 101f];

    /// <summary>Writes the scale fields of IQ4_XS and returns in <paramref name="inverses"/> the factor of each group's values.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void WriteScales(Span<byte> block, ReadOnlySpan<float> scales, Span<float> inverses)
    {
        float d = -ScaleSearch.Extreme(scales) / 32, inverse = d != 0 ? 1 / d : 0f;
        BinaryPrimitives.WriteUInt16LittleEndian(block, Narrow.ToHalf(d));
        int high = 0;
        for (int j = 0; j < 8; j++)
        {
            int level = NearestInt.Clamped(inverse * scales[j], -32, 31);
            float scale = d * level;
            inverses[j] = scale != 0 ? 1 / scale : 0f;
            level += 32;
            block[4 + (j / 2)] = (byte)(j % 2 == 0 ? level & 15 : block[4 + (j / 2)] | ((level & 15) << 4));
            high |= (level >> 4) << (2 * j);
        }

        BinaryPrimitives.WriteUInt16LittleEndian(block[2..], (ushort)high);
    }

    /// <summary>Packs groups of 32 levels into 16 bytes each: byte i holds levels i and i + 16.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void WriteLevels(Span<byte> destination, ReadOnlySpan<byte> levels)
    {
        for (int j = 0; j < levels.Length; j += 32)
        {
            LevelPacking.Pairs(levels.Slice(j, 32), destination.Slice(j / 2, 16));
        }
    }
}
