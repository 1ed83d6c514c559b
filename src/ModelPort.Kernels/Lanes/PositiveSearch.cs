using System.Runtime.CompilerServices;
using ModelPort.Kernels.Scalar;

namespace ModelPort.Kernels.Lanes;

/// <summary><see cref="Scalar.PositiveSearch"/> with one super-block in each lane.</summary>
/// <typeparam name="T">The lanes.</typeparam>
internal static unsafe class PositiveSearch<T>
    where T : struct, ILanes<T>
{
    /// <param name="top">Largest level.</param>
    /// <param name="size">Values a lane.</param>
    /// <param name="x">The values, [size][lanes].</param>
    /// <param name="weights">Their weights, [size][lanes].</param>
    /// <param name="levels">Receives the levels, [size][lanes].</param>
    /// <param name="scales">Receives the scales, one a lane.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Run(int top, int size, float* x, float* weights, float* levels, float* scales)
    {
        int end = size * T.Count;
        T zero = T.Broadcast(0f), one = T.Broadcast(1f), highest = T.Broadcast(top);
        T max = zero;
        for (int i = 0; i < end; i += T.Count)
        {
            max = T.Larger(max, T.Load(x + i));
        }

        T empty = max < T.Broadcast(ScaleSearch.ZeroGroup);
        T inverse = highest / max, scale = one / inverse, bestError = zero;
        for (int i = 0; i < end; i += T.Count)
        {
            T xi = T.Load(x + i);
            T difference = xi - (scale * EightBits(T.NearestInt(inverse * xi)));
            bestError += T.Load(weights + i) * difference * difference;
        }

        for (int step = -4; step <= 4; step++)
        {
            if (step == 0)
            {
                continue;
            }

            T candidate = T.Broadcast((0.1f * step) + top) / max, error = zero;
            scale = one / candidate;
            for (int i = 0; i < end; i += T.Count)
            {
                T xi = T.Load(x + i);
                T difference = xi - (scale * T.Smaller(highest, T.NearestInt(candidate * xi)));
                error += T.Load(weights + i) * difference * difference;
            }

            T better = error < bestError;
            bestError = T.Choose(better, error, bestError);
            inverse = T.Choose(better, candidate, inverse);
        }

        T sumLX = zero, sumL2 = zero;
        for (int i = 0; i < end; i += T.Count)
        {
            T xi = T.Load(x + i), w = T.Load(weights + i);
            T l = T.Smaller(highest, T.NearestInt(inverse * xi));
            T.Store(levels + i, EightBits(l));
            sumLX += w * xi * l;
            sumL2 += w * l * l;
        }

        // A lane that stands still stays so: sweeps go on until none moves.
        bool changed = true;
        for (int sweep = 0; sweep < 5 && changed; sweep++)
        {
            T moved = empty & (zero > one);
            for (int i = 0; i < end; i += T.Count)
            {
                T xi = T.Load(x + i), w = T.Load(weights + i), old = T.Load(levels + i);
                T lx = sumLX - (w * xi * old), l2 = sumL2 - (w * old * old);
                T movable = (lx > zero) & (l2 > zero);
                T l = T.Smaller(highest, T.NearestInt(xi * l2 / lx));
                lx += w * xi * l;
                l2 += w * l * l;
                movable &= T.NotEqual(l, old) & (lx * lx * sumL2 > sumLX * sumLX * l2);
                T.Store(levels + i, T.Choose(movable, EightBits(l), old));
                sumLX = T.Choose(movable, lx, sumLX);
                sumL2 = T.Choose(movable, l2, sumL2);
                moved |= movable;
            }

            changed = T.Any(moved);
        }

        T result = T.Choose(sumL2 > zero, sumLX / sumL2, zero);
        T.Store(scales, T.Choose(empty, zero, result));
        for (int i = 0; i < end; i += T.Count)
        {
            T.Store(levels + i, T.Choose(empty, zero, T.Load(levels + i)));
        }
    }

    /// <summary>What is left when the integer is stored in a byte.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static T EightBits(T integer) => integer - (T.Broadcast(256f) * T.Floor(integer * T.Broadcast(1f / 256f)));
}
