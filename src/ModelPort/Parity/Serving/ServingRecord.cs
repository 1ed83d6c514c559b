namespace ModelPort.Parity.Serving;

/// <summary>How times and memory were taken, and how those of the port compare with the source's; the numbers themselves are among the figures.</summary>
public sealed record ServingRecord
{
    /// <summary>What they were taken on.</summary>
    public required Hardware Hardware { get; init; }

    /// <summary>Tokens of a prompt; null for a model that generates none.</summary>
    public int? PromptTokens { get; init; }

    /// <summary>Prompts, or runs of a model that generates no tokens, that were timed, by turns on source and port, after some that were not.</summary>
    public required int Rounds { get; init; }

    /// <summary>Generated tokens that were timed, of all rounds; null for a model that generates none.</summary>
    public int? Tokens { get; init; }

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
