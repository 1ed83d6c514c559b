using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace ModelPort.Kernels;

/// <summary>Sums of squares in double precision, the same to the last bit on every processor: eight lanes, added in one order.</summary>
public static class SquaredError
{
    private const int Lanes = 8;

    /// <summary>The sum of weight * (x - y)^2.</summary>
    /// <param name="x">Values.</param>
    /// <param name="y">As many others.</param>
    /// <param name="weights">As many weights, or none, as if all were 1.</param>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static double Sum(ReadOnlySpan<float> x, ReadOnlySpan<float> y, ReadOnlySpan<float> weights = default)
    {
        if (y.Length != x.Length || (!weights.IsEmpty && weights.Length != x.Length))
        {
            throw new ArgumentException($"{x.Length} values, {y.Length} others and {weights.Length} weights.", nameof(y));
        }

        ref float a = ref MemoryMarshal.GetReference(x), b = ref MemoryMarshal.GetReference(y), w = ref MemoryMarshal.GetReference(weights);
        Vector256<double> low = default, high = default;
        int i = 0;
        for (; i <= x.Length - Lanes; i += Lanes)
        {
            Vector256<float> difference = Vector256.LoadUnsafe(ref a, (nuint)i) - Vector256.LoadUnsafe(ref b, (nuint)i);
            (Vector256<double> first, Vector256<double> second) = Vector256.Widen(difference);
            first *= first;
            second *= second;
            if (!weights.IsEmpty)
            {
                (Vector256<double> firstWeights, Vector256<double> secondWeights) = Vector256.Widen(Vector256.LoadUnsafe(ref w, (nuint)i));
                first *= firstWeights;
                second *= secondWeights;
            }

            low += first;
            high += second;
        }

        Vector256<double> lanes = low + high;
        double sum = (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
        for (; i < x.Length; i++)
        {
            double difference = x[i] - y[i];
            sum += difference * difference * (weights.IsEmpty ? 1 : weights[i]);
        }

        return sum;
    }
}
