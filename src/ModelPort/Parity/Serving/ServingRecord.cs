namespace ModelPort.Parity.Serving;

/// <summary>How times and memory were taken, and how those of the port compare with the source's; the numbers themselves are among the figures.</summary>
public sealed record ServingRecord
{
    /// <summary>What they were taken on.</summary>
    public required Hardware Hardware { get; init; }

    /// <summary>Tokens of a prompt; null for a model that generates none.</summary>
    public int? PromptTokens { get; init; }

    /// <summary>Prompts, or runs of a model that generates no tokens, that were timed of each of source and port, by turns, after some that were not.</summary>
    public required int Rounds { get; init; }

    /// <summary>The sizes of runs of a model that generates no tokens, in the order that the user gave them; null for one that generates.</summary>
    public IReadOnlyList<ServedBatch>? Batches { get; init; }

    /// <summary>Generated tokens that were timed, of all rounds; null for a model that generates none.</summary>
    public int? Tokens { get; init; }

    /// <summary>Ratios of port to source, each from neighbouring rounds.</summary>
    public required IReadOnlyList<ServingRatio> Ratios { get; init; }

    /// <summary>The cost of an hour of the machine that costs were computed with; null when none was given.</summary>
    public double? HourlyCost { get; init; }
}

/// <summary>Runs of one size.</summary>
/// <param name="Size">Samples in a run.</param>
/// <param name="Rounds">Runs that were timed of each of source and port.</param>
public sealed record ServedBatch(int Size, int Rounds)
{
    /// <summary>What figures and ratios of a size are on.</summary>
    internal static string Name(int size) => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"batch {size}");
}

/// <summary>The port's number divided by the source's.</summary>
/// <param name="Metric">The name of its <see cref="Parity.Metric"/>.</param>
/// <param name="Median">The median over the rounds.</param>
/// <param name="Low">A quarter of the rounds are below.</param>
/// <param name="High">A quarter of the rounds are above.</param>
/// <param name="On">The batch size, such as "batch 8", where the user gave some; else null.</param>
public sealed record ServingRatio(string Metric, double Median, double Low, double High, string? On = null)
{
    /// <summary>The quartiles of ratios that were taken in turns.</summary>
    internal static ServingRatio Of(Metric metric, double[] ratios, string? on = null) => new(metric.Name, Quantiles.Median(ratios), Quantiles.Of(ratios, 0.25), Quantiles.Of(ratios, 0.75), on);
}
