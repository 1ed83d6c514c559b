using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using ModelPort.Kernels.Blocks;

namespace ModelPort.Kernels.Decoding;

/// <summary>Takes apart what <see cref="LevelPacking"/> packs: bit fields become one level a byte, 16 at a time.</summary>
internal static class LevelUnpacking
{
    /// <summary>Each 32 bytes become 128 levels: byte l holds levels l, l + 32, l + 64, l + 96, two bits each.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void TwoBits(ReadOnlySpan<byte> packed, Span<byte> levels)
    {
        var mask = Vector128.Create((byte)3);
        for (int l = 0; l < 64; l += 16)
        {
            Vector128<byte> bits = At(packed, l);
            Span<byte> to = levels[(l < 32 ? l : l + 96)..];
            (bits & mask).CopyTo(to);
            ((bits >> 2) & mask).CopyTo(to[32..]);
            ((bits >> 4) & mask).CopyTo(to[64..]);
            (bits >> 6).CopyTo(to[96..]);
        }
    }

    /// <summary>Each 32 bytes become 64 levels: byte l holds levels l and l + 32, four bits each.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void FourBits(ReadOnlySpan<byte> packed, Span<byte> levels)
    {
        for (int l = 0; l < 128; l += 16)
        {
            Vector128<byte> bits = At(packed, l);
            Span<byte> to = levels[((l / 32 * 64) + (l & 16))..];
            (bits & Vector128.Create((byte)15)).CopyTo(to);
            (bits >> 4).CopyTo(to[32..]);
        }
    }

    /// <summary>Each 16 bytes become 32 levels: byte l holds levels l and l + 16, four bits each.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Pairs(ReadOnlySpan<byte> packed, Span<byte> levels)
    {
        for (int l = 0; l < packed.Length; l += 16)
        {
            Vector128<byte> bits = At(packed, l);
            (bits & Vector128.Create((byte)15)).CopyTo(levels[(2 * l)..]);
            (bits >> 4).CopyTo(levels[((2 * l) + 16)..]);
        }
    }

    /// <summary>Bits 0, 1, 2, ... of byte l are bit <paramref name="bit"/> of levels l, l + 32, l + 64, ...</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void AddHighBits(ReadOnlySpan<byte> packed, Span<byte> levels, int bit)
    {
        for (int l = 0; l < 32; l += 16)
        {
            Vector128<byte> bits = At(packed, l);
            for (int j = 0; j < 8; j++)
            {
                Span<byte> to = levels[((32 * j) + l)..];
                (At(to, 0) | (((bits >> j) & Vector128<byte>.One) << bit)).CopyTo(to);
            }
        }
    }

    /// <summary>The six-bit levels of Q6_K: low halves from 2 x 64 bytes, high halves from 2 x 32.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void SixBits(ReadOnlySpan<byte> low, ReadOnlySpan<byte> high, Span<byte> levels)
    {
        Vector128<byte> four = Vector128.Create((byte)15), two = Vector128.Create((byte)0x30);
        for (int half = 0; half < 2; half++)
        {
            for (int l = 0; l < 32; l += 16)
            {
                Vector128<byte> a = At(low, (64 * half) + l), b = At(low, (64 * half) + l + 32), h = At(high, (32 * half) + l);
                Span<byte> to = levels[((128 * half) + l)..];
                ((a & four) | ((h << 4) & two)).CopyTo(to);
                ((b & four) | ((h << 2) & two)).CopyTo(to[32..]);
                ((a >> 4) | (h & two)).CopyTo(to[64..]);
                ((b >> 4) | ((h >> 2) & two)).CopyTo(to[96..]);
            }
        }
    }

    /// <summary>The digits of TQ1_0: bytes are fractions in 256ths, and each multiplication by three brings a digit to the top.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Digits(ReadOnlySpan<byte> packed, int digits, Span<byte> levels)
    {
        for (int l = 0; l < packed.Length; l++)
        {
            byte fraction = packed[l];
            for (int digit = 0; digit < digits; digit++)
            {
                levels[(digit * packed.Length) + l] = (byte)((fraction * 3) >> 8);
                fraction *= 3;
            }
        }
    }

    /// <summary>Replaces each level by an entry of a table of 16.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Map(Span<byte> levels, ReadOnlySpan<sbyte> table)
    {
        Vector128<byte> values = Vector128.Create(table).AsByte();
        for (int l = 0; l < levels.Length; l += 16)
        {
            Vector128.Shuffle(values, At(levels, l)).CopyTo(levels[l..]);
        }
    }

    /// <summary>Takes the middle of the range from each level.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Centre(Span<byte> levels, int middle)
    {
        for (int l = 0; l < levels.Length; l += 16)
        {
            (At(levels, l) - Vector128.Create((byte)middle)).CopyTo(levels[l..]);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<byte> At(ReadOnlySpan<byte> levels, int offset) => Vector128.Create(levels.Slice(offset, 16));
}
