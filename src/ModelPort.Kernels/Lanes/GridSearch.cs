using System.Numerics;
using System.Runtime.CompilerServices;
using ModelPort.Kernels.Blocks;

namespace ModelPort.Kernels.Lanes;

/// <summary>The search of <see cref="Scalar.GridBlocks"/> for one group, with one candidate scale in each lane.</summary>
/// <typeparam name="T">Lanes of candidates.</typeparam>
/// <typeparam name="TShape">The shape of the grid.</typeparam>
internal static unsafe class GridSearch<T, TShape>
    where T : struct, ILanes<T>
    where TShape : struct, IGridShape
{
    private const int Row = GridRoom.Row;

    // Beyond +-2^22 nearest_int gives bits instead of a rounded number; far below it rounding is the same.
    private const float Tame = 1 << 20;

    /// <summary>Finds the points of a group and its scale.</summary>
    /// <param name="format">The format.</param>
    /// <param name="group">The group.</param>
    /// <param name="range">What the candidates are relative to.</param>
    /// <param name="room">Scratch memory (<see cref="GridRoom"/>).</param>
    /// <param name="points">Receives the points; all zero before.</param>
    /// <param name="scale">The scale where no candidate is any good; receives the one found.</param>
    /// <returns>False where numbers are so extreme that only the definition can tell.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static bool TryRun(GridFormat format, in GridGroup group, float range, float* room, Span<ushort> points, ref float scale)
    {
        GridTables tables = format.Tables;
        int candidates = (2 * format.Steps) + 1, cells = format.Grid.Cells;
        float largest = Largest(group.Values, format.Group);
        T divisor = T.Broadcast(range);
        for (int c = 0; c < candidates; c += T.Count)
        {
            T inverse = T.Load(tables.Candidates + c) / divisor;
            SetScale(room, c, inverse, T.Broadcast(1f) / inverse, largest);
        }

        if (!(largest * room[GridRoom.Inverses + candidates - 1] < Tame))
        {
            return false;
        }

        for (int k = 0; k < points.Length; k++)
        {
            GridCells<T, TShape>.Set(cells, group.Values + (k * TShape.Dimensions), candidates, room + GridRoom.Inverses, room + GridRoom.Cells + (k * Row));
        }

        ulong* off = stackalloc ulong[4];
        for (int k = 0; k < points.Length; k += 2)
        {
            float* row = room + GridRoom.Cells + (k * Row);
            ulong starts = GridCells<T, TShape>.Starts(candidates, row) | (GridCells<T, TShape>.Starts(candidates, row + Row) << Row);
            off[k / 2] = NearestPoints<T, TShape>.Find(tables, group, k, starts, candidates, room);
        }

        AddUp(group, points.Length, candidates, room);
        int winner = Best(candidates, room, ref scale);
        uint all = (1u << points.Length) - 1, offGrid = format.Refines == GridFormat.Refinement.Off ? 0 : all;
        if (winner >= 0)
        {
            offGrid = 0;
            for (int k = 0; k < points.Length; k++)
            {
                points[k] = tables.Numbers[(ushort)BitConverter.SingleToUInt32Bits(room[GridRoom.Found + (k * Row) + winner])];
                offGrid |= (uint)((off[k / 2] >> (winner + (k % 2 * Row))) & 1) << k;
            }
        }

        uint refined = format.Refines switch
        {
            GridFormat.Refinement.Always => all,
            GridFormat.Refinement.AllIfAnyIsOff => offGrid != 0 ? all : 0,
            _ => offGrid,
        };
        return !(scale > 0 && refined != 0) || TryRefine(format, group, largest, refined, room, points, ref scale);
    }

    /// <summary>Searches some of the points again under the scale that was found, and then the scale under the points.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static bool TryRefine(
        GridFormat format, in GridGroup group, float largest, uint places, float* room, Span<ushort> points, ref float scale)
    {
        GridTables tables = format.Tables;
        int cells = format.Grid.Cells;
        float inverse = 1 / scale;
        if (!(largest * inverse < Tame))
        {
            return false;
        }

        SetScale(room, 0, T.Broadcast(inverse), T.Broadcast(scale), largest);
        for (uint left = places; left != 0; left &= left - 1)
        {
            int k = BitOperations.TrailingZeroCount(left);
            float* values = group.Values + (k * TShape.Dimensions);
            GridCells<T, TShape>.Set(cells, values, 1, room + GridRoom.Inverses, room + GridRoom.Cells);
            points[k] = tables.Numbers[NearestPoints<T, TShape>.FindOne(tables, values, group.Roots + (k * TShape.Dimensions), room)];
        }

        float sumQX = 0, sumQ2 = 0;
        for (int k = 0, at = 0; k < points.Length; k++)
        {
            foreach (byte level in format.Grid.LevelsOf(points[k]))
            {
                float q = (2 * level) + 1;
                sumQX += group.Products[at] * q;
                sumQ2 += group.Weights[at++] * q * q;
            }
        }

        scale = sumQ2 > 0 ? sumQX / sumQ2 : scale;
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Largest(float* x, int size)
    {
        T largest = T.Abs(T.Load(x));
        for (int i = T.Count; i < size; i += T.Count)
        {
            largest = T.Larger(largest, T.Abs(T.Load(x + i)));
        }

        return T.Largest(largest);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void SetScale(float* room, int candidate, T inverse, T scale, float largest)
    {
        T multiple = scale;
        for (int level = 0; level < TShape.Levels; level++)
        {
            multiple = scale * T.Broadcast((2 * level) + 1);
            T.Store(room + GridRoom.Multiples + (level * Row) + candidate, multiple);
        }

        T.Store(room + GridRoom.Inverses + candidate, inverse);
        T.Store(room + GridRoom.Margins + candidate, NearestPoints<T, TShape>.Margin(multiple, largest, inverse));
    }

    /// <summary>The sums that decide between the candidates.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddUp(in GridGroup group, int places, int candidates, float* room)
    {
        for (int c = 0; c < candidates; c += T.Count)
        {
            T sumQX = T.Broadcast(0f), sumQ2 = sumQX;
            float* products = group.Products;
            float* weights = group.Weights;
            for (int k = 0; k < places; k++, products += TShape.Dimensions, weights += TShape.Dimensions)
            {
                T codes = T.Load(room + GridRoom.Found + (k * Row) + c);
                Add(TShape.Odd(codes, 0), products[0], weights[0], ref sumQX, ref sumQ2);
                Add(TShape.Odd(codes, 1), products[1], weights[1], ref sumQX, ref sumQ2);
                Add(TShape.Odd(codes, 2), products[2], weights[2], ref sumQX, ref sumQ2);
                Add(TShape.Odd(codes, 3), products[3], weights[3], ref sumQX, ref sumQ2);
                if (TShape.Dimensions == 8)
                {
                    Add(TShape.Odd(codes, 4), products[4], weights[4], ref sumQX, ref sumQ2);
                    Add(TShape.Odd(codes, 5), products[5], weights[5], ref sumQX, ref sumQ2);
                    Add(TShape.Odd(codes, 6), products[6], weights[6], ref sumQX, ref sumQ2);
                    Add(TShape.Odd(codes, 7), products[7], weights[7], ref sumQX, ref sumQ2);
                }
            }

            T.Store(room + GridRoom.Sums + c, sumQX);
            T.Store(room + GridRoom.Sums + Row + c, sumQ2);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(T q, float product, float weight, ref T sumQX, ref T sumQ2)
    {
        sumQX += T.Broadcast(product) * q;
        sumQ2 += T.Broadcast(weight) * q * q;
    }

    /// <summary>The best candidate, or -1, and its scale.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Best(int candidates, float* room, ref float scale)
    {
        int winner = -1;
        float best = 0;
        for (int c = 0; c < candidates; c++)
        {
            float sumQX = room[GridRoom.Sums + c], sumQ2 = room[GridRoom.Sums + Row + c];
            if (sumQ2 > 0 && sumQX * sumQX > best * sumQ2)
            {
                scale = sumQX / sumQ2;
                best = scale * sumQX;
                winner = c;
            }
        }

        return winner;
    }
}
