using System.Runtime.CompilerServices;

namespace ModelPort.Kernels.Lanes;

/// <summary>The cells that the values of a place round to, with one candidate in each lane.</summary>
/// <typeparam name="T">Lanes of candidates.</typeparam>
/// <typeparam name="TShape">The shape of the grid.</typeparam>
internal static unsafe class GridCells<T, TShape>
    where T : struct, ILanes<T>
    where TShape : struct, IGridShape
{
    // A value this far from the middle of its cell is inside it, whatever the rounding.
    private const float Inside = 0.4999f;

    // Added to a number it makes the lower bits of a float that number.
    private const float Base = 1 << 23;
    private const uint Mask = (1 << 23) - 1;

    /// <summary>Finds the cells. Where all values are inside, the number of cells is added, which leads to the short lists (<see cref="Blocks.Grid.List"/>).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Set(int numberOfCells, float* x, int candidates, float* inverses, float* cells)
    {
        for (int c = 0; c < candidates; c += T.Count)
        {
            T inverse = T.Load(inverses + c), cell = T.Broadcast(Base + numberOfCells), farthest = T.Broadcast(0f);
            AddDigit(inverse, x[0], 1, ref cell, ref farthest);
            AddDigit(inverse, x[1], TShape.Levels, ref cell, ref farthest);
            AddDigit(inverse, x[2], TShape.Levels * TShape.Levels, ref cell, ref farthest);
            AddDigit(inverse, x[3], TShape.Levels * TShape.Levels * TShape.Levels, ref cell, ref farthest);
            if (TShape.Dimensions == 8)
            {
                AddDigit(inverse, x[4], 81, ref cell, ref farthest);
                AddDigit(inverse, x[5], 243, ref cell, ref farthest);
                AddDigit(inverse, x[6], 729, ref cell, ref farthest);
                AddDigit(inverse, x[7], 2187, ref cell, ref farthest);
            }

            T.Store(cells + c, cell);
            if (T.Any(farthest > T.Broadcast(Inside)))
            {
                SetAtBorders(x, inverse, farthest, cell, cells + c);
            }
        }
    }

    /// <summary>The index of <see cref="Blocks.Grid.List"/> that a cell holds.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static uint Index(float cell) => BitConverter.SingleToUInt32Bits(cell) & Mask;

    /// <summary>Bit c: candidate c has another cell than the one before.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static ulong Starts(int candidates, float* cells)
    {
        uint starts = 1;
        for (int c = 0; c < candidates; c += T.Count)
        {
            starts |= (uint)T.Bits(T.NotEqual(T.Load(cells + c), T.Load(cells + c - 1))) << c;
        }

        return starts & ((1u << candidates) - 1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddDigit(T inverse, float x, int digit, ref T cell, ref T farthest)
    {
        T value = T.MultiplyAdd(inverse, T.Broadcast(0.5f * x), T.Broadcast(-0.5f));
        value = T.Smaller(T.Broadcast(TShape.Levels - 1), T.Larger(T.Broadcast(0f), value));
        T level = T.Round(value);
        cell = T.MultiplyAdd(level, T.Broadcast(digit), cell);
        farthest = T.Larger(farthest, T.Abs(value - level));
    }

    /// <summary>Where a value lies near the border of its cell, the rounding of each operation decides, and the complete list must be searched.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void SetAtBorders(float* x, T inverse, T farthest, T inside, float* cells)
    {
        T cell = T.Broadcast(Base);
        for (int i = 0, digit = 1; i < TShape.Dimensions; i++, digit *= TShape.Levels)
        {
            T level = T.Round(T.Broadcast(0.5f) * ((inverse * T.Broadcast(x[i])) - T.Broadcast(1f)));
            cell += T.Smaller(T.Broadcast(TShape.Levels - 1), T.Larger(T.Broadcast(0f), level)) * T.Broadcast(digit);
        }

        T.Store(cells, T.Choose(farthest > T.Broadcast(Inside), cell, inside));
    }
}
