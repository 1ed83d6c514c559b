using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace ModelPort.Kernels.Blocks;

/// <summary>Packs the levels of a super-block (one a byte) into bit fields. Pure integer work, 16 bytes at a time.</summary>
internal static class LevelPacking
{
    /// <summary>Each 128 levels become 32 bytes: byte l holds levels l, l + 32, l + 64, l + 96, two bits each.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void TwoBits(ReadOnlySpan<byte> levels, Span<byte> destination)
    {
        var mask = Vector128.Create((byte)3);
        for (int l = 0; l < 64; l += 16)
        {
            ReadOnlySpan<byte> from = levels[(l < 32 ? l : l + 96)..];
            Vector128<byte> packed = (At(from, 0) & mask) | ((At(from, 32) & mask) << 2) | ((At(from, 64) & mask) << 4) | ((At(from, 96) & mask) << 6);
            packed.CopyTo(destination[l..]);
        }
    }

    /// <summary>Each 64 levels become 32 bytes: byte l holds the low four bits of levels l and l + 32.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void FourBits(ReadOnlySpan<byte> levels, Span<byte> destination)
    {
        var mask = Vector128.Create((byte)15);
        for (int l = 0; l < 128; l += 16)
        {
            ReadOnlySpan<byte> from = levels[((l / 32 * 64) + (l & 16))..];
            ((At(from, 0) & mask) | ((At(from, 32) & mask) << 4)).CopyTo(destination[l..]);
        }
    }

    /// <summary>32 levels become 16 bytes: byte l holds the low four bits of levels l and l + 16.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Pairs(ReadOnlySpan<byte> levels, Span<byte> destination)
    {
        var mask = Vector128.Create((byte)15);
        ((At(levels, 0) & mask) | ((At(levels, 16) & mask) << 4)).CopyTo(destination);
    }

    /// <summary>As <see cref="Pairs"/>, but whatever the first of each pair has above four bits goes into the byte too.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void UnmaskedPairs(ReadOnlySpan<byte> levels, Span<byte> destination) =>
        (At(levels, 0) | ((At(levels, 16) & Vector128.Create((byte)15)) << 4)).CopyTo(destination);

    /// <summary>Bit 4 of each of 32 levels, the first one lowest.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static uint FifthBits32(ReadOnlySpan<byte> levels) =>
        (At(levels, 0) << 3).ExtractMostSignificantBits() | ((At(levels, 16) << 3).ExtractMostSignificantBits() << 16);

    /// <summary>Bit 4 of levels l, l + 32, l + 64, ... becomes bits 0, 1, 2, ... of byte l.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void FifthBits(ReadOnlySpan<byte> levels, Span<byte> destination) => HighBits(levels, destination, 4);

    /// <summary>Bit 2 of levels l, l + 32, l + 64, ... becomes bits 0, 1, 2, ... of byte l.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void ThirdBits(ReadOnlySpan<byte> levels, Span<byte> destination) => HighBits(levels, destination, 2);

    /// <summary>The six-bit levels of Q6_K: low halves into 2 x 64 bytes, high halves into 2 x 32.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void SixBits(ReadOnlySpan<byte> levels, Span<byte> low, Span<byte> high)
    {
        var mask = Vector128.Create((byte)15);
        for (int half = 0; half < 2; half++)
        {
            for (int l = 0; l < 32; l += 16)
            {
                ReadOnlySpan<byte> from = levels[((128 * half) + l)..];
                Vector128<byte> q1 = At(from, 0), q2 = At(from, 32), q3 = At(from, 64), q4 = At(from, 96);
                ((q1 & mask) | ((q3 & mask) << 4)).CopyTo(low[((64 * half) + l)..]);
                ((q2 & mask) | ((q4 & mask) << 4)).CopyTo(low[((64 * half) + l + 32)..]);
                ((q1 >> 4) | ((q2 >> 4) << 2) | ((q3 >> 4) << 4) | ((q4 >> 4) << 6)).CopyTo(high[((32 * half) + l)..]);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void HighBits(ReadOnlySpan<byte> levels, Span<byte> destination, int bit)
    {
        for (int l = 0; l < 32; l += 16)
        {
            Vector128<byte> bits = default;
            for (int j = 0; j < 8; j++)
            {
                bits |= ((At(levels, (32 * j) + l) >> bit) & Vector128<byte>.One) << j;
            }

            bits.CopyTo(destination[l..]);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<byte> At(ReadOnlySpan<byte> levels, int offset) => Vector128.Create(levels.Slice(offset, 16));
}
