using System.Numerics;
using System.Numerics.Tensors;
using System.Text;
using ModelPort.Kernels;

namespace ModelPort.Choosing;

/// <summary>
/// A matrix whose entries are 1 or -1 as if by chance, that is never stored: signs, a Walsh-Hadamard transform and signs again multiply with it in n log n
/// steps. Its rows are orthogonal.
/// </summary>
internal sealed class SignMatrix
{
    private readonly float[] _before;
    private readonly float[] _after;
    private readonly float[] _work;

    /// <summary>Makes the matrix of a name.</summary>
    /// <param name="name">Matrices of different names have nothing to do with each other.</param>
    /// <param name="length">The most values of a vector that goes in or comes out.</param>
    public SignMatrix(string name, int length)
    {
        var size = (int)BitOperations.RoundUpToPowerOf2((uint)length);
        var state = Seed(name);
        _before = Random(size, ref state);
        _after = Random(size, ref state);
        _work = new float[size];
    }

    /// <summary>Adds scale times the product with a vector.</summary>
    /// <param name="result">What it is added to: as many values as are wanted.</param>
    /// <param name="vector">The vector; may be <paramref name="result"/> itself.</param>
    /// <param name="scale">The factor.</param>
    public void AddTo(Span<float> result, ReadOnlySpan<float> vector, double scale)
    {
        TensorPrimitives.Multiply(vector, _before.AsSpan(0, vector.Length), _work);
        _work.AsSpan(vector.Length).Clear();
        WalshHadamard.Transform(_work);
        TensorPrimitives.Multiply(_work, _after, _work);
        TensorPrimitives.MultiplyAdd(_work.AsSpan(0, result.Length), (float)scale, result, result);
    }

    // FNV-1a.
    private static ulong Seed(string name) => Encoding.UTF8.GetBytes(name).Aggregate(0xCBF29CE484222325UL, (hash, b) => unchecked((hash ^ b) * 0x100000001B3));

    // SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014): the same signs in every version of .NET.
    private static float[] Random(int count, ref ulong state)
    {
        var signs = new float[count];
        ulong bits = 0;
        for (var i = 0; i < count; i++)
        {
            if (i % 64 == 0)
            {
                bits = state += 0x9E3779B97F4A7C15;
                bits = (bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9;
                bits = (bits ^ (bits >> 27)) * 0x94D049BB133111EB;
                bits ^= bits >> 31;
            }

            signs[i] = ((bits >> (i % 64)) & 1) == 0 ? 1 : -1;
        }

        return signs;
    }
}
