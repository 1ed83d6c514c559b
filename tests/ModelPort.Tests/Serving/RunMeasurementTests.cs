using ModelPort.Parity;
using ModelPort.Parity.Serving;

namespace ModelPort.Tests.Serving;

/// <summary>What is made of times of runs at several batch sizes, with models whose times are known.</summary>
public sealed class RunMeasurementTests
{
    private static readonly Hardware Machine = new("a processor", 8, 2, "a system", "a back-end");

    [Fact]
    public void Each_size_has_its_figures_and_ratios_and_memory_and_load_time_are_of_all()
    {
        var (record, figures) = RunMeasurement.Measure(new FakeModel(4), new FakeModel(2), [1, 8], true, Machine, (_, _) => { });
        Assert.Equal([1, 8], record.Batches!.Select(b => b.Size));
        Assert.Equal(record.Rounds, record.Batches!.Sum(b => b.Rounds));
        Assert.All(record.Batches!, b => Assert.InRange(b.Rounds, 30, 525));
        double Of(Metric metric, Subject of, string? on) => figures.Single(f => f.Name == metric.Name && f.Of == of && f.On == on).Value;

        // A run takes its unit times the root of its size.
        Assert.Equal((4, 2), (Of(Metric.RunLatencyP50, Subject.Source, "batch 1"), Of(Metric.RunLatencyP50, Subject.Port, "batch 1")));
        Assert.Equal(2 * Math.Sqrt(8), Of(Metric.RunLatencyP99, Subject.Port, "batch 8"), 1e-9);
        Assert.Equal(500, Of(Metric.SamplesPerSecond, Subject.Port, "batch 1"), 1e-6);
        Assert.Equal(8000 / (2 * Math.Sqrt(8)), Of(Metric.SamplesPerSecond, Subject.Port, "batch 8"), 1e-6);
        Assert.Equal((40, 20), (Of(Metric.LoadTime, Subject.Source, null), Of(Metric.LoadTime, Subject.Port, null)));
        Assert.Equal((4, 2), (Of(Metric.PeakMemory, Subject.Source, null), Of(Metric.PeakMemory, Subject.Port, null)));

        foreach (var on in new[] { "batch 1", "batch 8" })
        {
            var (latency, speed) = (record.Ratios.Single(r => r.Metric == "runLatencyP50" && r.On == on), record.Ratios.Single(r => r.Metric == "samplesPerSecond" && r.On == on));
            Assert.Equal((0.5, 0.5, 0.5), (latency.Median, latency.Low, latency.High));
            Assert.Equal(2, speed.Median, 1e-9);
        }
    }

    [Fact]
    public void Limits_hold_at_the_first_size_and_each_size_has_its_cost()
    {
        var (_, figures) = RunMeasurement.Measure(new FakeModel(4), new FakeModel(2), [1, 8], true, Machine, (_, _) => { });
        figures = ServingCost.Apply(figures, 3.6);
        Assert.Equal(["batch 1", "batch 8"], figures.Where(f => f.Name == "costPerMillionRequests" && f.Of == Subject.Port).Select(f => f.On));
        BudgetResult Judged(string name, double limit) => Assert.Single(Judge.Check(figures, [new Budget(BudgetKind.OfOnnx.First(k => k.Name == name), limit)], strict: true));
        Assert.Equal((BudgetVerdict.Kept, "batch 1"), (Judged("MaxP95Latency", 2).Verdict, Judged("MaxP95Latency", 2).On));
        Assert.Equal(BudgetVerdict.Missed, Judged("MaxP95Latency", 1.99).Verdict);
        // 2,000 seconds at 0.001 a second.
        Assert.Equal((BudgetVerdict.Kept, 2.0), (Judged("MaxCostPerMillionRequests", 2.001).Verdict, Math.Round(Judged("MaxCostPerMillionRequests", 2.001).Measured!.Value, 9)));
        Assert.Equal(BudgetVerdict.Missed, Judged("MaxPeakMemory", 1.9).Verdict);
    }

    [Fact]
    public void Source_and_port_run_by_turns_of_as_many_runs_and_take_turns_at_being_first()
    {
        var order = new List<string>();
        RunMeasurement.Measure(new FakeModel(5, run => order.Add($"s{run}")), new FakeModel(2, run => order.Add($"p{run}")), [1], false, Machine, (_, _) => { });
        // Five runs to warm up; then turns of about 20 milliseconds of the slower.
        Assert.Equal("s5 p5 s4 p4 p4 s4 s4 p4", string.Join(' ', order.Take(8)));
        Assert.Equal(order.Count(o => o[0] == 's'), order.Count(o => o[0] == 'p'));
    }

    /// <summary>A model with a unit of time.</summary>
    private sealed class FakeModel(double unit, Action<int>? turn = null) : IServedRuns
    {
        public double Load() => 10 * unit;

        public IReadOnlyList<double> Run(int size, int count)
        {
            turn?.Invoke(count);
            return [.. Enumerable.Repeat(unit * Math.Sqrt(size), count)];
        }

        public long PeakBytes() => (long)(unit * 1_000_000);
    }
}
