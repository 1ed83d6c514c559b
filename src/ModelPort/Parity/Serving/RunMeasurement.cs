using System.Diagnostics;

namespace ModelPort.Parity.Serving;

/// <summary>
/// Times runs of a source and a port by turns, at each of several batch sizes. Each runs in a process of its own. A turn is several runs one after the other,
/// as the first after the other's turn finds its data gone from the caches and threads of the other still waiting for work.
/// </summary>
internal static class RunMeasurement
{
    // Enough that five runs decide on the 99th percentile.
    private const int MostRuns = 500;
    private const int FewestRuns = 30;
    private const int FewestTurns = 10;
    private const int MostRunsOfTurn = 25;
    private const int WarmUps = 5;
    private const int Loads = 3;
    private static readonly TimeSpan LengthOfTurn = TimeSpan.FromMilliseconds(20);

    // A slow model does not take all day, however many sizes there are.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    /// <summary>Measures.</summary>
    /// <param name="source">The source.</param>
    /// <param name="port">The port.</param>
    /// <param name="sizes">Batch sizes.</param>
    /// <param name="isNamed">Whether figures name their size: where the user gave sizes.</param>
    /// <param name="hardware">What it is measured on.</param>
    /// <param name="progress">Called after each turn, with the sizes that are done and all of them.</param>
    public static (ServingRecord Record, IReadOnlyList<Figure> Figures) Measure(
        IServedRuns source, IServedRuns port, IReadOnlyList<int> sizes, bool isNamed, Hardware hardware, Action<int, int> progress)
    {
        (double Source, double Port)[] loads = [.. Enumerable.Range(0, Loads).Select(i => Turns.Of(i, source, port, m => m.Load()))];
        var batches = new List<Batch>();
        foreach (var size in sizes)
        {
            batches.Add(new Batch(size, isNamed ? ServedBatch.Name(size) : null, Rounds(source, port, size, Patience / sizes.Count, () => progress(batches.Count, sizes.Count))));
        }

        progress(sizes.Count, sizes.Count);
        var record = new ServingRecord
        {
            Hardware = hardware,
            Rounds = batches.Sum(b => b.Runs),
            Batches = [.. batches.Select(b => new ServedBatch(b.Size, b.Runs))],
            Ratios = [.. batches.SelectMany(b => b.Ratios), ServingRatio.Of(Metric.LoadTime, [.. loads.Select(l => l.Port / l.Source)])],
        };
        return (
            record,
            [
                .. batches.SelectMany(b => b.Figures(Subject.Source)),
                .. Whole(Subject.Source, [.. loads.Select(l => l.Source)], source.PeakBytes()),
                .. batches.SelectMany(b => b.Figures(Subject.Port)),
                .. Whole(Subject.Port, [.. loads.Select(l => l.Port)], port.PeakBytes()),
            ]);
    }

    private static (IReadOnlyList<double> Source, IReadOnlyList<double> Port)[] Rounds(IServedRuns source, IServedRuns port, int size, TimeSpan patience, Action progress)
    {
        var slower = Math.Max(Quantiles.Median(source.Run(size, WarmUps)), Quantiles.Median(port.Run(size, WarmUps)));
        var runs = (int)Math.Clamp(LengthOfTurn.TotalMilliseconds / slower, 1, MostRunsOfTurn);
        var rounds = new List<(IReadOnlyList<double>, IReadOnlyList<double>)>();
        var began = Stopwatch.GetTimestamp();
        bool IsEnough() => rounds.Count * runs >= MostRuns || (rounds.Count >= FewestTurns && rounds.Count * runs >= FewestRuns && Stopwatch.GetElapsedTime(began) >= patience);
        while (!IsEnough())
        {
            rounds.Add(Turns.Of(rounds.Count, source, port, m => m.Run(size, runs)));
            progress();
        }

        return [.. rounds];
    }

    private static IEnumerable<Figure> Whole(Subject of, double[] loads, long peakBytes) =>
    [
        Figure.For(Metric.LoadTime, of, null, Quantiles.Median(loads), Quantiles.MedianError(loads)),
        Figure.For(Metric.PeakMemory, of, null, peakBytes / 1e6),
    ];

    /// <summary>The runs of one size, turn by turn.</summary>
    private sealed record Batch(int Size, string? On, (IReadOnlyList<double> Source, IReadOnlyList<double> Port)[] Rounds)
    {
        public int Runs => Rounds.Sum(t => t.Port.Count);

        public IEnumerable<ServingRatio> Ratios =>
        [
            ServingRatio.Of(Metric.RunLatencyP50, [.. Rounds.Select(t => Quantiles.Median(t.Port) / Quantiles.Median(t.Source))], On),
            ServingRatio.Of(Metric.SamplesPerSecond, [.. Rounds.Select(t => t.Source.Sum() / t.Port.Sum())], On),
        ];

        public IEnumerable<Figure> Figures(Subject of)
        {
            double[] times = [.. Rounds.SelectMany(t => of == Subject.Source ? t.Source : t.Port)];
            Figure Of(Metric metric, double value, double? error = null) => Figure.For(metric, of, null, value, error) with { On = On };
            return
            [
                Of(Metric.RunLatencyP50, Quantiles.Median(times), Quantiles.MedianError(times)),
                Of(Metric.RunLatencyP95, Quantiles.Of(times, 0.95)),
                Of(Metric.RunLatencyP99, Quantiles.Of(times, 0.99)),
                Of(Metric.SamplesPerSecond, Size * times.Length * 1000.0 / times.Sum()),
            ];
        }
    }
}
