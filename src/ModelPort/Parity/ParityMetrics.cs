namespace ModelPort.Parity;

/// <summary>The measured closeness of a port to its source over a text, or over reference outputs.</summary>
public sealed record ParityMetrics
{
    /// <summary>Positions that were compared.</summary>
    public required long Positions { get; init; }

    /// <summary>Perplexity of the source: exp of the mean of -ln p(next token).</summary>
    public required double SourcePerplexity { get; init; }

    /// <summary>Perplexity of the port.</summary>
    public required double Perplexity { get; init; }

    /// <summary>Standard error of <see cref="Perplexity"/>.</summary>
    public required double PerplexityError { get; init; }

    /// <summary>Growth of the perplexity, in percent of the source's.</summary>
    public required double PerplexityIncrease { get; init; }

    /// <summary>Standard error of <see cref="PerplexityIncrease"/>, from the paired losses.</summary>
    public required double PerplexityIncreaseError { get; init; }

    /// <summary>Mean Kullback-Leibler divergence of the port from the source, in nats.</summary>
    public required double MeanDivergence { get; init; }

    /// <summary>Standard error of <see cref="MeanDivergence"/>.</summary>
    public required double MeanDivergenceError { get; init; }

    /// <summary>Largest divergence at any position, in nats.</summary>
    public required double LargestDivergence { get; init; }

    /// <summary>Share of positions at which both rank the same token first, in percent.</summary>
    public required double TopTokenAgreement { get; init; }

    /// <summary>Largest absolute difference of two logits.</summary>
    public required double LargestLogitDifference { get; init; }

    /// <summary>Mean cosine similarity of the rows of logits.</summary>
    public required double CosineSimilarity { get; init; }

    /// <summary>Sums up positions, in their order, so that the figures do not depend on threads.</summary>
    public static ParityMetrics Of(IReadOnlyList<PositionStatistics> positions)
    {
        var (sourceLoss, _) = Mean(positions, p => p.SourceLoss);
        var (portLoss, portError) = Mean(positions, p => p.PortLoss);
        var (ratio, ratioError) = Mean(positions, p => p.PortLoss - p.SourceLoss);
        var (divergence, divergenceError) = Mean(positions, p => p.Divergence);
        return new ParityMetrics
        {
            Positions = positions.Count,
            SourcePerplexity = Math.Exp(sourceLoss),
            Perplexity = Math.Exp(portLoss),
            PerplexityError = Math.Exp(portLoss) * portError,
            PerplexityIncrease = 100 * (Math.Exp(ratio) - 1),
            PerplexityIncreaseError = 100 * Math.Exp(ratio) * ratioError,
            MeanDivergence = divergence,
            MeanDivergenceError = divergenceError,
            LargestDivergence = positions.Max(p => p.Divergence),
            TopTokenAgreement = 100.0 * positions.Count(p => p.SameTop) / positions.Count,
            LargestLogitDifference = positions.Max(p => p.LargestDifference),
            CosineSimilarity = positions.Average(p => p.Cosine),
        };
    }

    /// <summary>Mean and its standard error, sqrt((mean of squares - square of mean) / (n - 1)).</summary>
    private static (double Mean, double Error) Mean(IReadOnlyList<PositionStatistics> positions, Func<PositionStatistics, double> value)
    {
        var mean = positions.Average(value);
        var squares = positions.Average(p => value(p) * value(p));
        return (mean, positions.Count < 2 ? 0 : Math.Sqrt(Math.Max(0, squares - mean * mean) / (positions.Count - 1)));
    }
}
