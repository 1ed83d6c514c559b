using System.Runtime.CompilerServices;
using ModelPort.Kernels.Scalar;

namespace ModelPort.Kernels.Lanes;

/// <summary><see cref="ScaleSearch.Symmetric"/> with one group of values in each lane.</summary>
/// <remarks>Finite values need no range check: |Inverse * x| cannot exceed the number of levels.</remarks>
/// <typeparam name="T">The lanes.</typeparam>
internal static unsafe class SymmetricSearch<T>
    where T : struct, ILanes<T>
{
    /// <summary>Searches as many groups as there are lanes.</summary>
    /// <param name="levels">Half the number of levels.</param>
    /// <param name="size">Values a group.</param>
    /// <param name="x">The values, [size][lanes].</param>
    /// <param name="weights">Their weights, [size][lanes].</param>
    /// <param name="weighted">Room for [size][lanes].</param>
    /// <param name="found">Receives the result of each lane.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Run(int levels, int size, float* x, float* weights, float* weighted, in SymmetricFound found)
    {
        int end = size * T.Count;
        T zero = T.Broadcast(0f), infinity = T.Broadcast(float.PositiveInfinity);
        T extreme = zero, magnitude = zero, tame = T.Equal(zero, zero);
        for (int i = 0; i < end; i += T.Count)
        {
            T xi = T.Load(x + i), size1 = T.Abs(xi);
            T larger = size1 > magnitude;
            magnitude = T.Choose(larger, size1, magnitude);
            extreme = T.Choose(larger, xi, extreme);
            tame &= size1 < infinity;
            T.Store(weighted + i, T.Load(weights + i) * xi);
        }

        T empty = magnitude < T.Broadcast(ScaleSearch.ZeroGroup);
        extreme = T.Choose(empty, T.Broadcast(1f), extreme);
        T inverse = T.Broadcast(-levels) / extreme, bestInverse = inverse;
        Sums(levels, end, x, weights, weighted, inverse, out T sumLX, out T sumL2);
        T scale = T.Choose(T.NotEqual(sumL2, zero), sumLX / sumL2, zero);
        T best = scale * sumLX;
        for (int step = -9; step <= 9; step++)
        {
            if (step == 0)
            {
                continue;
            }

            inverse = T.Broadcast(-(levels + (0.1f * step))) / extreme;
            Sums(levels, end, x, weights, weighted, inverse, out sumLX, out sumL2);
            T better = (sumL2 > zero) & (sumLX * sumLX > best * sumL2);
            scale = T.Choose(better, sumLX / sumL2, scale);
            best = T.Choose(better, scale * sumLX, best);
            bestInverse = T.Choose(better, inverse, bestInverse);
        }

        T.Store(found.Scale, T.Choose(empty, zero, scale));
        T.Store(found.Inverse, T.Choose(empty, zero, bestInverse));
        T.Store(found.Center, T.Choose(empty, zero, T.Broadcast(levels)));
        T.Store(found.Tame, tame);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Sums(int levels, int end, float* x, float* weights, float* weighted, T inverse, out T sumLX, out T sumL2)
    {
        T low = T.Broadcast(-levels), high = T.Broadcast(levels - 1), lx = T.Broadcast(0f), l2 = lx;
        for (int i = 0; i < end; i += T.Count)
        {
            T l = T.Larger(low, T.Smaller(high, T.Round(inverse * T.Load(x + i))));
            lx += T.Load(weighted + i) * l;
            l2 += T.Load(weights + i) * l * l;
        }

        (sumLX, sumL2) = (lx, l2);
    }
}
