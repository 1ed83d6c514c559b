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
        nint end = size * T.Count;
        T zero = T.Broadcast(0f), infinity = T.Broadcast(float.PositiveInfinity);
        T extreme = zero, magnitude = zero, tame = T.Equal(zero, zero);
        for (nint i = 0; i < end; i += T.Count)
        {
            T xi = T.Load(x + i), size1 = T.Abs(xi);
            extreme = T.Choose(size1 > magnitude, xi, extreme);
            magnitude = T.Larger(size1, magnitude);
            tame &= size1 < infinity;
            T.Store(weighted + i, T.Load(weights + i) * xi);
        }

        T empty = magnitude < T.Broadcast(ScaleSearch.ZeroGroup);
        extreme = T.Choose(empty, T.Broadcast(1f), extreme);
        T inverse = T.Broadcast(-levels) / extreme;
        T low = T.Broadcast(-levels), high = T.Broadcast(levels - 1), sumLX = zero, sumL2 = zero;
        for (nint i = 0; i < end; i += T.Count)
        {
            Add<LimitedAbove>(T.Load(x + i), T.Load(weights + i), T.Load(weighted + i), inverse, low, high, ref sumLX, ref sumL2);
        }

        T scale = T.Choose(T.NotEqual(sumL2, zero), sumLX / sumL2, zero);
        var best = new Best { Scale = scale, Score = scale * sumLX, Inverse = inverse };

        // Three candidates share each pass over the values; they are judged in order. The extreme value lands on -(levels + step / 10):
        // up to step -6 nothing rounds past either end, up to step 4 nothing past the low one.
        for (int step = -9; step <= 9; step += step == -3 ? 4 : 3)
        {
            if (step + 2 <= -6)
            {
                Try<Unlimited>(levels, step, extreme, end, x, weights, weighted, ref best);
            }
            else if (step + 2 <= 4)
            {
                Try<LimitedAbove>(levels, step, extreme, end, x, weights, weighted, ref best);
            }
            else
            {
                Try<Limited>(levels, step, extreme, end, x, weights, weighted, ref best);
            }
        }

        T.Store(found.Scale, T.Choose(empty, zero, best.Scale));
        T.Store(found.Inverse, T.Choose(empty, zero, best.Inverse));
        T.Store(found.Center, T.Choose(empty, zero, T.Broadcast(levels)));
        T.Store(found.Tame, tame);
    }

    // Of its own, so that the loop has the registers for itself.
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void Try<TLimits>(int levels, int step, in T extreme, nint end, float* x, float* weights, float* weighted, ref Best best)
        where TLimits : struct, ILevelLimits
    {
        T first = Candidate(levels, step, extreme), second = Candidate(levels, step + 1, extreme), third = Candidate(levels, step + 2, extreme);
        T low = T.Broadcast(-levels), high = T.Broadcast(levels - 1), zero = T.Broadcast(0f);
        T firstLX = zero, firstL2 = zero, secondLX = zero, secondL2 = zero, thirdLX = zero, thirdL2 = zero;
        for (nint i = 0; i < end; i += T.Count)
        {
            T xi = T.Load(x + i), w = T.Load(weights + i), wx = T.Load(weighted + i);
            Add<TLimits>(xi, w, wx, first, low, high, ref firstLX, ref firstL2);
            Add<TLimits>(xi, w, wx, second, low, high, ref secondLX, ref secondL2);
            Add<TLimits>(xi, w, wx, third, low, high, ref thirdLX, ref thirdL2);
        }

        Best local = best;
        local.Judge(first, firstLX, firstL2);
        local.Judge(second, secondLX, secondL2);
        local.Judge(third, thirdLX, thirdL2);
        best = local;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static T Candidate(int levels, int step, T extreme) => T.Broadcast(-(levels + (0.1f * step))) / extreme;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add<TLimits>(T x, T weight, T weighted, T inverse, T low, T high, ref T sumLX, ref T sumL2)
        where TLimits : struct, ILevelLimits
    {
        T l = TLimits.Apply(T.Round(inverse * x), low, high);
        sumLX += weighted * l;
        sumL2 += weight * l * l;
    }

    /// <summary>The best candidate so far: a score is what it takes off the squared error.</summary>
    private struct Best
    {
        internal T Scale, Score, Inverse;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        internal void Judge(T inverse, T sumLX, T sumL2)
        {
            T scale = sumLX / sumL2, score = scale * sumLX;
            T better = (sumL2 > T.Broadcast(0f)) & (sumLX * sumLX > Score * sumL2);
            Scale = T.Choose(better, scale, Scale);
            Score = T.Choose(better, score, Score);
            Inverse = T.Choose(better, inverse, Inverse);
        }
    }
}
