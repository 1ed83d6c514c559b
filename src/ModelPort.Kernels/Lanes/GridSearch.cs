using System.Numerics;
using System.Runtime.CompilerServices;
using ModelPort.Kernels.Blocks;

namespace ModelPort.Kernels.Lanes;

/// <summary>The search of <see cref="Scalar.GridBlocks"/> for one group, with one candidate scale in each lane.</summary>
/// <remarks>
/// Growing scales move few values to another level, so neighbouring candidates often agree on a cell. Such a run of lanes shares one list of points,
/// which is tried point by point for all of them. Lists are short where every value lies safely inside its cell (<see cref="Grid.List"/>).
/// </remarks>
/// <typeparam name="T">Lanes of candidates, or of points.</typeparam>
/// <typeparam name="TShape">The shape of the grid.</typeparam>
internal static unsafe class GridSearch<T, TShape>
    where T : struct, ILanes<T>
    where TShape : struct, IGridShape
{
    /// <summary>Floats that <see cref="TryRun"/> needs as room.</summary>
    internal const int Room = Gains + (2 * GridTables.MaxPoints);

    private const int Row = GridTables.Row;

    // Tables in the room, in rows of candidates. One spare row follows what is read from any candidate on.
    private const int Inverses = 0;
    private const int Margins = Inverses + Row;
    private const int Multiples = Margins + Row;
    private const int Cells = Multiples + (8 * Row) + Row;
    private const int Found = Cells + (8 * Row) + Row;
    private const int Sums = Found + (8 * Row) + Row;

    // Of each point of a list: twice the weighted product with the values, and the weighted square.
    private const int Gains = Sums + (2 * Row);

    // A value this far from the middle of its cell is still inside it, whatever the rounding.
    private const float Inside = 0.4999f;

    // Beyond +-2^22 nearest_int gives bits instead of a rounded number; far below it rounding is the same.
    private const float Tame = 1 << 20;

    // Rounding errors of two errors and of two gains come to less than 52 * 2^-24 of the weighted squares of the largest numbers in them.
    private const float Rounding = 1f / (1 << 17);

    // Below these, products might lose digits.
    private const float LeastRange = 1e-10f;
    private const float LeastWeight = 1e-12f;

    /// <summary>Finds the points of a group and its scale.</summary>
    /// <param name="format">The format.</param>
    /// <param name="group">The group.</param>
    /// <param name="range">What the candidates are relative to.</param>
    /// <param name="room">Scratch memory.</param>
    /// <param name="points">Receives the points; all zero before.</param>
    /// <param name="scale">The scale where no candidate is any good; receives the one found.</param>
    /// <returns>False where numbers are so extreme that only the definition can tell.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static bool TryRun(GridFormat format, in GridGroup group, float range, float* room, Span<ushort> points, ref float scale)
    {
        GridTables tables = format.Tables;
        int candidates = (2 * format.Steps) + 1;
        T divisor = T.Broadcast(range);
        float largest = Largest(group.Values, format.Group);
        for (int c = 0; c < candidates; c += T.Count)
        {
            T inverse = T.Load(tables.Candidates + c) / divisor;
            SetScale(room, c, inverse, T.Broadcast(1f) / inverse, largest);
        }

        if (!(largest * room[Inverses + candidates - 1] < Tame))
        {
            return false;
        }

        for (int k = 0; k < points.Length; k++)
        {
            SetCells(format.Grid, group.At(k * TShape.Dimensions), candidates, room + Inverses, room + Cells + (k * Row));
        }

        ulong* off = stackalloc ulong[4];
        for (int k = 0; k < points.Length; k += 2)
        {
            float* cells = room + Cells + (k * Row);
            ulong starts = Starts(candidates, cells) | (Starts(candidates, cells + Row) << Row);
            off[k / 2] = FindPoints(tables, group.At(k * TShape.Dimensions), starts, candidates, room, k);
        }

        AddUp(group, points.Length, candidates, room);
        int winner = Best(candidates, room, ref scale);
        uint all = (1u << points.Length) - 1, refined = format.Refines == GridFormat.Refinement.Off ? 0 : all;
        if (winner >= 0)
        {
            uint offGrid = 0;
            for (int k = 0; k < points.Length; k++)
            {
                points[k] = tables.Numbers[Code(room, k, winner)];
                offGrid |= (uint)((off[k / 2] >> (winner + (k % 2 * Row))) & 1) << k;
            }

            refined = format.Refines == GridFormat.Refinement.Always || (format.Refines == GridFormat.Refinement.AllIfAnyIsOff && offGrid != 0) ? all
                : format.Refines == GridFormat.Refinement.Off ? offGrid
                : 0;
        }

        return !(scale > 0 && refined != 0) || TryRefine(format, tables, group, largest, refined, room, points, ref scale);
    }

    /// <summary>Searches some of the points again under the scale that was found, and the scale under the points.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static bool TryRefine(
        GridFormat format, GridTables tables, in GridGroup group, float largest, uint places, float* room, Span<ushort> points, ref float scale)
    {
        float inverse = 1 / scale;
        SetScale(room, 0, T.Broadcast(inverse), T.Broadcast(scale), largest);
        if (!(largest * inverse < Tame))
        {
            return false;
        }

        for (uint left = places; left != 0; left &= left - 1)
        {
            int k = BitOperations.TrailingZeroCount(left);
            SetCells(format.Grid, group.At(k * TShape.Dimensions), 1, room + Inverses, room + Cells + (k * Row));
        }

        for (int k = 0; k < points.Length; k += 2)
        {
            uint two = (places >> k) & 3;
            FindPoints(tables, group.At(k * TShape.Dimensions), (two & 1) | ((two & 2ul) << (Row - 1)), 1, room, k);
        }

        for (uint left = places; left != 0; left &= left - 1)
        {
            int k = BitOperations.TrailingZeroCount(left);
            points[k] = tables.Numbers[Code(room, k, 0)];
        }

        float sumQX = 0, sumQ2 = 0;
        for (int k = 0; k < points.Length; k++)
        {
            GridGroup at = group.At(k * TShape.Dimensions);
            ReadOnlySpan<byte> levels = format.Grid.LevelsOf(points[k]);
            for (int i = 0; i < levels.Length; i++)
            {
                float q = (2 * levels[i]) + 1;
                sumQX += at.Products[i] * q;
                sumQ2 += at.Weights[i] * q * q;
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
        T.Store(room + Inverses + candidate, inverse);
        T highest = scale;
        for (int level = 0; level < TShape.Levels; level++)
        {
            highest = scale * T.Broadcast((2 * level) + 1);
            T.Store(room + Multiples + (level * Row) + candidate, highest);
        }

        T reach = highest + T.Broadcast(largest);
        T.Store(room + Margins + candidate, T.Broadcast(largest > LeastRange ? Rounding : float.PositiveInfinity) * reach * reach * inverse);
    }

    /// <summary>The cell of some values under each candidate, moved to the short lists where all values are inside.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void SetCells(Grid grid, in GridGroup at, int candidates, float* inverses, float* cells)
    {
        T zero = T.Broadcast(0f), half = T.Broadcast(0.5f), one = T.Broadcast(1f), top = T.Broadcast(TShape.Levels - 1);
        for (int c = 0; c < candidates; c += T.Count)
        {
            T inverse = T.Load(inverses + c), cell = zero, farthest = zero;
            float digit = 1;
            for (int i = 0; i < TShape.Dimensions; i++)
            {
                T value = T.Smaller(top, T.Larger(zero, half * ((inverse * T.Broadcast(at.Values[i])) - one)));
                T level = T.Round(value);
                cell += level * T.Broadcast(digit);
                farthest = T.Larger(farthest, T.Abs(value - level));
                digit *= TShape.Levels;
            }

            T.Store(cells + c, T.Choose(farthest < T.Broadcast(Inside), cell + T.Broadcast(grid.Cells), cell));
        }
    }

    /// <summary>Bit c: candidate c has another cell than the one before.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Starts(int candidates, float* cells)
    {
        uint starts = 1;
        for (int c = 0; c < candidates; c += T.Count)
        {
            starts |= (uint)T.Bits(T.NotEqual(T.Load(cells + c), T.Load(cells + c - 1))) << c;
        }

        return starts & ((1u << candidates) - 1);
    }

    /// <summary>The points of two places under each candidate, run by run.</summary>
    /// <param name="tables">The grid.</param>
    /// <param name="at">The values of the first of the two places.</param>
    /// <param name="starts">Bit c: a run begins at candidate c of the first place; those of the second place in the upper half.</param>
    /// <param name="candidates">Number of candidates.</param>
    /// <param name="room">Scratch memory.</param>
    /// <param name="place">Number of the first place.</param>
    /// <returns>Bit c: the cell under candidate c is no point; the second place in the upper half.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static ulong FindPoints(GridTables tables, in GridGroup at, ulong starts, int candidates, float* room, int place)
    {
        float* cells = room + Cells + (place * Row);
        float* found = room + Found + (place * Row);
        uint* lists = tables.Lists;
        ulong off = 0;
        while (starts != 0)
        {
            int from = BitOperations.TrailingZeroCount(starts);
            starts &= starts - 1;
            int to = Math.Min(BitOperations.TrailingZeroCount(starts), (from & Row) + candidates);
            uint list = lists[(int)cells[from]];
            off |= (list & GridTables.OffGrid) == 0 ? 0 : (ulong.MaxValue << from) & ~(ulong.MaxValue << to);
            var length = (int)(list & GridTables.Length);
            if (length == 0)
            {
                Fill(found, from, to, list >> GridTables.Place);
                continue;
            }

            ushort* codes = tables.Codes + (list >> GridTables.Place);
            FindNearest(codes, length, at.At(from / Row * TShape.Dimensions), from % Row, to - from, room, found + from);
        }

        return off;
    }

    /// <summary>The nearest of some points for each candidate of a run.</summary>
    /// <remarks>
    /// Of the error of a point, scale^2 * square - 2 * scale * product + constant, only the gain, 2 * product - scale * square, differs between points, and
    /// the difference of two gains is linear in the scale. So a point that is best at both ends of a run is best between them too, rounding apart: it must
    /// lead by more than all rounding errors. Else the errors themselves are compared, rounded as the definition rounds them.
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void FindNearest(ushort* codes, int length, in GridGroup at, int first, int candidates, float* room, float* found)
    {
        float weight = SetGains(codes, length, at, room + Gains);
        int last = first + candidates - 1, one = Leader(length, weight, first, room), other = first == last ? one : Leader(length, weight, last, room);
        if (one == other && one >= 0)
        {
            Fill(found, 0, candidates, codes[one]);
            return;
        }

        for (int c = 0; c < candidates; c++)
        {
            int leader = c == 0 ? one : c == candidates - 1 ? other : Leader(length, weight, first + c, room);
            if (leader < 0)
            {
                CompareErrors(codes, length, at, room + Multiples + first, candidates, found);
                return;
            }

            found[c] = BitConverter.UInt32BitsToSingle(codes[leader]);
        }
    }

    /// <summary>What the gains of some points are made of.</summary>
    /// <returns>The sum of the roots, which the rounding errors of gains grow with; infinity where they might be larger than usual.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float SetGains(ushort* codes, int length, in GridGroup at, float* gains)
    {
        float weight = 0;
        for (int v = 0; v < length; v += T.Count)
        {
            T code = T.LoadCodes(codes + v), product = T.Broadcast(0f), square = product;
            for (int i = 0; i < TShape.Dimensions; i++)
            {
                T q = Odd(code, i), root = T.Broadcast(at.Roots[i]), rooted = root * q;
                product += rooted * T.Broadcast(at.Values[i]);
                square += rooted * q;
            }

            T.Store(gains + v, T.Choose(T.Sequence() < T.Broadcast(length - v), product + product, T.Broadcast(float.MinValue)));
            T.Store(gains + GridTables.MaxPoints + v, square);
        }

        for (int i = 0; i < TShape.Dimensions; i++)
        {
            weight += at.Roots[i];
        }

        return weight > LeastWeight ? weight : float.PositiveInfinity;
    }

    /// <summary>The point with the greatest gain, or -1 if another's is nearly as great.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Leader(int length, float weight, int candidate, float* room)
    {
        float* gains = room + Gains;
        T scale = T.Broadcast(room[Multiples + candidate]), greatest = T.Load(gains) - (scale * T.Load(gains + GridTables.MaxPoints));
        for (int v = T.Count; v < length; v += T.Count)
        {
            greatest = T.Larger(greatest, T.Load(gains + v) - (scale * T.Load(gains + GridTables.MaxPoints + v)));
        }

        T close = T.Broadcast(T.Largest(greatest) - (room[Margins + candidate] * weight));
        int leader = -1;
        for (int v = 0; v < length; v += T.Count)
        {
            var leaders = (uint)T.Bits(T.Load(gains + v) - (scale * T.Load(gains + GridTables.MaxPoints + v)) > close);
            if (leaders == 0)
            {
                continue;
            }

            if (leader >= 0 || (leaders & (leaders - 1)) != 0)
            {
                return -1;
            }

            leader = v + BitOperations.TrailingZeroCount(leaders);
        }

        return leader;
    }

    /// <summary>The nearest of some points for each candidate of a run, by the errors as the definition rounds them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void CompareErrors(ushort* codes, int length, in GridGroup at, float* multiples, int candidates, float* found)
    {
        for (int c = 0; c < candidates; c += T.Count)
        {
            T least = T.Broadcast(float.MaxValue), best = T.Broadcast(BitConverter.UInt32BitsToSingle(codes[0]));
            for (int j = 0; j < length; j++)
            {
                int code = codes[j];
                T error = T.Broadcast(0f);
                for (int i = 0; i < TShape.Dimensions; i++, code >>= 16 / TShape.Dimensions)
                {
                    T difference = T.Load(multiples + ((code & (TShape.Dimensions == 8 ? 3 : 7)) * Row) + c) - T.Broadcast(at.Values[i]);
                    error += T.Broadcast(at.Roots[i]) * difference * difference;
                }

                best = T.Choose(error < least, T.Broadcast(BitConverter.UInt32BitsToSingle(codes[j])), best);
                least = T.Smaller(error, least);
            }

            T.Store(found + c, best);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Fill(float* found, int from, int to, uint code)
    {
        T point = T.Broadcast(BitConverter.UInt32BitsToSingle(code));
        for (int c = from; c < to; c += T.Count)
        {
            T.Store(found + c, point);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static T Odd(T codes, int dimension) => TShape.Dimensions == 8 ? T.OddOfThree(codes, 2 * dimension) : T.OddOfEight(codes, 4 * dimension);

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
                T codes = T.Load(room + Found + (k * Row) + c);
                for (int i = 0; i < TShape.Dimensions; i++)
                {
                    T q = Odd(codes, i);
                    sumQX += T.Broadcast(products[i]) * q;
                    sumQ2 += T.Broadcast(weights[i]) * q * q;
                }
            }

            T.Store(room + Sums + c, sumQX);
            T.Store(room + Sums + Row + c, sumQ2);
        }
    }

    /// <summary>The best candidate, or -1, and its scale.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Best(int candidates, float* room, ref float scale)
    {
        int winner = -1;
        float best = 0;
        for (int c = 0; c < candidates; c++)
        {
            float sumQX = room[Sums + c], sumQ2 = room[Sums + Row + c];
            if (sumQ2 > 0 && sumQX * sumQX > best * sumQ2)
            {
                scale = sumQX / sumQ2;
                best = scale * sumQX;
                winner = c;
            }
        }

        return winner;
    }

    private static ushort Code(float* room, int place, int candidate) => (ushort)BitConverter.SingleToUInt32Bits(room[Found + (place * Row) + candidate]);
}
