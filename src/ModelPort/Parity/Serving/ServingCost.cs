namespace ModelPort.Parity.Serving;

/// <summary>Turns speed into money.</summary>
internal static class ServingCost
{
    /// <summary>
    /// The cost of a million generated tokens, one sequence at a time: a million seconds by tokens a second, at the cost of an hour. Costs that figures hold
    /// already are replaced.
    /// </summary>
    /// <param name="figures">The figures of a port and its source.</param>
    /// <param name="hourlyCost">The cost of an hour of the machine, in any currency; null for none.</param>
    public static IReadOnlyList<Figure> Apply(IReadOnlyList<Figure> figures, double? hourlyCost) =>
    [
        .. figures.Where(f => f.Name != Metric.CostPerMillionTokens.Name),
        .. from f in figures
           where hourlyCost is not null && f.Name == Metric.GenerationTokensPerSecond.Name
           let cost = 1e6 / f.Value / 3600 * hourlyCost!.Value
           select Figure.For(Metric.CostPerMillionTokens, f.Of, null, cost, cost * f.Error / f.Value),
    ];
}
