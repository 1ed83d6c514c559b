using System.Numerics;
using System.Runtime.CompilerServices;

namespace ModelPort.Kernels;

/// <summary>The Walsh-Hadamard transform: a product with the matrix of Sylvester's construction, H(1) = [1], H(2n) = [H(n) H(n); H(n) -H(n)], in n log n steps.</summary>
public static class WalshHadamard
{
    /// <summary>Transforms in place. Lengths of vectors grow by the root of their number of values, as every entry of the matrix is 1 or -1.</summary>
    /// <param name="values">Values; their number is a power of two.</param>
    /// <exception cref="ArgumentException">The number of values is no power of two.</exception>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Transform(Span<float> values)
    {
        if (!BitOperations.IsPow2(values.Length))
        {
            throw new ArgumentException($"{values.Length} values: no power of two.", nameof(values));
        }

        for (int half = 1; half < values.Length; half *= 2)
        {
            for (int start = 0; start < values.Length; start += 2 * half)
            {
                Butterfly(values.Slice(start, half), values.Slice(start + half, half));
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Butterfly(Span<float> a, Span<float> b)
    {
        int i = 0;
        for (; i <= a.Length - Vector<float>.Count; i += Vector<float>.Count)
        {
            Vector<float> x = new(a[i..]), y = new(b[i..]);
            (x + y).CopyTo(a[i..]);
            (x - y).CopyTo(b[i..]);
        }

        for (; i < a.Length; i++)
        {
            (a[i], b[i]) = (a[i] + b[i], a[i] - b[i]);
        }
    }
}
