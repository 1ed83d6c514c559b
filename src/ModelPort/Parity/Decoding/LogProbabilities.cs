using System.Numerics.Tensors;

namespace ModelPort.Parity.Decoding;

/// <summary>Turns logits into log-probabilities.</summary>
/// <param name="vocabularySize">Logits in a row.</param>
internal sealed class LogProbabilities(int vocabularySize)
{
    private readonly float[] _exponentials = new float[vocabularySize];

    /// <summary>ln of the sum of the exponentials: a token's log-probability is its logit less this. NaN when a logit is no number.</summary>
    public double LogSum(ReadOnlySpan<float> logits)
    {
        var max = TensorPrimitives.Max(logits);
        TensorPrimitives.Subtract(logits, max, _exponentials);
        TensorPrimitives.Exp<float>(_exponentials, _exponentials);
        return max + Math.Log(TensorPrimitives.Sum<float>(_exponentials));
    }
}
