using System.Runtime.CompilerServices;
using ModelPort.Kernels.Scalar;

namespace ModelPort.Kernels.Lanes;

/// <summary><see cref="ScaleSearch.Affine"/> with one group of values in each lane.</summary>
/// <typeparam name="T">The lanes.</typeparam>
/// <typeparam name="TError">How an error is weighed.</typeparam>
internal static unsafe class AffineSearch<T, TError>
    where T : struct, ILanes<T>
    where TError : struct, IErrorNorm
{
    /// <summary>Searches as many groups as there are lanes.</summary>
    /// <param name="steps">The candidates.</param>
    /// <param name="size">Values a group.</param>
    /// <param name="x">The values, [size][lanes].</param>
    /// <param name="weights">Their weights, [size][lanes].</param>
    /// <param name="levels">Room for [size][lanes].</param>
    /// <param name="found">Receives the result of each lane.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Run(in AffineSteps steps, int size, float* x, float* weights, float* levels, in AffineFound found)
    {
        int end = size * T.Count;
        T zero = T.Broadcast(0f), one = T.Broadcast(1f);
        T min = T.Load(x), max = min, sumW = T.Load(weights), sumX = sumW * min;
        for (int i = T.Count; i < end; i += T.Count)
        {
            T xi = T.Load(x + i), w = T.Load(weights + i);
            min = T.Smaller(xi, min);
            max = T.Larger(xi, max);
            sumW += w;
            sumX += w * xi;
        }

        min = T.Choose(min > zero, zero, min);
        T low = min, flat = T.Equal(max, min);
        T range = T.Choose(flat, one, max - min);
        T inverse = T.Broadcast(steps.Top) / range, scale = one / inverse;
        T foundInverse = inverse, foundBase = min, tame = Tameness.Of(inverse * range);
        Levels(x, weights, levels, end, inverse, min, steps.Top);
        T bestError = Error(x, weights, levels, end, scale, min);
        for (int step = 0; step <= steps.Count; step++)
        {
            range = T.Choose(flat, one, max - min);
            inverse = T.Broadcast(steps.Candidate(step)) / range;
            tame &= Tameness.Of(inverse * range) & Tameness.Of(inverse * (low - min));
            Sums sums = Levels(x, weights, levels, end, inverse, min, steps.Top);
            T determinant = (sumW * sums.L2) - (sums.L * sums.L);
            T thisScale = ((sumW * sums.XL) - (sumX * sums.L)) / determinant;
            T thisMin = ((sums.L2 * sumX) - (sums.L * sums.XL)) / determinant;
            T positive = thisMin > zero;
            if (T.Any(positive))
            {
                thisMin = T.Choose(positive, zero, thisMin);
                thisScale = T.Choose(positive, sums.XL / sums.L2, thisScale);
            }

            T error = Error(x, weights, levels, end, thisScale, thisMin);
            T accept = (determinant > zero) & (error < bestError);
            foundInverse = T.Choose(accept, inverse, foundInverse);
            foundBase = T.Choose(accept, min, foundBase);
            bestError = T.Choose(accept, error, bestError);
            scale = T.Choose(accept, thisScale, scale);
            min = T.Choose(accept, thisMin, min);
        }

        // A flat group keeps its first minimum and has only level 0.
        T.Store(found.Scale, T.Choose(flat, zero, scale));
        T.Store(found.Minimum, T.Broadcast(-1f) * T.Choose(flat, low, min));
        T.Store(found.Inverse, T.Choose(flat, zero, foundInverse));
        T.Store(found.Base, T.Choose(flat, zero, foundBase));
        T.Store(found.Tame, tame);
    }

    /// <summary>The levels under one candidate and the sums that its least squares needs.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Sums Levels(float* x, float* weights, float* levels, int end, T inverse, T min, float highest)
    {
        T zero = T.Broadcast(0f), top = T.Broadcast(highest), sumL = zero, sumL2 = zero, sumXL = zero;
        for (int i = 0; i < end; i += T.Count)
        {
            T xi = T.Load(x + i);
            T l = T.Larger(zero, T.Smaller(top, T.Round(inverse * (xi - min))));
            T.Store(levels + i, l);
            T wl = T.Load(weights + i) * l;
            sumL += wl;
            sumL2 += wl * l;
            sumXL += wl * xi;
        }

        return new Sums { L = sumL, L2 = sumL2, XL = sumXL };
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static T Error(float* x, float* weights, float* levels, int end, T scale, T min)
    {
        T error = T.Broadcast(0f);
        for (int i = 0; i < end; i += T.Count)
        {
            error += T.Load(weights + i) * TError.Of((scale * T.Load(levels + i)) + min - T.Load(x + i));
        }

        return error;
    }

    private struct Sums
    {
        internal T L, L2, XL;
    }
}
