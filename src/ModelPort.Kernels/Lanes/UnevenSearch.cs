using System.Runtime.CompilerServices;
using ModelPort.Kernels.Blocks;
using ModelPort.Kernels.Scalar;

namespace ModelPort.Kernels.Lanes;

/// <summary>The search of <see cref="Scalar.UnevenBlocks"/> with one group of 32 values in each lane.</summary>
/// <remarks>
/// The candidates differ by less than neighbouring midpoints of the table do (134 / 120 against 115.5 / 93.5), so over all of them a value
/// meets one midpoint at most and has two entries at most, the first and the last candidate's. What each entry adds to the sums is
/// computed once; a candidate only chooses.
/// </remarks>
/// <typeparam name="T">The lanes.</typeparam>
internal static unsafe class UnevenSearch<T>
    where T : struct, ILanes<T>
{
    /// <summary>Numbers kept for each value, see <see cref="Prepare"/>.</summary>
    internal const int Kept = 5;

    /// <param name="size">Values a group.</param>
    /// <param name="x">The values, [size][lanes].</param>
    /// <param name="weights">Their weights, [size][lanes].</param>
    /// <param name="room">Room for [size][<see cref="Kept"/>][lanes].</param>
    /// <param name="scales">Receives the scales.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Run(int size, float* x, float* weights, float* room, float* scales)
    {
        T zero = T.Broadcast(0f), one = T.Broadcast(1f), extreme = zero, magnitude = zero;
        for (int i = 0; i < size * T.Count; i += T.Count)
        {
            T xi = T.Load(x + i), size1 = T.Abs(xi);
            extreme = T.Choose(size1 > magnitude, xi, extreme);
            magnitude = T.Larger(size1, magnitude);
        }

        T empty = magnitude < T.Broadcast(ScaleSearch.ZeroGroup);
        extreme = T.Choose(empty, one, extreme);
        Best best = Prepare(size, x, weights, extreme, room);
        for (int step = -UnevenBlocks.Tries; step <= UnevenBlocks.Tries; step += 3)
        {
            Try(size, x, room, step, extreme, ref best);
        }

        T.Store(scales, T.Choose(empty, zero, best.Scale));
    }

    /// <summary>
    /// Keeps of each value the midpoint between its two entries, then for the lower and for the upper entry what they add to both sums;
    /// returns the start, which maps the extreme value to the other end of the table.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static Best Prepare(int size, float* x, float* weights, in T extreme, float* room)
    {
        T first = T.Broadcast(UnevenFormat.Values[0]), start = T.Broadcast(1f) / ((extreme * T.Broadcast(-1f)) / first);
        T widest = Candidate(-UnevenBlocks.Tries, extreme);
        T half = T.Broadcast(0.5f), zero = T.Broadcast(0f), sumQX = zero, sumQ2 = zero;
        for (int i = 0; i < size * T.Count; i += T.Count, room += Kept * T.Count)
        {
            T xi = T.Load(x + i), w = T.Load(weights + i), q = T.UnevenValue(start * xi), wq = w * q;
            sumQX += wq * xi;
            sumQ2 += wq * q;

            (T low, T high) = T.UnevenNeighbours(widest * xi);
            T wLow = w * low, wHigh = w * high;
            T.Store(room, (low + high) * half);
            T.Store(room + T.Count, wLow * xi);
            T.Store(room + (2 * T.Count), wLow * low);
            T.Store(room + (3 * T.Count), wHigh * xi);
            T.Store(room + (4 * T.Count), wHigh * high);
        }

        T scale = T.Choose(sumQ2 > zero, sumQX / sumQ2, zero);
        return new Best { Scale = scale, Score = scale * sumQX };
    }

    /// <summary>Three candidates share a pass over the values; they are judged in order.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void Try(int size, float* x, float* room, int step, in T extreme, ref Best best)
    {
        T first = Candidate(step, extreme), second = Candidate(step + 1, extreme), third = Candidate(step + 2, extreme), zero = T.Broadcast(0f);
        T firstQX = zero, firstQ2 = zero, secondQX = zero, secondQ2 = zero, thirdQX = zero, thirdQ2 = zero;
        for (int i = 0; i < size * T.Count; i += T.Count, room += Kept * T.Count)
        {
            T xi = T.Load(x + i), midpoint = T.Load(room);
            Add(first * xi < midpoint, room, ref firstQX, ref firstQ2);
            Add(second * xi < midpoint, room, ref secondQX, ref secondQ2);
            Add(third * xi < midpoint, room, ref thirdQX, ref thirdQ2);
        }

        Best local = best;
        local.Judge(firstQX, firstQ2);
        local.Judge(secondQX, secondQ2);
        local.Judge(thirdQX, thirdQ2);
        best = local;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static T Candidate(int step, T extreme) => T.Broadcast(step + UnevenFormat.Values[0]) / extreme;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(T below, float* kept, ref T sumQX, ref T sumQ2)
    {
        sumQX += T.Choose(below, T.Load(kept + T.Count), T.Load(kept + (3 * T.Count)));
        sumQ2 += T.Choose(below, T.Load(kept + (2 * T.Count)), T.Load(kept + (4 * T.Count)));
    }

    /// <summary>The best candidate so far: a score is what it takes off the squared error.</summary>
    private struct Best
    {
        internal T Scale, Score;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        internal void Judge(T sumQX, T sumQ2)
        {
            T scale = sumQX / sumQ2, score = scale * sumQX;
            T better = (sumQ2 > T.Broadcast(0f)) & (sumQX * sumQX > Score * sumQ2);
            Scale = T.Choose(better, scale, Scale);
            Score = T.Choose(better, score, Score);
        }
    }
}
