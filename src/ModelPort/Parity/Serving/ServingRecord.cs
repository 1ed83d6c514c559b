namespace ModelPort.Parity.Serving;

/// <summary>How times and memory were taken, and how those of the port compare with the source's; the numbers themselves are among the figures.</summary>
public sealed record ServingRecord
{
    /// <summary>What they were taken on.</summary>
    public required Hardware Hardware { get; init; }

    /// <summary>Tokens of a prompt.</summary>
    public required int PromptTokens { get; init; }

    /// <summary>Prompts that were timed, by turns on source and port, after one each that was not.</summary>
    public required int Rounds { get; init; }

    /// <summary>Generated tokens that were timed, of all rounds.</summary>
    public required int Tokens { get; init; }

    /// <summary>Ratios of port to source, each from neighbouring rounds.</summary>
    public required IReadOnlyList<ServingRatio> Ratios { get; init; }

    /// <summary>The cost of an hour of the machine that costs were computed with; null when none was given.</summary>
    public double? HourlyCost { get; init; }
}

/// <summary>The port's number divided by the source's.</summary>
/// <param name="Metric">The name of its <see cref="Parity.Metric"/>.</param>
/// <param name="Median">The median over the rounds.</param>
/// <param name="Low">A quarter of the rounds are below.</param>
/// <param name="High">A quarter of the rounds are above.</param>
public sealed record ServingRatio(string Metric, double Median, double Low, double High);
