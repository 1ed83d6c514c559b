using System.Runtime.CompilerServices;

namespace ModelPort.Kernels.Lanes;

/// <summary>Brings groups of values into lanes: group g of a batch into lane g modulo the number of lanes.</summary>
/// <typeparam name="T">The lanes.</typeparam>
internal static unsafe class LaneSource<T>
    where T : struct, ILanes<T>
{
    /// <summary>Fills [size][lanes] from consecutive groups, of which there may be none left; lanes beyond the last group become zero.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    internal static void Values(float* source, int groups, int size, float* destination)
    {
        if (groups >= T.Count)
        {
            Transpose.Run(source, size, T.Count, size, destination);
            return;
        }

        float* padded = stackalloc float[T.Count * size];
        var span = new Span<float>(padded, T.Count * size);
        int there = Math.Max(0, groups) * size;
        new ReadOnlySpan<float>(source, there).CopyTo(span);
        span[there..].Clear();
        Transpose.Run(padded, size, T.Count, size, destination);
    }

    /// <summary>Fills [size][lanes] with the importance of consecutive groups: the row of importance repeats.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    internal static void Importance(ReadOnlySpan<float> importance, int firstGroup, int size, float* destination)
    {
        var at = (int)((long)firstGroup * size % importance.Length);
        if (importance.Length - at >= T.Count * size)
        {
            fixed (float* groups = importance[at..])
            {
                Transpose.Run(groups, size, T.Count, size, destination);
            }

            return;
        }

        float* gathered = stackalloc float[T.Count * size];
        var span = new Span<float>(gathered, T.Count * size);
        while (!span.IsEmpty)
        {
            int length = Math.Min(span.Length, importance.Length - at);
            importance.Slice(at, length).CopyTo(span);
            span = span[length..];
            at = 0;
        }

        Transpose.Run(gathered, size, T.Count, size, destination);
    }

    /// <summary>Sums of squares of whole blocks, one block a lane, each in the order of its values.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    internal static void SumsOfSquares(float* source, int blocks, int blockSize, float* sums)
    {
        const int Chunk = 16;
        float* lanes = stackalloc float[T.Count * Chunk];
        float* last = stackalloc float[T.Count * Chunk];
        T sum = T.Broadcast(0f);
        for (int i = 0; i < blockSize; i += Chunk)
        {
            if (blocks >= T.Count)
            {
                Transpose.Run(source + i, blockSize, T.Count, Chunk, lanes);
            }
            else
            {
                var span = new Span<float>(last, T.Count * Chunk);
                span.Clear();
                for (int b = 0; b < blocks; b++)
                {
                    new ReadOnlySpan<float>(source + (b * blockSize) + i, Chunk).CopyTo(span[(b * Chunk)..]);
                }

                Transpose.Run(last, Chunk, T.Count, Chunk, lanes);
            }

            for (int j = 0; j < Chunk * T.Count; j += T.Count)
            {
                T x = T.Load(lanes + j);
                sum += x * x;
            }
        }

        T.Store(sums, sum);
    }
}
