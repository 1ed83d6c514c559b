using System.Runtime.CompilerServices;
using ModelPort.Kernels.Scalar;

namespace ModelPort.Kernels.Lanes;

/// <summary><see cref="Scalar.DescentSearch"/> with one group of values in each lane.</summary>
/// <remarks>Each step waits for a division that needs the step before; four sets of groups hide one another's.</remarks>
/// <typeparam name="T">The lanes: 16 at most.</typeparam>
internal static unsafe class DescentSearch<T>
    where T : struct, ILanes<T>
{
    /// <summary>Numbers that a search keeps of each value: its level, its weight and the weighted value.</summary>
    internal const int Kept = 3;

    private const int Sets = 4;

    /// <summary>Groups that one search takes.</summary>
    internal static int Groups => Sets * T.Count;

    /// <summary>Searches <see cref="Groups"/> groups.</summary>
    /// <param name="levels">Half the number of levels.</param>
    /// <param name="sweeps">Sweeps at most.</param>
    /// <param name="size">Values a group.</param>
    /// <param name="x">The values: sets of [size][lanes].</param>
    /// <param name="room">Room for sets of [size][<see cref="Kept"/>][lanes].</param>
    /// <param name="found">Receives scales, and inverse and center of zero for zero groups; the inverse is NaN for others.</param>
    /// <returns>A bit for each group, the first one lowest: whether the last sweep moved a level.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static ulong Run(int levels, int sweeps, int size, float* x, float* room, in SymmetricFound found)
    {
        nint end = size * T.Count;
        var a = new Set { X = x, Kept = room };
        var b = new Set { X = x + end, Kept = room + (Kept * end) };
        var c = new Set { X = x + (2 * end), Kept = room + (2 * Kept * end) };
        var d = new Set { X = x + (3 * end), Kept = room + (3 * Kept * end) };
        Start(levels, end, ref a);
        Start(levels, end, ref b);
        Start(levels, end, ref c);
        Start(levels, end, ref d);

        // A lane that stands still stays so: sweeps go on until none moves.
        ulong moved = 1;
        for (int sweep = 0; sweep < sweeps && moved != 0; sweep++)
        {
            Descend(levels, end, ref a, ref b, ref c, ref d);
            moved = T.Bits(a.Moved) | (T.Bits(b.Moved) << T.Count) | (T.Bits(c.Moved) << (2 * T.Count)) | (T.Bits(d.Moved) << (3 * T.Count));
        }

        a.Store(found);
        b.Store(found.At(T.Count));
        c.Store(found.At(2 * T.Count));
        d.Store(found.At(3 * T.Count));
        return moved;
    }

    /// <summary>Rounds once: the extreme value is the lowest level.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void Start(int levels, nint end, ref Set set)
    {
        float* x = set.X, kept = set.Kept;
        T zero = T.Broadcast(0f), extreme = zero, magnitude = zero;
        for (nint i = 0; i < end; i += T.Count)
        {
            T xi = T.Load(x + i), size1 = T.Abs(xi);
            extreme = T.Choose(size1 > magnitude, xi, extreme);
            magnitude = T.Larger(size1, magnitude);
        }

        T empty = magnitude < T.Broadcast(ScaleSearch.ZeroGroup), low = T.Broadcast(-levels), high = T.Broadcast(levels - 1);
        T inverse = low / T.Choose(empty, T.Broadcast(1f), extreme), sumLX = zero, sumL2 = zero;
        for (nint i = 0; i < end; i += T.Count, kept += Kept * T.Count)
        {
            T xi = T.Load(x + i), w = xi * xi, wx = w * xi;
            T l = T.Larger(low, T.Smaller(high, T.Round(inverse * xi)));
            T.Store(kept, l);
            T.Store(kept + T.Count, w);
            T.Store(kept + (2 * T.Count), wx);
            sumLX += wx * l;
            sumL2 += w * l * l;
        }

        (set.Empty, set.SumLX, set.SumL2) = (empty, sumLX, sumL2);
    }

    /// <summary>One sweep over the values of all sets.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void Descend(int levels, nint end, ref Set a, ref Set b, ref Set c, ref Set d)
    {
        T low = T.Broadcast(-levels), high = T.Broadcast(levels - 1);
        a.Moved = b.Moved = c.Moved = d.Moved = T.Broadcast(0f);
        for (nint i = 0; i < end; i += T.Count)
        {
            Step(i, low, high, ref a);
            Step(i, low, high, ref b);
            Step(i, low, high, ref c);
            Step(i, low, high, ref d);
        }
    }

    /// <summary>Moves one value of each group to the level that fits the others best, where that lowers the error.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Step(nint i, T low, T high, ref Set set)
    {
        float* kept = set.Kept + (Kept * i);
        T xi = T.Load(set.X + i), old = T.Load(kept), w = T.Load(kept + T.Count), wx = T.Load(kept + (2 * T.Count));
        T zero = T.Broadcast(0f), sumLX = set.SumLX, sumL2 = set.SumL2;
        T lx = sumLX - (wx * old), l2 = sumL2 - (w * old * old);
        T movable = lx > zero;
        T l = T.Larger(low, T.Smaller(high, T.NearestInt(xi * l2 / lx)));
        lx += wx * l;
        l2 += w * l * l;
        movable &= T.NotEqual(l, old) & (l2 > zero) & (lx * lx * sumL2 > sumLX * sumLX * l2);
        T.Store(kept, T.Choose(movable, l, old));
        set.SumLX = T.Choose(movable, lx, sumLX);
        set.SumL2 = T.Choose(movable, l2, sumL2);
        set.Moved |= movable;
    }

    /// <summary>Groups in lanes and their search so far. It lies in memory: a step needs the registers.</summary>
    private struct Set
    {
        internal float* X, Kept;

        /// <summary>Zero groups, the sums of the levels, and where the last sweep moved one.</summary>
        internal T Empty, SumLX, SumL2, Moved;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        internal readonly void Store(in SymmetricFound found)
        {
            T zero = T.Broadcast(0f), scale = T.Choose(SumL2 > zero, SumLX / SumL2, zero);
            T.Store(found.Scale, T.Choose(Empty, zero, scale));
            T.Store(found.Inverse, T.Choose(Empty, zero, T.Broadcast(float.NaN)));
            T.Store(found.Center, zero);
            T.Store(found.Tame, T.Equal(zero, zero));
        }
    }
}
