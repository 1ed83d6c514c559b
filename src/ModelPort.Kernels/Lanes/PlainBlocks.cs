using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;
using ModelPort.Kernels.Blocks;

namespace ModelPort.Kernels.Lanes;

/// <summary>The types of <see cref="Scalar.SmallBlocks"/> that need no search, with the lanes along the values.</summary>
/// <remarks>Blocks whose inverse scale is not finite go to the scalar definition: there conversions leave the range of an integer.</remarks>
/// <typeparam name="T">Lanes along the values: 32 at most.</typeparam>
internal static unsafe class PlainBlocks<T>
    where T : struct, ILanes<T>
{
    private const int Size = 32;

    /// <summary>Quantises blocks of Q8_0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Q8_0(float* x, int blocks, byte* to)
    {
        // The float below one half: halves go away from zero, whatever lies below them does not.
        T nearlyHalf = T.Broadcast(0.49999997f), sign = T.Broadcast(-0f);
        for (int b = 0; b < blocks; b++, x += Size, to += 34)
        {
            T largest = T.Abs(T.Load(x));
            for (int i = T.Count; i < Size; i += T.Count)
            {
                largest = T.Larger(largest, T.Abs(T.Load(x + i)));
            }

            float d = T.Largest(largest) / 127, inverse = d != 0 ? 1 / d : 0f;
            if (!float.IsFinite(inverse))
            {
                Scalar.SmallBlocks.Q8_0(new ReadOnlySpan<float>(x, Size), new Span<byte>(to, 34));
                continue;
            }

            BinaryPrimitives.WriteUInt16LittleEndian(new Span<byte>(to, 2), Narrow.ToHalf(d));
            T factor = T.Broadcast(inverse);
            for (int i = 0; i < Size; i += T.Count)
            {
                T scaled = T.Load(x + i) * factor;
                T.StoreBytes(to + 2 + i, scaled + (nearlyHalf | (scaled & sign)));
            }
        }
    }

    /// <summary>Quantises blocks of Q4_0 or Q5_0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    internal static void Symmetric(SmallFormat format, float* x, int blocks, Span<byte> destination)
    {
        int half = (format.Top + 1) / 2;
        byte* quants = stackalloc byte[Size];
        T top = T.Broadcast(format.Top), offset = T.Broadcast(half + 0.5f);
        for (int b = 0; b < blocks; b++, x += Size)
        {
            Span<byte> block = destination.Slice(b * format.Bytes, format.Bytes);
            T largest = T.Abs(T.Load(x));
            for (int i = T.Count; i < Size; i += T.Count)
            {
                largest = T.Larger(largest, T.Abs(T.Load(x + i)));
            }

            float magnitude = T.Largest(largest);
            float extreme = magnitude == 0 ? 0f : First(x, T.Broadcast(magnitude), magnitude: true);
            float d = extreme / -half, inverse = d != 0 ? 1 / d : 0f;
            if (!float.IsFinite(inverse))
            {
                Scalar.SmallBlocks.Symmetric(format, new ReadOnlySpan<float>(x, Size), block);
                continue;
            }

            T factor = T.Broadcast(inverse);
            for (int i = 0; i < Size; i += T.Count)
            {
                T.StoreBytes(quants + i, T.Smaller(top, (T.Load(x + i) * factor) + offset));
            }

            format.Write(block, d, 0, new ReadOnlySpan<byte>(quants, Size));
        }
    }

    /// <summary>Quantises blocks of Q4_1 or Q5_1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    internal static void Affine(SmallFormat format, float* x, int blocks, Span<byte> destination)
    {
        byte* quants = stackalloc byte[Size];
        T top = T.Broadcast(format.Top), half = T.Broadcast(0.5f), zero = T.Broadcast(0f);
        for (int b = 0; b < blocks; b++, x += Size)
        {
            Span<byte> block = destination.Slice(b * format.Bytes, format.Bytes);
            T low = T.Load(x), high = low;
            for (int i = T.Count; i < Size; i += T.Count)
            {
                T xi = T.Load(x + i);
                low = T.Smaller(low, xi);
                high = T.Larger(high, xi);
            }

            // Of zeros with different signs the first one counts.
            float min = -T.Largest(zero - low), max = T.Largest(high);
            min = min == 0 ? First(x, zero, magnitude: false) : min;
            max = max == 0 ? First(x, zero, magnitude: false) : max;
            float d = (max - min) / format.Top, inverse = d != 0 ? 1 / d : 0f;
            if (!float.IsFinite(inverse) || !float.IsFinite(d))
            {
                Scalar.SmallBlocks.Affine(format, new ReadOnlySpan<float>(x, Size), block);
                continue;
            }

            T start = T.Broadcast(min), factor = T.Broadcast(inverse);
            for (int i = 0; i < Size; i += T.Count)
            {
                T.StoreBytes(quants + i, T.Smaller(top, ((T.Load(x + i) - start) * factor) + half));
            }

            format.Write(block, d, min, new ReadOnlySpan<byte>(quants, Size));
        }
    }

    /// <summary>The first value of the block that equals, or whose magnitude equals.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float First(float* x, T wanted, bool magnitude)
    {
        ulong equal = 0;
        for (int i = Size - T.Count; i >= 0; i -= T.Count)
        {
            T xi = T.Load(x + i);
            equal = (equal << T.Count) | T.Bits(T.Equal(magnitude ? T.Abs(xi) : xi, wanted));
        }

        return x[BitOperations.TrailingZeroCount(equal)];
    }
}
