using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;
using ModelPort.Kernels.Blocks;

namespace ModelPort.Kernels.Lanes;

/// <summary>The types of <see cref="Scalar.SmallBlocks"/> that need no search, with the lanes along the values.</summary>
/// <remarks>Blocks whose inverse scale is not finite go to the scalar definition: there conversions leave the range of an integer.</remarks>
/// <typeparam name="T">Lanes along the values: 16 at most.</typeparam>
internal static unsafe class PlainBlocks<T>
    where T : struct, ILanes<T>
{
    private const int Size = SmallFormat.Elements;
    private const int BytesOfQ8_0 = 34;

    /// <summary>Quantises blocks of Q8_0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    internal static void Q8_0(float* x, int blocks, byte* to)
    {
        float* room = stackalloc float[PlainScales.Room];
        var scales = new PlainScales(room);
        for (; blocks > 0; blocks -= PlainScales.Blocks, x += PlainScales.Blocks * Size, to += PlainScales.Blocks * BytesOfQ8_0)
        {
            int count = Math.Min(blocks, PlainScales.Blocks);
            ulong wild = PlainScales<T>.OfMagnitudes(x, count, scales);
            RoundedLevels(x, count, scales, to);
            for (; wild != 0; wild &= wild - 1)
            {
                int b = BitOperations.TrailingZeroCount(wild);
                Scalar.SmallBlocks.Q8_0(new ReadOnlySpan<float>(x + (b * Size), Size), new Span<byte>(to + (b * BytesOfQ8_0), BytesOfQ8_0));
            }
        }
    }

    /// <summary>Quantises blocks of Q4_0, Q4_1, Q5_0 or Q5_1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    internal static void Quantize(SmallFormat format, float* x, int blocks, byte* to)
    {
        float* room = stackalloc float[PlainScales.Room];
        var scales = new PlainScales(room);
        for (; blocks > 0; blocks -= PlainScales.Blocks, x += PlainScales.Blocks * Size, to += PlainScales.Blocks * format.Bytes)
        {
            int count = Math.Min(blocks, PlainScales.Blocks);
            ulong wild = format.HasMinimum ? PlainScales<T>.OfRanges(format.Top, x, count, scales) : PlainScales<T>.OfExtremes(format.Top, x, count, scales);
            if (format.Top == 15)
            {
                FourBitLevels(format, x, count, scales, to);
            }
            else
            {
                FiveBitLevels(format, x, count, scales, to);
            }

            for (; wild != 0; wild &= wild - 1)
            {
                int b = BitOperations.TrailingZeroCount(wild);
                Scalar.SmallBlocks.Plain(format, new ReadOnlySpan<float>(x + (b * Size), Size), new Span<byte>(to + (b * format.Bytes), format.Bytes));
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void RoundedLevels(float* x, int blocks, in PlainScales scales, byte* to)
    {
        // The float below one half: halves go away from zero, whatever lies below them does not.
        T nearlyHalf = T.Broadcast(0.49999997f), sign = T.Broadcast(-0f);
        for (int b = 0; b < blocks; b++, x += Size, to += BytesOfQ8_0)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(new Span<byte>(to, 2), scales.HalfScale[b]);
            T inverse = T.Broadcast(scales.Inverse[b]);
            for (int i = 0; i < Size; i += T.Count)
            {
                T scaled = T.Load(x + i) * inverse;
                T.StoreBytes(to + 2 + i, scaled + (nearlyHalf | (scaled & sign)));
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void FourBitLevels(SmallFormat format, float* x, int blocks, in PlainScales scales, byte* to)
    {
        T top = T.Broadcast(format.Top), offset = T.Broadcast(format.Offset);
        for (int b = 0; b < blocks; b++, x += Size, to += format.Bytes)
        {
            byte* levels = format.WriteScales(to, scales.HalfScale[b], scales.HalfStart[b]);
            T start = T.Broadcast(scales.Start[b]), inverse = T.Broadcast(scales.Inverse[b]);
            for (int i = 0; i < Size / 2; i += T.Count)
            {
                T low = T.Smaller(top, ((T.Load(x + i) - start) * inverse) + offset);
                T high = T.Smaller(top, ((T.Load(x + (Size / 2) + i) - start) * inverse) + offset);
                T.StoreNibbles(levels + i, low, high);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    private static void FiveBitLevels(SmallFormat format, float* x, int blocks, in PlainScales scales, byte* to)
    {
        byte* levels = stackalloc byte[Size];
        T top = T.Broadcast(format.Top), offset = T.Broadcast(format.Offset);
        for (int b = 0; b < blocks; b++, x += Size, to += format.Bytes)
        {
            T start = T.Broadcast(scales.Start[b]), inverse = T.Broadcast(scales.Inverse[b]);
            for (int i = 0; i < Size; i += T.Count)
            {
                T.StoreBytes(levels + i, T.Smaller(top, ((T.Load(x + i) - start) * inverse) + offset));
            }

            format.WriteLevels(format.WriteScales(to, scales.HalfScale[b], scales.HalfStart[b]), levels);
        }
    }
}
