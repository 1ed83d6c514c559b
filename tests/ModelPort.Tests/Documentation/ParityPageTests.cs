using ModelPort.Parity;
using ModelPort.Planning;
using ModelPort.Tests.Support;

namespace ModelPort.Tests.Documentation;

/// <summary>The tables of metrics and budgets in the sources, and the pages that explain them.</summary>
public sealed class ParityPageTests
{
    private static readonly string Parity = File.ReadAllText(Path.Combine(Repository.Root, "docs", "parity.md"));
    private static readonly string Items = File.ReadAllText(Path.Combine(Repository.Root, "docs", "item-reference.md"));

    [Fact]
    public void Every_metric_is_defined() => Assert.All(Metric.All.Keys, name => Assert.Contains($"`{name}`", Parity, StringComparison.Ordinal));

    [Fact]
    public void Every_budget_is_listed_with_its_unit() => Assert.All(BudgetKind.All, kind =>
    {
        var row = Assert.Single(Items.Split('\n'), line => line.StartsWith($"| `{kind.Name}` |", StringComparison.Ordinal));
        Assert.Contains(kind.Metric.Unit, row, StringComparison.Ordinal);
    });

    [Fact]
    public void The_default_limits_are_those_of_the_pages() => Assert.All(Precision.All, precision =>
    {
        var limits = Judge.Defaults(precision).Where(b => b.Kind.Metric != Metric.TokenizerAgreement).Select(b => b.Limit.ToString(System.Globalization.CultureInfo.InvariantCulture)).ToArray();
        Assert.Contains(Items.Split('\n'), line => line.Contains($"`{precision.Name}`", StringComparison.Ordinal) && line.EndsWith($"| {string.Join(" | ", limits)} |", StringComparison.Ordinal));
        Assert.Contains(Parity.Split('\n'), line => line.Contains(precision.Name, StringComparison.Ordinal) && line.EndsWith($"| {string.Join(", ", limits)} |", StringComparison.Ordinal));
    });

    [Fact]
    public void The_default_limit_of_the_tokenizer_is_the_same_for_all_and_that_of_the_pages()
    {
        var limit = Assert.Single(Precision.All.Select(p => Judge.Defaults(p).Single(b => b.Kind.Metric == Metric.TokenizerAgreement).Limit).Distinct());
        var row = Assert.Single(Items.Split('\n'), line => line.StartsWith("| `MinTokenizerAgreement` |", StringComparison.Ordinal));
        Assert.Contains(limit.ToString(System.Globalization.CultureInfo.InvariantCulture), row, StringComparison.Ordinal);
    }
}
