namespace ModelPort.Benchmarks;

/// <summary>What all benchmarks make of repeated measurements.</summary>
internal static class Sample
{
    /// <summary>The middle one; of an even number, the larger of the two in the middle.</summary>
    internal static double Median(IReadOnlyCollection<double> values) => values.Order().ElementAt(values.Count / 2);
}
