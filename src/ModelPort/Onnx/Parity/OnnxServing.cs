using System.Diagnostics;
using ModelPort.Engines.OnnxRuntime;
using ModelPort.Onnx.Data;
using ModelPort.Parity;
using ModelPort.Parity.Serving;

namespace ModelPort.Onnx.Parity;

/// <summary>
/// Times of source and port, by turns on the same samples, both as an application loads them: with all of the runtime's own rewriting. Who goes first changes,
/// so that neither always runs on a processor that the other has warmed.
/// </summary>
/// <param name="input">The model and the data.</param>
/// <param name="cancellation">Stops the work.</param>
internal sealed class OnnxServing(OnnxInput input, CancellationToken cancellation)
{
    // Enough that five runs and two decide on the 95th and 99th percentile, and that a slow model does not take all day.
    private const int MostRounds = 500;
    private const int FewestRounds = 30;
    private const int WarmUps = 5;
    private const int Loads = 3;
    private const int MostSamples = 64;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly OnnxSessionOptions _options = new() { Optimization = GraphOptimization.All, Threads = input.Request.Threads };

    /// <summary>Takes times.</summary>
    /// <param name="port">The port's file.</param>
    /// <param name="hardware">What times are taken on.</param>
    /// <exception cref="Engines.EngineException">ONNX Runtime failed.</exception>
    public (ServingRecord Record, IReadOnlyList<Figure> Figures) Measure(string port, Hardware hardware)
    {
        var (sourcePath, loads) = (input.Source.Model.Path, new (double Source, double Port)[Loads]);
        for (var i = 0; i < Loads; i++)
        {
            loads[i] = (Load(sourcePath), Load(port));
        }

        using var source = OnnxSession.Open(sourcePath, _options);
        using var ported = OnnxSession.Open(port, _options);
        var (first, second) = (new ModelRunner(source, input.Source.Signature, input.Options.State), new ModelRunner(ported, input.Source.Signature, input.Options.State));
        string[] outputs = [.. input.Source.Signature.Outputs.Select(o => o.Name)];
        SampleRun[] samples = [.. input.Evaluation!.Runs().Take(MostSamples)];
        double Time(ModelRunner model, SampleRun sample)
        {
            var start = Stopwatch.GetTimestamp();
            model.Run(sample, outputs, cancellation);
            return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        }

        for (var i = 0; i < WarmUps; i++)
        {
            Time(first, samples[0]);
            Time(second, samples[0]);
        }

        var rounds = new List<(double Source, double Port)>();
        for (var began = Stopwatch.GetTimestamp(); rounds.Count < MostRounds && (rounds.Count < FewestRounds || Stopwatch.GetElapsedTime(began) < Patience);)
        {
            var sample = samples[rounds.Count % samples.Length];
            if (rounds.Count % 2 == 0)
            {
                rounds.Add((Time(first, sample), Time(second, sample)));
            }
            else
            {
                var other = Time(second, sample);
                rounds.Add((Time(first, sample), other));
            }
        }

        var record = new ServingRecord
        {
            Hardware = hardware,
            Rounds = rounds.Count,
            Ratios = [Ratio(Metric.RunLatencyP50, rounds), Ratio(Metric.LoadTime, loads)],
        };
        return (record, [.. Figures(Subject.Source, [.. rounds.Select(r => r.Source)], [.. loads.Select(l => l.Source)]), .. Figures(Subject.Port, [.. rounds.Select(r => r.Port)], [.. loads.Select(l => l.Port)])]);
    }

    private double Load(string path)
    {
        cancellation.ThrowIfCancellationRequested();
        var start = Stopwatch.GetTimestamp();
        OnnxSession.Open(path, _options).Dispose();
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }

    private IEnumerable<Figure> Figures(Subject of, double[] times, double[] loads) =>
    [
        Figure.For(Metric.RunLatencyP50, of, null, Quantiles.Median(times), Quantiles.MedianError(times)),
        Figure.For(Metric.RunLatencyP95, of, null, Quantiles.Of(times, 0.95)),
        Figure.For(Metric.RunLatencyP99, of, null, Quantiles.Of(times, 0.99)),
        Figure.For(Metric.SamplesPerSecond, of, null, input.Evaluation!.Batch * times.Length * 1000 / times.Sum()),
        Figure.For(Metric.LoadTime, of, null, Quantiles.Median(loads), Quantiles.MedianError(loads)),
    ];

    private static ServingRatio Ratio(Metric metric, IReadOnlyList<(double Source, double Port)> times)
    {
        double[] ratios = [.. times.Select(t => t.Port / t.Source)];
        return new ServingRatio(metric.Name, Quantiles.Median(ratios), Quantiles.Of(ratios, 0.25), Quantiles.Of(ratios, 0.75));
    }
}
