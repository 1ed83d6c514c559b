namespace ModelPort.Parity.Serving;

/// <summary>Turns speed into money.</summary>
internal static class ServingCost
{
    private static readonly (Metric Speed, Metric Cost)[] Costs =
        [(Metric.GenerationTokensPerSecond, Metric.CostPerMillionTokens), (Metric.SamplesPerSecond, Metric.CostPerMillionRequests)];

    /// <summary>
    /// The cost of a million generated tokens, one sequence at a time, or of a million samples, at each batch size that was timed: a million by the number a second, at
    /// the cost of an hour. Costs that figures hold already are replaced.
    /// </summary>
    /// <param name="figures">The figures of a port and its source.</param>
    /// <param name="hourlyCost">The cost of an hour of the machine, in any currency; null for none.</param>
    public static IReadOnlyList<Figure> Apply(IReadOnlyList<Figure> figures, double? hourlyCost) =>
    [
        .. figures.Where(f => Costs.All(c => f.Name != c.Cost.Name)),
        .. from f in figures
           from c in Costs
           where hourlyCost is not null && f.Name == c.Speed.Name
           let cost = 1e6 / f.Value / 3600 * hourlyCost!.Value
           select Figure.For(c.Cost, f.Of, null, cost, cost * f.Error / f.Value) with { On = f.On },
    ];
}
