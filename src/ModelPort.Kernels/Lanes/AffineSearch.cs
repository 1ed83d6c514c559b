using System.Runtime.CompilerServices;
using ModelPort.Kernels.Scalar;

namespace ModelPort.Kernels.Lanes;

/// <summary><see cref="ScaleSearch.Affine"/> with one group of values in each lane.</summary>
/// <remarks>
/// A candidate needs the outcome of the one before it, and within it the errors need the sums of the levels. Two sets of groups take
/// turns, so that the divisions between the loops of one set pass while a loop of the other runs.
/// </remarks>
/// <typeparam name="T">The lanes.</typeparam>
/// <typeparam name="TError">How an error is weighed.</typeparam>
internal static unsafe class AffineSearch<T, TError>
    where T : struct, ILanes<T>
    where TError : struct, IErrorNorm
{
    /// <summary>Groups that one search takes.</summary>
    internal static int Groups => 2 * T.Count;

    /// <summary>Searches <see cref="Groups"/> groups.</summary>
    /// <param name="steps">The candidates.</param>
    /// <param name="size">Values a group.</param>
    /// <param name="x">The values: two sets of [size][lanes].</param>
    /// <param name="weights">Their weights, likewise.</param>
    /// <param name="levels">Room for as many.</param>
    /// <param name="found">Receives the results.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Run(in AffineSteps steps, int size, float* x, float* weights, float* levels, in AffineFound found)
    {
        nint end = size * T.Count;
        var a = new Set { X = x, Weights = weights, Levels = levels };
        var b = new Set { X = x + end, Weights = weights + end, Levels = levels + end };
        Start(ref a, end, steps.Top);
        Start(ref b, end, steps.Top);
        for (int step = 0; step <= steps.Count; step++)
        {
            float candidate = steps.Candidate(step);
            Fit(ref a, end, candidate, steps.Top);
            Fit(ref b, end, candidate, steps.Top);
            Judge(ref a, end);
            Judge(ref b, end);
        }

        a.Store(found);
        b.Store(found.At(T.Count));
    }

    /// <summary>The whole range from the least value to the greatest is the first candidate.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void Start(ref Set set, nint end, float top)
    {
        float* x = set.X, weights = set.Weights;
        T zero = T.Broadcast(0f), one = T.Broadcast(1f);
        T min = T.Load(x), max = min, sumW = T.Load(weights), sumX = sumW * min;
        for (nint i = T.Count; i < end; i += T.Count)
        {
            T xi = T.Load(x + i), w = T.Load(weights + i);
            min = T.Smaller(xi, min);
            max = T.Larger(xi, max);
            sumW += w;
            sumX += w * xi;
        }

        min = T.Choose(min > zero, zero, min);
        T flat = T.Equal(max, min), range = T.Choose(flat, one, max - min), inverse = T.Broadcast(top) / range, scale = one / inverse;
        T highest = T.Broadcast(top), error = zero;
        for (nint i = 0; i < end; i += T.Count)
        {
            T xi = T.Load(x + i);
            T l = T.Limit(T.Round(inverse * (xi - min)), highest);
            error += T.Load(weights + i) * TError.Of((scale * l) + min - xi);
        }

        (set.Low, set.Max, set.Flat, set.SumW, set.SumX) = (min, max, flat, sumW, sumX);
        (set.Scale, set.Min, set.Inverse, set.Base, set.Error) = (scale, min, inverse, min, error);
        set.Tame = Tameness.Of(inverse * range);
    }

    // Fit and Judge are methods of their own, so that each loop has the registers for itself.

    /// <summary>The levels under a candidate, and the scale and minimum that fit them best.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void Fit(ref Set set, nint end, float candidate, float top)
    {
        T zero = T.Broadcast(0f), highest = T.Broadcast(top), min = set.Min;
        T range = T.Choose(set.Flat, T.Broadcast(1f), set.Max - min), inverse = T.Broadcast(candidate) / range;
        set.Tame &= Tameness.Of(inverse * range) & Tameness.Of(inverse * (set.Low - min));
        set.ThisInverse = inverse;
        float* x = set.X, weights = set.Weights, levels = set.Levels;
        T sumL = zero, sumL2 = zero, sumXL = zero;
        for (nint i = 0; i < end; i += T.Count)
        {
            T xi = T.Load(x + i);
            T l = T.Limit(T.Round(inverse * (xi - min)), highest);
            T.Store(levels + i, l);
            T wl = T.Load(weights + i) * l;
            sumL += wl;
            sumL2 += wl * l;
            sumXL += wl * xi;
        }

        T sumW = set.SumW, sumX = set.SumX;
        T determinant = (sumW * sumL2) - (sumL * sumL);
        T thisScale = ((sumW * sumXL) - (sumX * sumL)) / determinant;
        T thisMin = ((sumL2 * sumX) - (sumL * sumXL)) / determinant;
        T positive = thisMin > zero;
        thisMin = T.Choose(positive, zero, thisMin);
        thisScale = T.Choose(positive, sumXL / sumL2, thisScale);
        (set.ThisScale, set.ThisMin, set.Fits) = (thisScale, thisMin, determinant > zero);
    }

    /// <summary>Takes the candidate where its error is less.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void Judge(ref Set set, nint end)
    {
        float* x = set.X, weights = set.Weights, levels = set.Levels;
        T scale = set.ThisScale, min = set.ThisMin, error = T.Broadcast(0f);
        for (nint i = 0; i < end; i += T.Count)
        {
            error += T.Load(weights + i) * TError.Of((scale * T.Load(levels + i)) + min - T.Load(x + i));
        }

        T accept = set.Fits & (error < set.Error);
        set.Inverse = T.Choose(accept, set.ThisInverse, set.Inverse);
        set.Base = T.Choose(accept, set.Min, set.Base);
        set.Error = T.Choose(accept, error, set.Error);
        set.Scale = T.Choose(accept, scale, set.Scale);
        set.Min = T.Choose(accept, min, set.Min);
    }

    /// <summary>Groups in lanes and their search so far. It lies in memory: the loops need the registers.</summary>
    private struct Set
    {
        internal float* X, Weights, Levels;

        /// <summary>Bounds of the values, whether they are one, sums of weights and of weighted values.</summary>
        internal T Low, Max, Flat, SumW, SumX;

        /// <summary>The candidate under test, and whether its least squares have a solution.</summary>
        internal T ThisInverse, ThisScale, ThisMin, Fits;

        /// <summary>The best candidate: see <see cref="AffineFound"/>.</summary>
        internal T Scale, Min, Inverse, Base, Error, Tame;

        /// <summary>A flat group keeps its first minimum and has only level 0.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        internal readonly void Store(in AffineFound found)
        {
            T zero = T.Broadcast(0f);
            T.Store(found.Scale, T.Choose(Flat, zero, Scale));
            T.Store(found.Minimum, T.Broadcast(-1f) * T.Choose(Flat, Low, Min));
            T.Store(found.Inverse, T.Choose(Flat, zero, Inverse));
            T.Store(found.Base, T.Choose(Flat, zero, Base));
            T.Store(found.Tame, Tame);
        }
    }
}
