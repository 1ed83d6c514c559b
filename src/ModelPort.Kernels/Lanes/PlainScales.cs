using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using ModelPort.Kernels.Blocks;

namespace ModelPort.Kernels.Lanes;

/// <summary>What the levels of a few blocks of 32 values are computed from.</summary>
internal unsafe struct PlainScales
{
    /// <summary>Blocks at most: one bit each.</summary>
    internal const int Blocks = 64;

    /// <summary>Floats of room that the arrays take.</summary>
    internal const int Room = 6 * Blocks;

    internal PlainScales(float* room)
    {
        Start = room;
        Greatest = room + Blocks;
        Scale = room + (2 * Blocks);
        Inverse = room + (3 * Blocks);
        HalfScale = (ushort*)(room + (4 * Blocks));
        HalfStart = (ushort*)(room + (5 * Blocks));
    }

    /// <summary>The value that level 0 stands for; zero for types without a minimum.</summary>
    internal float* Start { get; }

    /// <summary>The greatest value, or magnitude.</summary>
    internal float* Greatest { get; }

    internal float* Scale { get; }

    /// <summary>One over the scale; zero for zero.</summary>
    internal float* Inverse { get; }

    /// <summary>The scale in half precision.</summary>
    internal ushort* HalfScale { get; }

    /// <summary>The start in half precision.</summary>
    internal ushort* HalfStart { get; }
}

/// <summary>The scales of <see cref="Scalar.SmallBlocks"/>, one block in each lane.</summary>
/// <typeparam name="T">The lanes: 32 at most.</typeparam>
internal static unsafe class PlainScales<T>
    where T : struct, ILanes<T>
{
    private const int Size = SmallFormat.Elements;
    private const int Blocks = PlainScales.Blocks;

    /// <summary>Scales of Q8_0. Returns the blocks whose inverse is not finite, the first one lowest.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static ulong OfMagnitudes(float* x, int blocks, in PlainScales scales)
    {
        for (int b = 0; b < blocks; b += 4)
        {
            // Places beyond the last block repeat it.
            int last = blocks - 1;
            Vector128<float> magnitudes = Transpose.Largest(
                Magnitude(x + (b * Size)),
                Magnitude(x + (Math.Min(b + 1, last) * Size)),
                Magnitude(x + (Math.Min(b + 2, last) * Size)),
                Magnitude(x + (Math.Min(b + 3, last) * Size)));
            magnitudes.Store(scales.Greatest + b);
        }

        T top = T.Broadcast(127);
        for (int b = 0; b < Blocks; b += T.Count)
        {
            T.Store(scales.Scale + b, T.Load(scales.Greatest + b) / top);
        }

        return Invert(blocks, scales);
    }

    /// <summary>Scales that map the extreme value to the lowest level. Returns as <see cref="OfMagnitudes"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static ulong OfExtremes(int top, float* x, int blocks, in PlainScales scales)
    {
        Bounds(x, blocks, scales.Start, scales.Greatest);
        T zero = T.Broadcast(0f), lowest = T.Broadcast(-(top + 1) / 2);
        ulong even = 0;
        for (int b = 0; b < Blocks; b += T.Count)
        {
            T low = T.Load(scales.Start + b), high = T.Load(scales.Greatest + b), turned = zero - low;
            T.Store(scales.Scale + b, T.Choose(turned > high, low, high) / lowest);
            T.Store(scales.Start + b, zero);
            even |= T.Bits(T.Equal(turned, high)) << b;
        }

        // Of two extremes with different signs the first one counts.
        for (even &= First(blocks); even != 0; even &= even - 1)
        {
            int b = BitOperations.TrailingZeroCount(even);
            float magnitude = scales.Greatest[b];
            scales.Scale[b] = (magnitude == 0 ? 0f : Find(x + (b * Size), T.Broadcast(magnitude), magnitude: true)) / (-(top + 1) / 2);
        }

        return Invert(blocks, scales);
    }

    /// <summary>Scales that map the range of the values to the range of the levels. Returns as <see cref="OfMagnitudes"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static ulong OfRanges(int top, float* x, int blocks, in PlainScales scales)
    {
        Bounds(x, blocks, scales.Start, scales.Greatest);
        T zero = T.Broadcast(0f), levels = T.Broadcast(top), infinity = T.Broadcast(float.PositiveInfinity);
        ulong zeros = 0, finite = 0;
        for (int b = 0; b < Blocks; b += T.Count)
        {
            T low = T.Load(scales.Start + b), high = T.Load(scales.Greatest + b), scale = (high - low) / levels;
            T.Store(scales.Scale + b, scale);
            zeros |= T.Bits(T.Equal(low, zero) | T.Equal(high, zero)) << b;
            finite |= T.Bits(scale < infinity) << b;
        }

        // Of zeros with different signs the first one counts.
        for (zeros &= First(blocks); zeros != 0; zeros &= zeros - 1)
        {
            int b = BitOperations.TrailingZeroCount(zeros);
            float zeroOfBlock = Find(x + (b * Size), zero, magnitude: false);
            float low = scales.Start[b] == 0 ? zeroOfBlock : scales.Start[b], high = scales.Greatest[b] == 0 ? zeroOfBlock : scales.Greatest[b];
            scales.Start[b] = low;
            scales.Scale[b] = (high - low) / top;
        }

        Narrow.ToHalf(new ReadOnlySpan<float>(scales.Start, blocks), new Span<ushort>(scales.HalfStart, blocks));
        return Invert(blocks, scales) | (~finite & First(blocks));
    }

    /// <summary>Least and greatest value of each block; the sign of a zero is open.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Bounds(float* x, int blocks, float* least, float* greatest)
    {
        for (int b = 0; b < blocks; b += 4)
        {
            // Places beyond the last block repeat it.
            int last = blocks - 1;
            Bounds(x + (b * Size), out Vector128<float> turned0, out Vector128<float> greatest0);
            Bounds(x + (Math.Min(b + 1, last) * Size), out Vector128<float> turned1, out Vector128<float> greatest1);
            Bounds(x + (Math.Min(b + 2, last) * Size), out Vector128<float> turned2, out Vector128<float> greatest2);
            Bounds(x + (Math.Min(b + 3, last) * Size), out Vector128<float> turned3, out Vector128<float> greatest3);
            (-Transpose.Largest(turned0, turned1, turned2, turned3)).Store(least + b);
            Transpose.Largest(greatest0, greatest1, greatest2, greatest3).Store(greatest + b);
        }
    }

    /// <summary>The greatest of each fourth value, and of each fourth with its sign turned.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Bounds(float* x, out Vector128<float> turned, out Vector128<float> greatest)
    {
        T low = T.Load(x), high = low;
        for (int i = T.Count; i < Size; i += T.Count)
        {
            T xi = T.Load(x + i);
            low = T.Smaller(low, xi);
            high = T.Larger(high, xi);
        }

        turned = T.LargestByFours(T.Broadcast(0f) - low);
        greatest = T.LargestByFours(high);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Magnitude(float* x)
    {
        T largest = T.Abs(T.Load(x));
        for (int i = T.Count; i < Size; i += T.Count)
        {
            largest = T.Larger(largest, T.Abs(T.Load(x + i)));
        }

        return T.LargestByFours(largest);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static ulong Invert(int blocks, in PlainScales scales)
    {
        T zero = T.Broadcast(0f), one = T.Broadcast(1f), infinity = T.Broadcast(float.PositiveInfinity);
        ulong finite = 0;
        for (int b = 0; b < Blocks; b += T.Count)
        {
            T scale = T.Load(scales.Scale + b), inverse = T.Choose(T.NotEqual(scale, zero), one / scale, zero);
            T.Store(scales.Inverse + b, inverse);
            finite |= T.Bits(T.Abs(inverse) < infinity) << b;
        }

        Narrow.ToHalf(new ReadOnlySpan<float>(scales.Scale, blocks), new Span<ushort>(scales.HalfScale, blocks));
        return ~finite & First(blocks);
    }

    /// <summary>The first value of a block that equals, or whose magnitude equals.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Find(float* x, T wanted, bool magnitude)
    {
        ulong equal = 0;
        for (int i = Size - T.Count; i >= 0; i -= T.Count)
        {
            T xi = T.Load(x + i);
            equal = (equal << T.Count) | T.Bits(T.Equal(magnitude ? T.Abs(xi) : xi, wanted));
        }

        return x[BitOperations.TrailingZeroCount(equal)];
    }

    /// <summary>Bits of the blocks that are there.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong First(int blocks) => ulong.MaxValue >> (Blocks - blocks);
}
