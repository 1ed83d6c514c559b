using System.Runtime.CompilerServices;
using ModelPort.Kernels.Scalar;

namespace ModelPort.Kernels.Lanes;

/// <summary><see cref="Scalar.DescentSearch"/> with one group of values in each lane.</summary>
/// <typeparam name="T">The lanes.</typeparam>
internal static unsafe class DescentSearch<T>
    where T : struct, ILanes<T>
{
    /// <param name="levels">Half the number of levels.</param>
    /// <param name="size">Values a group.</param>
    /// <param name="x">The values, [size][lanes].</param>
    /// <param name="quants">Room for [size][lanes].</param>
    /// <param name="found">Receives scales, and inverse and center of zero for zero groups; the inverse is NaN for others.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Run(int levels, int size, float* x, float* quants, in SymmetricFound found)
    {
        int end = size * T.Count;
        T zero = T.Broadcast(0f), extreme = zero, magnitude = zero;
        for (int i = 0; i < end; i += T.Count)
        {
            T xi = T.Load(x + i), size1 = T.Abs(xi);
            T larger = size1 > magnitude;
            magnitude = T.Choose(larger, size1, magnitude);
            extreme = T.Choose(larger, xi, extreme);
        }

        T empty = magnitude < T.Broadcast(ScaleSearch.ZeroGroup);
        T low = T.Broadcast(-levels), high = T.Broadcast(levels - 1);
        T inverse = low / T.Choose(empty, T.Broadcast(1f), extreme), sumLX = zero, sumL2 = zero;
        for (int i = 0; i < end; i += T.Count)
        {
            T xi = T.Load(x + i), w = xi * xi;
            T l = T.Larger(low, T.Smaller(high, T.Round(inverse * xi)));
            T.Store(quants + i, l);
            sumLX += w * xi * l;
            sumL2 += w * l * l;
        }

        // A lane that stands still stays so: sweeps go on until none moves.
        bool changed = true;
        for (int sweep = 0; sweep < Scalar.DescentSearch.Sweeps && changed; sweep++)
        {
            T moved = zero;
            for (int i = 0; i < end; i += T.Count)
            {
                T xi = T.Load(x + i), w = xi * xi, wx = w * xi, old = T.Load(quants + i);
                T lx = sumLX - (wx * old), l2 = sumL2 - (w * old * old);
                T movable = lx > zero;
                T l = T.Larger(low, T.Smaller(high, T.NearestInt(xi * l2 / lx)));
                lx += wx * l;
                l2 += w * l * l;
                movable &= T.NotEqual(l, old) & (l2 > zero) & (lx * lx * sumL2 > sumLX * sumLX * l2);
                T.Store(quants + i, T.Choose(movable, l, old));
                sumLX = T.Choose(movable, lx, sumLX);
                sumL2 = T.Choose(movable, l2, sumL2);
                moved |= movable;
            }

            changed = T.Any(moved);
        }

        T scale = T.Choose(sumL2 > zero, sumLX / sumL2, zero);
        T.Store(found.Scale, T.Choose(empty, zero, scale));
        T.Store(found.Inverse, T.Choose(empty, zero, T.Broadcast(float.NaN)));
        T.Store(found.Center, zero);
        T.Store(found.Tame, T.Equal(zero, zero));
    }
}
