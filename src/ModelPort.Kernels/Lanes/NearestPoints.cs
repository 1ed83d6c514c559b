using System.Numerics;
using System.Runtime.CompilerServices;
using ModelPort.Kernels.Blocks;

namespace ModelPort.Kernels.Lanes;

/// <summary>The points nearest to the values of a place.</summary>
/// <remarks>
/// Of the error of a point, scale^2 * square - 2 * scale * product + constant, only the loss, scale * square - 2 * product, differs between points.
/// The smallest one counts if it leads by more than all rounding errors; else the errors are compared, rounded as the definition rounds them.
/// </remarks>
/// <typeparam name="T">Lanes of candidates, or of points.</typeparam>
/// <typeparam name="TShape">The shape of the grid.</typeparam>
internal static unsafe class NearestPoints<T, TShape>
    where T : struct, ILanes<T>
    where TShape : struct, IGridShape
{
    private const int Row = GridRoom.Row;
    private const int Squares = GridTables.MaxPoints;
    private const int Codes = 2 * GridTables.MaxPoints;

    // With the weights of the weighted squares of (scale * point + value), which bound all terms, the roundings of two errors come to at most 26 * 2^-24, those
    // of two losses to 24 * 2^-24.
    private const float Rounding = 64f / (1 << 24);

    // Below these, products might lose digits.
    private const float LeastValue = 1e-10f;
    private const float LeastWeight = 1e-12f;

    /// <summary>By what a loss must be smaller than any other, for each unit of weight.</summary>
    /// <param name="highest">The scale times the highest level.</param>
    /// <param name="largest">The largest magnitude of the group.</param>
    /// <param name="inverse">One over the scale.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static T Margin(T highest, float largest, T inverse)
    {
        T reach = highest + T.Broadcast(largest);
        return T.Broadcast(largest > LeastValue ? Rounding : float.PositiveInfinity) * reach * reach * inverse;
    }

    /// <summary>The points of two places under each candidate. Neighbouring candidates with the same cell are a run: they share a list of points.</summary>
    /// <param name="tables">The grid.</param>
    /// <param name="group">The group.</param>
    /// <param name="place">Number of the first place.</param>
    /// <param name="starts">Bit c: a run begins at candidate c of the first place; those of the second place in the upper half.</param>
    /// <param name="candidates">Number of candidates.</param>
    /// <param name="room">Scratch memory (<see cref="GridRoom"/>): cells are read, points written.</param>
    /// <returns>Bit c: the cell under candidate c is no point; the second place in the upper half.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    internal static ulong Find(GridTables tables, in GridGroup group, int place, ulong starts, int candidates, float* room)
    {
        float* cells = room + GridRoom.Cells + (place * Row);
        float* found = room + GridRoom.Found + (place * Row);
        float* values = group.Values + (place * TShape.Dimensions);
        float* roots = group.Roots + (place * TShape.Dimensions);
        float firstWeight = Weight(roots), secondWeight = Weight(roots + TShape.Dimensions);
        uint* lists = tables.Lists;
        ushort* codes = tables.Codes;
        ulong off = 0;
        while (starts != 0)
        {
            int from = BitOperations.TrailingZeroCount(starts);
            starts &= starts - 1;

            // No branches, as they could not be predicted: the lesser of two ends, and the bits of the run if its cell is no point.
            int limit = (from & Row) + candidates, to = BitOperations.TrailingZeroCount(starts) - limit;
            to = limit + (to & (to >> 31));
            uint list = lists[GridCells<T, TShape>.Index(cells[from])];
            off |= (ulong.MaxValue << from) & ~(ulong.MaxValue << to) & (0ul - ((list / GridTables.OffGrid) & 1));
            var length = (int)(list & GridTables.Length);
            if (length == 0)
            {
                Fill(found + from, to - from, list >> GridTables.Place);
                continue;
            }

            int second = from < Row ? 0 : TShape.Dimensions;
            FindInList(
                codes + (list >> GridTables.Place), length, values + second, roots + second, second == 0 ? firstWeight : secondWeight,
                from & (Row - 1), to - from, room, found + from);
        }

        return off;
    }

    /// <summary>The code of the point of a single place under a single candidate, the first one in the room.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static ushort FindOne(GridTables tables, float* values, float* roots, float* room)
    {
        uint list = tables.Lists[GridCells<T, TShape>.Index(room[GridRoom.Cells])];
        var length = (int)(list & GridTables.Length);
        if (length == 0)
        {
            return (ushort)(list >> GridTables.Place);
        }

        ushort* codes = tables.Codes + (list >> GridTables.Place);
        float* losses = room + GridRoom.Losses;
        T scale = T.Broadcast(room[GridRoom.Multiples]), greatest = T.Broadcast(float.MinValue);
        for (int v = 0; v < length; v += T.Count)
        {
            SetLosses(T.LoadCodes(codes + v), length - v, values, roots, losses + v);
            T loss = T.MultiplyAdd(scale, T.Load(losses + Squares + v), T.Load(losses + v));
            T.Store(losses + v, loss);
            greatest = T.Larger(greatest, T.Broadcast(0f) - loss);
        }

        T close = T.Broadcast((room[GridRoom.Margins] * Weight(roots)) - T.Largest(greatest));
        int leader = 0, leaders = 0;
        for (int v = 0; v < length; v += T.Count)
        {
            var here = (uint)T.Bits(T.Load(losses + v) < close);
            leader = here == 0 ? leader : v + BitOperations.TrailingZeroCount(here);
            leaders += BitOperations.PopCount(here);
        }

        if (leaders == 1)
        {
            return codes[leader];
        }

        CompareErrors(codes, length, values, roots, 1, room + GridRoom.Multiples, room + GridRoom.Found);
        return (ushort)BitConverter.SingleToUInt32Bits(room[GridRoom.Found]);
    }

    /// <summary>The sum of the roots, with which the rounding errors of losses grow; infinity where they might be larger than usual.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Weight(float* roots)
    {
        float weight = (roots[0] + roots[1]) + (roots[2] + roots[3]);
        weight += TShape.Dimensions == 8 ? (roots[4] + roots[5]) + (roots[6] + roots[7]) : 0;
        return weight > LeastWeight ? weight : float.PositiveInfinity;
    }

    /// <summary>The nearest point of a list for each candidate of a run.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void FindInList(
        ushort* codes, int length, float* values, float* roots, float weight, int first, int candidates, float* room, float* found)
    {
        float* losses = room + GridRoom.Losses;
        for (int v = 0; v < length; v += T.Count)
        {
            SetLosses(T.LoadCodes(codes + v), length - v, values, roots, losses + v);
        }

        float* scales = room + GridRoom.Multiples + first;
        float* margins = room + GridRoom.Margins + first;
        for (int c = 0; c < candidates; c += T.Count)
        {
            T scale = T.Load(scales + c), least = T.Broadcast(float.MaxValue), next = least, best = least;
            for (float* point = losses; point < losses + length; point += 4)
            {
                Compare(point, scale, ref least, ref next, ref best);
                Compare(point + 1, scale, ref least, ref next, ref best);
                Compare(point + 2, scale, ref least, ref next, ref best);
                Compare(point + 3, scale, ref least, ref next, ref best);
            }

            var leads = (uint)T.Bits(next - least > T.Load(margins + c) * T.Broadcast(weight));
            T.Store(found + c, best);
            if (BitOperations.TrailingZeroCount(~leads) < Math.Min(candidates - c, T.Count))
            {
                CompareErrors(codes, length, values, roots, candidates, scales, found);
                return;
            }
        }
    }

    /// <summary>What the losses of some points are made of, and their codes; a huge loss for lanes beyond the last point.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void SetLosses(T codes, int length, float* values, float* roots, float* losses)
    {
        T product = T.Broadcast(0f), square = product;
        AddLoss(TShape.Odd(codes, 0), values[0], roots[0], ref product, ref square);
        AddLoss(TShape.Odd(codes, 1), values[1], roots[1], ref product, ref square);
        AddLoss(TShape.Odd(codes, 2), values[2], roots[2], ref product, ref square);
        AddLoss(TShape.Odd(codes, 3), values[3], roots[3], ref product, ref square);
        if (TShape.Dimensions == 8)
        {
            AddLoss(TShape.Odd(codes, 4), values[4], roots[4], ref product, ref square);
            AddLoss(TShape.Odd(codes, 5), values[5], roots[5], ref product, ref square);
            AddLoss(TShape.Odd(codes, 6), values[6], roots[6], ref product, ref square);
            AddLoss(TShape.Odd(codes, 7), values[7], roots[7], ref product, ref square);
        }

        T.Store(losses, T.Choose(T.Sequence() < T.Broadcast(length), product * T.Broadcast(-2f), T.Broadcast(float.MaxValue)));
        T.Store(losses + Squares, square);
        T.Store(losses + Codes, codes);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddLoss(T q, float value, float root, ref T product, ref T square)
    {
        T weighted = q * T.Broadcast(root);
        product = T.MultiplyAdd(weighted, T.Broadcast(value), product);
        square = T.MultiplyAdd(weighted, q, square);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Compare(float* point, T scale, ref T least, ref T next, ref T best)
    {
        T loss = T.MultiplyAdd(scale, T.Broadcast(point[Squares]), T.Broadcast(point[0]));
        next = T.Smaller(next, T.Larger(least, loss));
        best = T.Choose(loss < least, T.Broadcast(point[Codes]), best);
        least = T.Smaller(least, loss);
    }

    /// <summary>The nearest point of a list for each candidate of a run, by the errors as the definition rounds them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void CompareErrors(ushort* codes, int length, float* values, float* roots, int candidates, float* multiples, float* found)
    {
        for (int c = 0; c < candidates; c += T.Count)
        {
            T least = T.Broadcast(float.MaxValue), best = T.BroadcastCode(codes[0]);
            for (int j = 0; j < length; j++)
            {
                int code = codes[j];
                T error = T.Broadcast(0f);
                for (int i = 0; i < TShape.Dimensions; i++, code >>= 16 / TShape.Dimensions)
                {
                    T difference = T.Load(multiples + ((code & (TShape.Dimensions == 8 ? 3 : 7)) * Row) + c) - T.Broadcast(values[i]);
                    error += T.Broadcast(roots[i]) * difference * difference;
                }

                best = T.Choose(error < least, T.BroadcastCode(codes[j]), best);
                least = T.Smaller(error, least);
            }

            T.Store(found + c, best);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Fill(float* found, int candidates, uint code)
    {
        T point = T.BroadcastCode(code);
        for (int c = 0; c < candidates; c += T.Count)
        {
            T.Store(found + c, point);
        }
    }
}
