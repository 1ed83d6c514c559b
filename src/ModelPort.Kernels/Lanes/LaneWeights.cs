using System.Runtime.CompilerServices;

namespace ModelPort.Kernels.Lanes;

/// <summary><see cref="Scalar.Weights"/> with one group of values in each lane.</summary>
/// <typeparam name="T">The lanes.</typeparam>
internal static unsafe class LaneWeights<T>
    where T : struct, ILanes<T>
{
    /// <summary>|x|, above the group's root mean square if that is wanted.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Magnitudes(int size, float* x, bool rootMeanSquare, float* weights)
    {
        T offset = T.Broadcast(0f);
        for (int i = 0; i < size * T.Count && rootMeanSquare; i += T.Count)
        {
            T xi = T.Load(x + i);
            offset += xi * xi;
        }

        offset = T.Sqrt(offset / T.Broadcast(size));
        for (int i = 0; i < size * T.Count; i += T.Count)
        {
            T.Store(weights + i, offset + T.Abs(T.Load(x + i)));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Squares(int size, float* x, float* weights)
    {
        for (int i = 0; i < size * T.Count; i += T.Count)
        {
            T xi = T.Load(x + i);
            T.Store(weights + i, xi * xi);
        }
    }

    /// <summary>Replaces importance by weights and sums them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void FromImportance(int size, float* x, float* sigma2, float* weights, float* sums)
    {
        T mean = T.Load(sigma2), sum = T.Broadcast(0f);
        for (int i = 0; i < size * T.Count; i += T.Count)
        {
            T xi = T.Load(x + i);
            T w = T.Load(weights + i) * T.Sqrt(mean + (xi * xi));
            T.Store(weights + i, w);
            sum += w;
        }

        T.Store(sums, sum);
    }
}
