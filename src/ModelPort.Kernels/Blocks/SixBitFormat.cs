using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using ModelPort.Kernels.Scalar;

namespace ModelPort.Kernels.Blocks;

/// <summary>Super-blocks of Q6_K: 128 bytes of low bits, 64 of high bits, 16 signed scales of 16 values each, the factor (ggml-common.h).</summary>
internal static class SixBitFormat
{
    /// <summary>Writes the scale fields and replaces the scales by what a decoder will see. A zero block is written whole: false.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static bool WriteScales(Span<byte> block, Span<float> scales)
    {
        float extreme = ScaleSearch.Extreme(scales);
        if (Math.Abs(extreme) < ScaleSearch.ZeroGroup)
        {
            block.Clear();
            return false;
        }

        float inverse = -128f / extreme;
        ushort d = Narrow.ToHalf(1 / inverse);
        BinaryPrimitives.WriteUInt16LittleEndian(block[208..], d);
        var wide = (float)BitConverter.UInt16BitsToHalf(d);
        for (int j = 0; j < 16; j++)
        {
            var level = (sbyte)Math.Min(127, NearestInt.Of(inverse * scales[j]));
            block[192 + j] = (byte)level;
            scales[j] = wide * level;
        }

        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void WriteLevels(Span<byte> block, ReadOnlySpan<byte> levels) =>
        LevelPacking.SixBits(levels, block[..128], block.Slice(128, 64));
}
