using ModelPort.Onnx.Parity;
using ModelPort.Parity;

namespace ModelPort.Tests.Onnx;

/// <summary>Figures of outputs, against numbers computed by hand.</summary>
public sealed class OutputComparisonTests
{
    [Fact]
    public void Figures_are_those_of_their_definitions()
    {
        var comparison = new OutputComparison("y");
        comparison.Add([1, 2, 2], [1, 2, 3], 3);
        comparison.Add([0, 3, 4], [0, 5, 4], 3);
        Assert.Equal(2, Of(comparison, Metric.LargestOutputDifference));
        Assert.Equal(0.5, Of(comparison, Metric.MeanOutputDifference), 1e-12);
        Assert.Equal(100 * Math.Sqrt(5 / 34.0), Of(comparison, Metric.RelativeOutputError), 1e-9);
        Assert.Equal((11 / (3 * Math.Sqrt(14)) + 31 / (5 * Math.Sqrt(41))) / 2, Of(comparison, Metric.CosineSimilarity), 1e-12);
        // The first of equal values is the answer: 1 and 2, then 2 and 1.
        Assert.Equal(0, Of(comparison, Metric.PredictionAgreement));
    }

    [Fact]
    public void Of_an_output_of_one_number_all_samples_are_one_vector()
    {
        var comparison = new OutputComparison("y");
        comparison.Add([0.9], [0.1], 0);
        comparison.Add([0.2], [0.6], 0);
        Assert.Equal((0.09 + 0.12) / (Math.Sqrt(0.85) * Math.Sqrt(0.37)), Of(comparison, Metric.CosineSimilarity), 1e-12);
    }

    [Fact]
    public void The_same_is_the_same_with_zeros_infinities_and_NaN()
    {
        var comparison = new OutputComparison("y");
        comparison.Add([0, 0], [0, 0], 0);
        comparison.Add([double.PositiveInfinity, double.NaN], [double.PositiveInfinity, double.NaN], 0);
        Assert.Equal(0, Of(comparison, Metric.LargestOutputDifference));
    }

    [Fact]
    public void NaN_where_there_was_a_number_keeps_no_limit()
    {
        var comparison = new OutputComparison("y");
        comparison.Add([1, 2], [1, double.NaN], 0);
        comparison.Add([1, 2], [1, 2], 0);
        var figures = comparison.Figures(Subject.Port, Reference.Source).ToArray();
        var budgets = BudgetKind.OfOnnx.Where(k => k.Name is "MaxOutputError" or "MinCosineSimilarity").Select(k => new Budget(k, k.IsMaximum ? 1e9 : 0)).ToArray();
        Assert.All(Judge.Check(figures, budgets, strict: false), result => Assert.False(result.Passes));
    }

    [Fact]
    public void A_limit_on_outputs_holds_for_each_of_them()
    {
        var (near, far) = (new OutputComparison("near"), new OutputComparison("far"));
        near.Add([1], [1], 0);
        far.Add([1], [3], 0);
        Figure[] figures = [.. near.Figures(Subject.Port, Reference.Source), .. far.Figures(Subject.Port, Reference.Source)];
        var results = Judge.Check(figures, [new Budget(BudgetKind.OfOnnx.First(k => k.Name == "MaxOutputError"), 1)], strict: false);
        Assert.Equal([("near", true), ("far", false)], results.Select(r => (r.On, r.Passes)));
    }

    [Fact]
    public void Macro_F1_is_the_mean_over_the_classes()
    {
        // Class 0: precision 1, recall 1/2; class 1: precision 2/3, recall 1; class 2 is only answered, and wrongly.
        (int, int)[] answers = [(0, 0), (0, 1), (1, 1), (1, 1), (1, 2)];
        Assert.Equal((2.0 / 3 + 2.0 * 2 / (3 + 3) + 0) / 3, LabelScore.MacroF1(answers), 1e-12);
    }

    private static double Of(OutputComparison comparison, Metric metric) => comparison.Figures(Subject.Port, Reference.Source).Single(f => f.Name == metric.Name).Value;
}
