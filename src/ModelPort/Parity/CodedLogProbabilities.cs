using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace ModelPort.Parity;

/// <summary>
/// The log-probabilities of a row of reference logits as llama-perplexity keeps them in its base files: 65,536 even steps from the largest logit down to
/// 16 below it. Divergences that are to equal its digits have to round alike; a step is at most 0.00025 nats. What lies deeper is cut off, which
/// divergences do not feel and losses would: those are taken from the logits themselves.
/// </summary>
/// <param name="LogSum">ln of the sum of the exponentials of the logits.</param>
/// <param name="Scale">Width of a step.</param>
/// <param name="Floor">The logit of code 0; smaller ones get code 0 too.</param>
/// <param name="Least">The log-probability of code 0.</param>
/// <param name="Most">The log-probability of the largest logit.</param>
internal readonly record struct CodedLogProbabilities(float LogSum, float Scale, float Floor, float Least, float Most)
{
    private const float Depth = 16;
    private const float Codes = 65535;

    // Logits that are equal but for denormals have a step that cannot be divided by, and one code.
    private float Inverse => float.IsFinite(1 / Scale) ? 1 / Scale : 0;

    /// <summary>The code of a row.</summary>
    public static CodedLogProbabilities Of(ReadOnlySpan<float> logits)
    {
        var max = TensorPrimitives.Max(logits);
        var floor = Math.Max(TensorPrimitives.Min(logits), max - Depth);
        var logSum = (float)Math.Log(Exponentials.Sum(logits, max));
        var row = new CodedLogProbabilities(max + logSum, (max - floor) / Codes, floor, floor - max - logSum, 0);
        return row with { Most = row.At(max) };
    }

    /// <summary>The log-probability of a token with this logit.</summary>
    public float At(float logit) => Scale * MathF.Round((Math.Max(logit, Floor) - Floor) * Inverse) + Least;

    /// <summary>Compares the row with a model's, in one pass over both.</summary>
    /// <param name="reference">The logits that this is the code of.</param>
    /// <param name="logits">The model's logits.</param>
    /// <param name="logSum">ln of the sum of the exponentials of the model's logits.</param>
    /// <returns>The divergence, the largest absolute difference of two logits, and the first token with the reference's largest log-probability.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public (double Divergence, float Difference, int Top) Compare(ReadOnlySpan<float> reference, ReadOnlySpan<float> logits, float logSum)
    {
        var (low, high) = (Vector512<double>.Zero, Vector512<double>.Zero);
        var differences = Vector512<float>.Zero;
        var (inverse, floor, scale, least, most, sum) = (Vector512.Create(Inverse), Vector512.Create(Floor), Vector512.Create(Scale), Vector512.Create(Least), Vector512.Create(Most), Vector512.Create(logSum));
        var top = -1;
        var i = 0;
        for (; i <= reference.Length - Vector512<float>.Count; i += Vector512<float>.Count)
        {
            var r = Vector512.Create(reference[i..]);
            var m = Vector512.Create(logits[i..]);
            differences = Vector512.Max(differences, Vector512.Abs(r - m));
            var code = Vector512.Round((Vector512.Max(r, floor) - floor) * inverse);
            var logProbability = (code * scale) + least;
            if (top < 0 && Vector512.EqualsAny(logProbability, most))
            {
                top = i + FirstOf(logProbability, Most);
            }

            var term = Exponentials.Of(logProbability) * (logProbability - m + sum);
            term = Vector512.ConditionalSelect(Vector512.GreaterThan(logProbability, Vector512.Create(-Depth)), term, Vector512<float>.Zero);
            var (first, second) = Vector512.Widen(term);
            low += first;
            high += second;
        }

        var divergence = Vector512.Sum(low + high);
        var difference = TensorPrimitives.Max(Lanes(differences));
        for (; i < reference.Length; i++)
        {
            difference = Math.Max(difference, Math.Abs(reference[i] - logits[i]));
            var logProbability = At(reference[i]);
            top = top < 0 && logProbability == Most ? i : top;
            divergence += logProbability > -Depth ? MathF.Exp(logProbability) * (logProbability - logits[i] + logSum) : 0;
        }

        return (divergence, difference, top);
    }

    private static int FirstOf(Vector512<float> values, float value)
    {
        var lane = 0;
        while (values[lane] != value)
        {
            lane++;
        }

        return lane;
    }

    private static float[] Lanes(Vector512<float> values)
    {
        var lanes = new float[Vector512<float>.Count];
        values.CopyTo(lanes);
        return lanes;
    }
}
