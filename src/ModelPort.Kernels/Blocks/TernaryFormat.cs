using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace ModelPort.Kernels.Blocks;

/// <summary>Super-blocks of three levels, 0 to 2: TQ1_0 (five levels a byte, then four bytes of four), TQ2_0 (four levels a byte); the factor last (ggml-common.h).</summary>
internal static class TernaryFormat
{
    internal const int Elements = 256;

    /// <summary>The factor from values to -1, 0, 1. Where it is infinite, C's conversions give zero for every value: zero does the same.</summary>
    internal static float Inverse(float largest) => 1 / largest is var inverse && float.IsFinite(inverse) ? inverse : 0f;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Write(BlockType type, Span<byte> block, float scale, ReadOnlySpan<byte> levels)
    {
        int at = BlockQuantizer.BlockBytes(type) - 2;
        BinaryPrimitives.WriteUInt16LittleEndian(block[at..], Narrow.ToHalf(scale));
        if (type == BlockType.TQ2_0)
        {
            LevelPacking.TwoBits(levels, block[..at]);
            return;
        }

        for (int i = 0; i < 32; i += 16)
        {
            Fives(levels[i..], 32, block.Slice(i, 16));
        }

        Fives(levels[160..], 16, block.Slice(32, 16));
        // The last sixteen levels: the fifth digit is zero.
        Vector128<uint> last = default;
        for (int i = 240; i < 256; i += 4)
        {
            last = (last + Vector128.Create(levels[i], levels[i + 1], levels[i + 2], (uint)levels[i + 3])) * 3;
        }

        Vector128<uint> fraction = Fraction(last);
        for (int i = 0; i < 4; i++)
        {
            block[48 + i] = (byte)fraction[i];
        }
    }

    /// <summary>Byte i holds levels i, i + stride, ... as the digits of a number to the base three, the first one highest.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Fives(ReadOnlySpan<byte> levels, int stride, Span<byte> destination)
    {
        Vector128<byte> number = default;
        for (int digit = 0; digit < 5; digit++)
        {
            number = number + number + number + Vector128.Create(levels.Slice(digit * stride, 16));
        }

        (Vector128<ushort> low, Vector128<ushort> high) = Vector128.Widen(number);
        Vector128.Narrow(
            Vector128.Narrow(Fraction(Vector128.WidenLower(low)), Fraction(Vector128.WidenUpper(low))),
            Vector128.Narrow(Fraction(Vector128.WidenLower(high)), Fraction(Vector128.WidenUpper(high)))).CopyTo(destination);
    }

    /// <summary>The number over 3^5, in 256ths and rounded up, so that multiplying by three brings one digit after the other to the top: ceil(256 n / 243) for n below 243.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<uint> Fraction(Vector128<uint> number) => ((number * 69042u) + Vector128.Create(65535u)) >> 16;
}
