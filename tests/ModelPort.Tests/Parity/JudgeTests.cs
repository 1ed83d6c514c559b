using ModelPort.Parity;
using ModelPort.Planning;

namespace ModelPort.Tests.Parity;

/// <summary>Limits against measured numbers and their errors.</summary>
public sealed class JudgeTests
{
    private static readonly Precision Quantised = Precision.All.First(p => p.Name == "Q4_K_M");

    [Theory]
    [InlineData("MaxMeanDivergence", 0.10, 0.10, 0.01, false, BudgetVerdict.Kept)]
    [InlineData("MaxMeanDivergence", 0.10, 0.105, 0.01, false, BudgetVerdict.WithinError)]
    [InlineData("MaxMeanDivergence", 0.10, 0.105, 0.01, true, BudgetVerdict.Missed)]
    [InlineData("MaxMeanDivergence", 0.10, 0.115, 0.01, false, BudgetVerdict.Missed)]
    [InlineData("MaxMeanDivergence", 0.10, 0.105, null, false, BudgetVerdict.Missed)]
    [InlineData("MaxMeanDivergence", 0.10, double.NaN, 0.01, false, BudgetVerdict.Missed)]
    [InlineData("MaxMeanDivergence", 0.10, 0.2, double.NaN, false, BudgetVerdict.Missed)]
    [InlineData("MaxMeanDivergence", 0.10, double.PositiveInfinity, double.PositiveInfinity, false, BudgetVerdict.Missed)]
    [InlineData("MinTopTokenAgreement", 90, 90, 1.0, false, BudgetVerdict.Kept)]
    [InlineData("MinTopTokenAgreement", 90, 89.5, 1.0, false, BudgetVerdict.WithinError)]
    [InlineData("MinTopTokenAgreement", 90, 89.5, 1.0, true, BudgetVerdict.Missed)]
    [InlineData("MinTopTokenAgreement", 90, 88.5, 1.0, false, BudgetVerdict.Missed)]
    [InlineData("MaxPerplexityIncrease", 2, -3, 1.0, true, BudgetVerdict.Kept)]
    public void A_number_misses_its_limit_when_it_is_outside_by_more_than_its_error(string budget, double limit, double value, double? error, bool strict, BudgetVerdict expected)
    {
        var kind = BudgetKind.All.Single(k => k.Name == budget);
        var result = Assert.Single(Judge.Check([Figure.For(kind.Metric, Subject.Port, Reference.Source, value, error)], [new Budget(kind, limit)], strict));
        Assert.Equal(expected, result.Verdict);
        Assert.Equal(expected is BudgetVerdict.Kept or BudgetVerdict.WithinError, result.Passes);
    }

    public static TheoryData<string> Kinds() => [.. Budget.Names];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_number_that_was_not_measured_keeps_no_limit(string budget)
    {
        // The source's own numbers are no excuse.
        var kind = BudgetKind.All.Single(k => k.Name == budget);
        var result = Assert.Single(Judge.Check([Figure.For(kind.Metric, Subject.Source, null, kind.IsMaximum ? 0 : 100)], [new Budget(kind, 50)], strict: false));
        Assert.Equal((BudgetVerdict.NotMeasured, false, null), (result.Verdict, result.Passes, result.Measured));
    }

    [Fact]
    public void Every_reference_has_to_be_kept()
    {
        Figure[] figures = [Figure.For(Metric.MeanDivergence, Subject.Port, Reference.Source, 0.01), Figure.For(Metric.MeanDivergence, Subject.Port, Reference.ReferenceOutputs, 0.5)];
        var results = Judge.Check(figures, [new Budget(BudgetKind.MaxMeanDivergence, 0.1)], strict: false);
        Assert.Equal([(Reference.Source, true), (Reference.ReferenceOutputs, false)], results.Select(r => (r.Against!.Value, r.Passes)));
    }

    [Theory]
    [InlineData("MaxOutputError")]
    [InlineData("MinCosineSimilarity")]
    public void Limits_on_outputs_are_about_the_reference_outputs_where_there_are_some(string budget)
    {
        var kind = BudgetKind.All.Single(k => k.Name == budget);
        Figure[] figures = [Figure.For(kind.Metric, Subject.Port, Reference.Source, 0.3), Figure.For(kind.Metric, Subject.Port, Reference.ReferenceOutputs, 0.4)];
        Assert.Equal(0.4, Assert.Single(Judge.Check(figures, [new Budget(kind, 1)], strict: false)).Measured);
        Assert.Equal(0.3, Assert.Single(Judge.Check(figures[..1], [new Budget(kind, 1)], strict: false)).Measured);
    }

    [Fact]
    public void A_limit_of_the_user_replaces_the_default_of_the_precision()
    {
        var applicable = Judge.Applicable(Quantised, [Budget.Parse("maxmeandivergence", "0.5", "")], null);
        var divergence = Assert.Single(applicable, b => b.Kind == BudgetKind.MaxMeanDivergence);
        Assert.Equal((0.5, false), (divergence.Limit, divergence.IsDefault));
        Assert.Equal(Judge.Defaults(Quantised).Count, applicable.Count);
        Assert.All(applicable.Where(b => b.Kind != BudgetKind.MaxMeanDivergence), b => Assert.True(b.IsDefault));
    }

    [Fact]
    public void Every_precision_has_default_limits_that_grow_as_it_shrinks()
    {
        Assert.All(Precision.All, p => Assert.NotEmpty(Judge.Defaults(p)));
        double Divergence(string name) => Judge.Defaults(Precision.All.Single(p => p.Name == name)).Single(b => b.Kind == BudgetKind.MaxMeanDivergence).Limit;
        string[] order = ["BF16", "Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q3_K_M", "Q3_K_S", "Q2_K"];
        Assert.Equal(order, order.OrderBy(Divergence));
    }
}
