using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace ModelPort.Parity;

/// <summary>What a reference and a model said about one position, in the arithmetic of llama-perplexity.</summary>
/// <param name="ReferenceLoss">-ln p(next token) of the reference, in nats.</param>
/// <param name="CodedReferenceLoss">The same as llama-perplexity's base files hold it, in 16 bits and cut off at 16 below the largest logit.</param>
/// <param name="Loss">-ln p(next token) of the model, in nats.</param>
/// <param name="Divergence">Kullback-Leibler divergence of the model's distribution from the reference's, sum of p_r (ln p_r - ln p_m), in nats.</param>
/// <param name="LargestDifference">The largest absolute difference of two logits.</param>
/// <param name="Cosine">The cosine similarity of the two rows of logits.</param>
/// <param name="SameTop">Whether both rank the same token first (of equals, the one with the smallest id).</param>
/// <param name="HasNext">Whether a token follows; if none does, the losses are 0 and mean nothing.</param>
public readonly record struct PositionStatistics(
    float ReferenceLoss,
    float CodedReferenceLoss,
    float Loss,
    float Divergence,
    float LargestDifference,
    float Cosine,
    bool SameTop,
    bool HasNext)
{
    /// <summary>The change of the probability of the next token.</summary>
    public float ProbabilityChange => MathF.Exp(-Loss) - MathF.Exp(-CodedReferenceLoss);

    /// <summary>Compares two rows of logits.</summary>
    /// <param name="reference">Logits of the reference.</param>
    /// <param name="logits">Logits of the model, as many.</param>
    /// <param name="next">The token that follows; negative when there is none.</param>
    public static PositionStatistics Compare(ReadOnlySpan<float> reference, ReadOnlySpan<float> logits, int next)
    {
        var coded = CodedLogProbabilities.Of(reference);
        var top = TensorPrimitives.IndexOfMax(logits);
        var logSum = logits[top] + (float)Math.Log(Exponentials.Sum(logits, logits[top]));
        var (divergence, difference, referenceTop) = coded.Compare(reference, logits, logSum);
        return new PositionStatistics(
            next < 0 ? 0 : coded.LogSum - reference[next],
            next < 0 ? 0 : -coded.At(reference[next]),
            next < 0 ? 0 : logSum - logits[next],
            (float)divergence,
            difference,
            TensorPrimitives.CosineSimilarity(reference, logits),
            top == referenceTop,
            next >= 0);
    }
}

/// <summary>Exponentials as the C library rounds them, and their sums in double precision.</summary>
internal static class Exponentials
{
    /// <summary>
    /// exp of each value, rounded once. The single-precision exponential of the runtime is off by up to a unit in the last place, which moves the last digit of
    /// printed figures; through double precision none is.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Of(Vector512<float> values)
    {
        var (low, high) = Vector512.Widen(values);
        return Vector512.Narrow(Vector512.Exp(low), Vector512.Exp(high));
    }

    /// <summary>The sum of exp(value - max).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static double Sum(ReadOnlySpan<float> values, float max)
    {
        var (low, high) = (Vector512<double>.Zero, Vector512<double>.Zero);
        var shift = Vector512.Create(max);
        var i = 0;
        for (; i <= values.Length - Vector512<float>.Count; i += Vector512<float>.Count)
        {
            var (first, second) = Vector512.Widen(Of(Vector512.Create(values[i..]) - shift));
            low += first;
            high += second;
        }

        var sum = Vector512.Sum(low + high);
        for (; i < values.Length; i++)
        {
            sum += MathF.Exp(values[i] - max);
        }

        return sum;
    }
}
