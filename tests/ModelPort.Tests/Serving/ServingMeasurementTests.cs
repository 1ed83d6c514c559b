using ModelPort.Parity;
using ModelPort.Parity.Serving;

namespace ModelPort.Tests.Serving;

/// <summary>What is made of times, with models whose times are known.</summary>
public sealed class ServingMeasurementTests
{
    private static readonly Hardware Machine = new("a processor", 8, 2, "a system", "a back-end");

    [Fact]
    public void Figures_are_medians_and_percentiles_of_all_rounds_but_the_first()
    {
        var turns = 0;
        var (record, figures) = ServingMeasurement.Measure(new FakeModel(10), new FakeModel(5), Machine, () => turns++);
        Assert.Equal(ServingMeasurement.TurnsOfBoth, turns);
        Assert.Equal((Machine, 128, 10, 200), (record.Hardware, record.PromptTokens, record.Rounds, record.Tokens));

        double Port(Metric metric) => figures.Single(f => f.Name == metric.Name && f.Of == Subject.Port).Value;
        double Source(Metric metric) => figures.Single(f => f.Name == metric.Name && f.Of == Subject.Source).Value;

        // Rounds are slowed by 1.1, 1.2, ... 2.0; tokens of a round take 1 to 20 times its unit.
        Assert.Equal(15.5 * 10, Source(Metric.TimeToFirstToken), 1e-9);
        Assert.Equal(15.5 * 5, Port(Metric.TimeToFirstToken), 1e-9);
        double[] tokens = [.. from slow in Enumerable.Range(11, 10) from token in Enumerable.Range(1, 20) select slow / 10.0 * token * 5];
        Assert.Equal(200, tokens.Length);
        Assert.Equal(Quantiles.Of(tokens, 0.5), Port(Metric.TokenLatencyP50), 1e-9);
        Assert.Equal(Quantiles.Of(tokens, 0.95), Port(Metric.TokenLatencyP95), 1e-9);
        Assert.Equal(Quantiles.Of(tokens, 0.99), Port(Metric.TokenLatencyP99), 1e-9);
        Assert.Equal(Quantiles.Median(Enumerable.Range(11, 10).Select(slow => 20 * 1000 / (slow / 10.0 * 210 * 5))), Port(Metric.GenerationTokensPerSecond), 1e-9);
        Assert.Equal(Quantiles.Median(Enumerable.Range(11, 10).Select(slow => 128 * 1000 / (slow / 10.0 * 10 * 5))), Port(Metric.PromptTokensPerSecond), 1e-9);
        Assert.Equal((100.0, 50.0), (Source(Metric.LoadTime), Port(Metric.LoadTime)));
        Assert.Equal((1.0, 0.5), (Source(Metric.PeakMemory), Port(Metric.PeakMemory)));
    }

    [Fact]
    public void A_machine_that_slows_both_alike_does_not_change_the_ratios()
    {
        var (record, _) = ServingMeasurement.Measure(new FakeModel(10), new FakeModel(5), Machine, () => { });
        foreach (var ratio in record.Ratios)
        {
            var expected = ratio.Metric.EndsWith("PerSecond", StringComparison.Ordinal) ? 2 : 0.5;
            Assert.Equal((expected, expected, expected), (Math.Round(ratio.Median, 9), Math.Round(ratio.Low, 9), Math.Round(ratio.High, 9)));
        }

        Assert.Equal(["timeToFirstToken", "tokenLatencyP50", "promptTokensPerSecond", "generationTokensPerSecond", "loadTime"], record.Ratios.Select(r => r.Metric));
    }

    [Fact]
    public void Source_and_port_run_by_turns_and_take_turns_at_being_first()
    {
        var order = new List<char>();
        ServingMeasurement.Measure(new FakeModel(1, () => order.Add('s')), new FakeModel(1, () => order.Add('p')), Machine, () => { });
        Assert.Equal("sppssp" + "sp" + "sppssppssppssppssp" + "ps", string.Concat(order));
    }

    [Fact]
    public void Noise_is_shown_as_spread_and_error()
    {
        double[] noise = [1, 1, 1, 1.2, 0.8, 1.1, 0.9, 1, 1.3, 0.7];
        var (record, figures) = ServingMeasurement.Measure(new FakeModel(10, noise: [.. noise.Select(_ => 1.0)]), new FakeModel(10, noise: noise), Machine, () => { });
        var ratio = record.Ratios.Single(r => r.Metric == "timeToFirstToken");
        Assert.Equal((1, Math.Round(Quantiles.Of(noise, 0.25), 9), Math.Round(Quantiles.Of(noise, 0.75), 9)), (Math.Round(ratio.Median, 9), Math.Round(ratio.Low, 9), Math.Round(ratio.High, 9)));
        Assert.All(figures.Where(f => f.Name == "generationTokensPerSecond"), f => Assert.Equal(f.Of == Subject.Port, f.Error > 0));
    }

    [Fact]
    public void Quantiles_are_linear_between_order_statistics()
    {
        double[] values = [4, 1, 3, 2];
        Assert.Equal([1, 1.75, 2.5, 3.25, 4], new[] { 0, 0.25, 0.5, 0.75, 1 }.Select(share => Quantiles.Of(values, share)));
        Assert.Equal(7, Quantiles.Of([7], 0.95));
        Assert.Equal(0.93 * 1.5 / 2, Quantiles.MedianError(values), 1e-12);
    }

    [Fact]
    public void The_cost_of_tokens_follows_from_their_speed_and_is_never_there_twice()
    {
        Figure[] figures = [Figure.For(Metric.GenerationTokensPerSecond, Subject.Port, null, 100, 10), Figure.For(Metric.GenerationTokensPerSecond, Subject.Source, null, 50, 0)];
        var priced = ServingCost.Apply(ServingCost.Apply(figures, 9), 3.6);
        var port = Assert.Single(priced, f => f.Name == "costPerMillionTokens" && f.Of == Subject.Port);
        // 10,000 seconds at 0.001 a second.
        Assert.Equal((10.0, 1.0), (Math.Round(port.Value, 9), Math.Round(port.Error!.Value, 9)));
        Assert.Equal(20, Assert.Single(priced, f => f.Name == "costPerMillionTokens" && f.Of == Subject.Source).Value, 1e-9);
        Assert.Equal(figures, ServingCost.Apply(priced, null));
    }

    /// <summary>A model with a unit of time: rounds after the first are slowed by 1.1, 1.2, ..., or by given factors.</summary>
    private sealed class FakeModel(double unit, Action? turn = null, double[]? noise = null) : IServedModel
    {
        private int _round;

        public double Load()
        {
            turn?.Invoke();
            return 10 * unit;
        }

        public ServedRound Run()
        {
            turn?.Invoke();
            var slow = _round == 0 ? 1000 : noise?[_round - 1] ?? 1 + _round / 10.0;
            _round++;
            return new ServedRound(128, slow * 10 * unit, [.. Enumerable.Range(1, 20).Select(i => slow * i * unit)]);
        }

        public long PeakBytes() => (long)(unit * 100_000);
    }
}
