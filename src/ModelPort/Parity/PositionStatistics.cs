using System.Numerics.Tensors;

namespace ModelPort.Parity;

/// <summary>What source and port said about one position.</summary>
/// <param name="SourceLoss">-ln p(next token) of the source, in nats.</param>
/// <param name="PortLoss">-ln p(next token) of the port, in nats.</param>
/// <param name="Divergence">Kullback-Leibler divergence of the port's distribution from the source's, sum of p_s (ln p_s - ln p_p), in nats.</param>
/// <param name="SameTop">Whether both rank the same token first (of equals, the one with the smallest id).</param>
/// <param name="LargestDifference">The largest absolute difference of two logits.</param>
/// <param name="Cosine">The cosine similarity of the two rows of logits.</param>
public readonly record struct PositionStatistics(double SourceLoss, double PortLoss, double Divergence, bool SameTop, double LargestDifference, double Cosine)
{
    // Partial sums in single precision stay short, and are added up in double.
    private const int SumLength = 512;

    /// <summary>Compares two rows of logits.</summary>
    /// <param name="source">Logits of the source.</param>
    /// <param name="port">Logits of the port, as many.</param>
    /// <param name="next">The token that follows; negative when there is none, then the losses are 0.</param>
    /// <param name="scratch">Room for two rows.</param>
    public static PositionStatistics Compare(ReadOnlySpan<float> source, ReadOnlySpan<float> port, int next, Span<float> scratch)
    {
        var probabilities = scratch[..source.Length];
        var differences = scratch.Slice(source.Length, source.Length);
        var portLog = LogSumExp(port, probabilities, out _);
        var sourceLog = LogSumExp(source, probabilities, out var total);
        TensorPrimitives.Subtract(source, port, differences);
        var largest = Math.Abs(TensorPrimitives.MaxMagnitude<float>(differences));

        // ln p_s - ln p_p of each token, weighted with p_s; never below zero but for rounding.
        TensorPrimitives.Add(differences, (float)(portLog - sourceLog), differences);
        TensorPrimitives.Multiply(differences, probabilities, differences);
        var divergence = Math.Max(0, Sum(differences) / total);
        return new PositionStatistics(
            next < 0 ? 0 : sourceLog - source[next],
            next < 0 ? 0 : portLog - port[next],
            divergence,
            TensorPrimitives.IndexOfMax(source) == TensorPrimitives.IndexOfMax(port),
            largest,
            TensorPrimitives.CosineSimilarity(source, port));
    }

    private static double LogSumExp(ReadOnlySpan<float> logits, Span<float> exponentials, out double total)
    {
        var max = TensorPrimitives.Max(logits);
        TensorPrimitives.Subtract(logits, max, exponentials);
        TensorPrimitives.Exp(exponentials, exponentials);
        total = Sum(exponentials);
        return max + Math.Log(total);
    }

    private static double Sum(ReadOnlySpan<float> values)
    {
        double sum = 0;
        for (; values.Length > SumLength; values = values[SumLength..])
        {
            sum += TensorPrimitives.Sum(values[..SumLength]);
        }

        return sum + TensorPrimitives.Sum(values);
    }
}
