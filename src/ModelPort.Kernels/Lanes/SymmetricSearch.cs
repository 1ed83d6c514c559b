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
        T bestInverse = T.Broadcast(-levels) / extreme;
        T low = T.Broadcast(-levels), high = T.Broadcast(levels - 1), sumLX = zero, sumL2 = zero;
        for (int i = 0; i < end; i += T.Count)
        {
            Add(T.Load(x + i), T.Load(weights + i), T.Load(weighted + i), bestInverse, low, high, ref sumLX, ref sumL2);
        }

        T scale = T.Choose(T.NotEqual(sumL2, zero), sumLX / sumL2, zero);
        T best = scale * sumLX;
        // Two candidates share each pass over the values; they are judged in order.
        foreach (int step in (ReadOnlySpan<int>)[-9, -7, -5, -3, -1, 2, 4, 6, 8])
        {
            T first = Candidate(levels, step, extreme), second = Candidate(levels, step == -1 ? 1 : step + 1, extreme);
            T firstLX = zero, firstL2 = zero, secondLX = zero, secondL2 = zero;
            for (int i = 0; i < end; i += T.Count)
            {
                T xi = T.Load(x + i), w = T.Load(weights + i), wx = T.Load(weighted + i);
                Add(xi, w, wx, first, low, high, ref firstLX, ref firstL2);
                Add(xi, w, wx, second, low, high, ref secondLX, ref secondL2);
            }

            Judge(first, firstLX, firstL2, ref scale, ref best, ref bestInverse);
            Judge(second, secondLX, secondL2, ref scale, ref best, ref bestInverse);
        }

        T.Store(found.Scale, T.Choose(empty, zero, scale));
        T.Store(found.Inverse, T.Choose(empty, zero, bestInverse));
        T.Store(found.Center, T.Choose(empty, zero, T.Broadcast(levels)));
        T.Store(found.Tame, tame);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static T Candidate(int levels, int step, T extreme) => T.Broadcast(-(levels + (0.1f * step))) / extreme;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(T x, T weight, T weighted, T inverse, T low, T high, ref T sumLX, ref T sumL2)
    {
        T l = T.Larger(low, T.Smaller(high, T.Round(inverse * x)));
        sumLX += weighted * l;
        sumL2 += weight * l * l;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Judge(T inverse, T sumLX, T sumL2, ref T scale, ref T best, ref T bestInverse)
    {
        T better = (sumL2 > T.Broadcast(0f)) & (sumLX * sumLX > best * sumL2);
        scale = T.Choose(better, sumLX / sumL2, scale);
        best = T.Choose(better, scale * sumLX, best);
        bestInverse = T.Choose(better, inverse, bestInverse);
    }
}
