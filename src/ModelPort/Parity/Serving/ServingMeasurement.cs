namespace ModelPort.Parity.Serving;

/// <summary>
/// Times a source and a port by turns, so that what slows the machine slows both. Each runs in a process of its own, alone at a time, after a round that is
/// not counted.
/// </summary>
internal static class ServingMeasurement
{
    /// <summary>Tokens of a prompt.</summary>
    public const int PromptTokens = 128;

    /// <summary>Tokens that are generated after it.</summary>
    public const int TokensPerRound = 20;

    /// <summary>Rounds that are timed: 200 tokens.</summary>
    public const int Rounds = 10;

    private const int Loads = 3;

    /// <summary>Turns of both models together, for progress.</summary>
    public const int TurnsOfBoth = 2 * (Loads + 1 + Rounds);

    /// <summary>What is measured of a model that serves alone, so that a budget on it asks for it.</summary>
    public static IReadOnlyList<Metric> Metrics { get; } =
    [
        Metric.TimeToFirstToken, Metric.TokenLatencyP50, Metric.TokenLatencyP95, Metric.TokenLatencyP99, Metric.PromptTokensPerSecond, Metric.GenerationTokensPerSecond,
        Metric.LoadTime, Metric.PeakMemory, Metric.CostPerMillionTokens,
        Metric.RunLatencyP50, Metric.RunLatencyP95, Metric.RunLatencyP99, Metric.SamplesPerSecond, Metric.CostPerMillionRequests,
    ];

    /// <summary>Measures.</summary>
    /// <param name="source">The source.</param>
    /// <param name="port">The port.</param>
    /// <param name="hardware">What it is measured on.</param>
    /// <param name="progress">Called after each turn.</param>
    public static (ServingRecord Record, IReadOnlyList<Figure> Figures) Measure(IServedModel source, IServedModel port, Hardware hardware, Action progress)
    {
        var loads = ByTurns(Loads, source, port, m => m.Load(), progress);
        ByTurns(1, source, port, m => m.Run(), progress);
        var rounds = ByTurns(Rounds, source, port, m => m.Run(), progress);
        ServingRatio Ratio(Metric metric, Func<ServedRound, double> value) => ServingRatio.Of(metric, [.. rounds.Select(r => value(r.Port) / value(r.Source))]);
        var record = new ServingRecord
        {
            Hardware = hardware,
            PromptTokens = rounds[0].Port.PromptTokens,
            Rounds = Rounds,
            Tokens = rounds.Sum(r => r.Port.Tokens.Count),
            Ratios =
            [
                Ratio(Metric.TimeToFirstToken, r => r.FirstToken),
                Ratio(Metric.TokenLatencyP50, r => Quantiles.Median(r.Tokens)),
                Ratio(Metric.PromptTokensPerSecond, PromptSpeed),
                Ratio(Metric.GenerationTokensPerSecond, GenerationSpeed),
                ServingRatio.Of(Metric.LoadTime, [.. loads.Select(l => l.Port / l.Source)]),
            ],
        };
        return (
            record,
            [
                .. Figures(Subject.Source, [.. rounds.Select(r => r.Source)], [.. loads.Select(l => l.Source)], source.PeakBytes()),
                .. Figures(Subject.Port, [.. rounds.Select(r => r.Port)], [.. loads.Select(l => l.Port)], port.PeakBytes()),
            ]);
    }

    private static (T Source, T Port)[] ByTurns<T>(int times, IServedModel source, IServedModel port, Func<IServedModel, T> run, Action progress)
    {
        T Turn(IServedModel model)
        {
            var result = run(model);
            progress();
            return result;
        }

        return [.. Enumerable.Range(0, times).Select(i => Turns.Of(i, source, port, Turn))];
    }

    private static IEnumerable<Figure> Figures(Subject of, ServedRound[] rounds, double[] loads, long peakBytes)
    {
        Figure Median(Metric metric, IEnumerable<double> values)
        {
            double[] all = [.. values];
            return Figure.For(metric, of, null, Quantiles.Median(all), Quantiles.MedianError(all));
        }

        double[] tokens = [.. rounds.SelectMany(r => r.Tokens)];
        return
        [
            Median(Metric.TimeToFirstToken, rounds.Select(r => r.FirstToken)),
            Median(Metric.TokenLatencyP50, tokens),
            Figure.For(Metric.TokenLatencyP95, of, null, Quantiles.Of(tokens, 0.95)),
            Figure.For(Metric.TokenLatencyP99, of, null, Quantiles.Of(tokens, 0.99)),
            Median(Metric.PromptTokensPerSecond, rounds.Select(PromptSpeed)),
            Median(Metric.GenerationTokensPerSecond, rounds.Select(GenerationSpeed)),
            Median(Metric.LoadTime, loads),
            Figure.For(Metric.PeakMemory, of, null, peakBytes / 1e6),
        ];
    }

    private static double PromptSpeed(ServedRound round) => round.PromptTokens * 1000 / round.FirstToken;

    private static double GenerationSpeed(ServedRound round) => round.Tokens.Count * 1000 / round.Tokens.Sum();
}
