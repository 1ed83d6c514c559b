using System.Runtime.CompilerServices;
using ModelPort.Kernels.Blocks;
using ModelPort.Kernels.Scalar;

namespace ModelPort.Kernels.Lanes;

/// <summary>The search of <see cref="Scalar.UnevenBlocks"/> with one group of 32 values in each lane.</summary>
/// <typeparam name="T">The lanes.</typeparam>
internal static unsafe class UnevenSearch<T>
    where T : struct, ILanes<T>
{
    /// <param name="size">Values a group.</param>
    /// <param name="x">The values, [size][lanes].</param>
    /// <param name="weights">Their weights, [size][lanes].</param>
    /// <param name="scales">Receives the scales.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Run(int size, float* x, float* weights, float* scales)
    {
        int end = size * T.Count, first = UnevenFormat.Values[0];
        T zero = T.Broadcast(0f), one = T.Broadcast(1f), extreme = zero, magnitude = zero;
        for (int i = 0; i < end; i += T.Count)
        {
            T xi = T.Load(x + i), size1 = T.Abs(xi);
            T larger = size1 > magnitude;
            magnitude = T.Choose(larger, size1, magnitude);
            extreme = T.Choose(larger, xi, extreme);
        }

        T empty = magnitude < T.Broadcast(ScaleSearch.ZeroGroup);
        extreme = T.Choose(empty, one, extreme);
        Sums(end, x, weights, one / ((extreme * T.Broadcast(-1f)) / T.Broadcast(first)), out T sumQX, out T sumQ2);
        T scale = T.Choose(sumQ2 > zero, sumQX / sumQ2, zero);
        T best = scale * sumQX;
        for (int step = -UnevenBlocks.Tries; step <= UnevenBlocks.Tries; step++)
        {
            Sums(end, x, weights, T.Broadcast(step + first) / extreme, out sumQX, out sumQ2);
            T better = (sumQ2 > zero) & (sumQX * sumQX > best * sumQ2);
            scale = T.Choose(better, sumQX / sumQ2, scale);
            best = T.Choose(better, scale * sumQX, best);
        }

        T.Store(scales, T.Choose(empty, zero, scale));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Sums(int end, float* x, float* weights, T inverse, out T sumQX, out T sumQ2)
    {
        T qx = T.Broadcast(0f), q2 = qx;
        for (int i = 0; i < end; i += T.Count)
        {
            T xi = T.Load(x + i);
            T q = T.UnevenValue(inverse * xi);
            T wq = T.Load(weights + i) * q;
            qx += wq * xi;
            q2 += wq * q;
        }

        (sumQX, sumQ2) = (qx, q2);
    }
}
