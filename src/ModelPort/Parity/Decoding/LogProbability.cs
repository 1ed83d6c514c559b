using System.Numerics.Tensors;

namespace ModelPort.Parity.Decoding;

/// <summary>Turns logits into log-probabilities.</summary>
internal static class LogProbability
{
    /// <summary>ln of the sum of the exponentials of a row: a token's log-probability is its logit less this. NaN when a logit is no number.</summary>
    public static double Norm(ReadOnlySpan<float> logits)
    {
        var max = TensorPrimitives.Max(logits);
        return max + Math.Log(Exponentials.Sum(logits, max));
    }
}
