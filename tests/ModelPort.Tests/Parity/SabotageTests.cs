using System.Globalization;
using ModelPort.Parity;
using ModelPort.Parity.Attribution;
using ModelPort.Tests.Support;

namespace ModelPort.Tests.Parity;

/// <summary>Ports that were broken in the file and handed to validate: each fails a default gate, and the layer is named.</summary>
public sealed class SabotageTests(SabotagedPorts ports) : IClassFixture<SabotagedPorts>
{
    public static TheoryData<string> Names => [.. Sabotage.All.Select(s => s.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_sabotaged_port_fails_a_default_gate_and_the_report_names_the_layer(string name)
    {
        var (sabotage, outcome) = (Sabotage.All.Single(s => s.Name == name), ports.Outcomes[name]);
        var attribution = outcome.Port.Attribution!;
        string[] found = [.. AttributionText.Of(attribution)];
        var failed = outcome.Budgets.Where(b => !b.Passes).ToArray();

        // The rows of the table in docs/parity.md.
        string[] gates = [.. failed.Select(b => string.Create(CultureInfo.InvariantCulture, $"`{b.Name}` {Metric.All[b.Metric].Write(b.Measured!.Value)}, limit {b.Limit}")), .. outcome.Port.Behaviour.Failures.Select(f => f.Code)];
        TestContext.Current.TestOutputHelper!.WriteLine($"| {name} | {string.Join("; ", gates)} | {string.Join("; ", found)} | {Metric.MeanDivergence.Write(outcome.Port.Figures.Find(Metric.MeanDivergence, Subject.Port, Reference.Source)!.Value)}");
        Assert.False(outcome.Kept);
        Assert.Contains(sabotage.Gate, failed.Select(b => b.Name).Concat(outcome.Port.Behaviour.Failures.Select(f => f.Code)));
        Assert.All(failed, b => Assert.True(b.IsDefault));

        // One layer, and no other: the line says it, and so does the sentence for a missed budget.
        var line = Assert.Single(found);
        Assert.All(sabotage.Layer, part => Assert.Contains(part, line, StringComparison.Ordinal));
        Assert.All(outcome.Blames, blame => Assert.All(sabotage.Layer, part => Assert.Contains(part, blame, StringComparison.Ordinal)));
        Assert.Equal(failed.Length > 0, outcome.Blames.Count > 0);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void The_table_in_the_documents_has_each_with_its_gate_and_layer(string name)
    {
        var sabotage = Sabotage.All.Single(s => s.Name == name);
        var row = Assert.Single(File.ReadLines(Path.Combine(Repository.Root, "docs", "parity.md")), line => line.StartsWith($"| {name} |", StringComparison.Ordinal));
        Assert.All([sabotage.Gate, .. sabotage.Layer], part => Assert.Contains(part, row, StringComparison.Ordinal));
    }

    [Fact]
    public void The_ports_that_were_sabotaged_were_sound() => Assert.All(ports.Honest.Values, honest =>
    {
        Assert.True(honest.Kept);
        Assert.Equal([], AttributionText.Of(honest.Port.Attribution!));
        Assert.Equal([], honest.Blames);
    });
}
