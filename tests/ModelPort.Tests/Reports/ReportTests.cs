using System.Text.Json;
using System.Text.Json.Nodes;
using System.Xml.Linq;
using Json.Schema;
using ModelPort.Manifests;
using ModelPort.Parity;
using ModelPort.Parity.Serving;
using ModelPort.Reports;
using ModelPort.Tests.Support;

namespace ModelPort.Tests.Reports;

public sealed class ReportTests(SampleReport sample) : IClassFixture<SampleReport>
{
    [Theory]
    [InlineData("parity.schema.json")]
    [InlineData("modelport.schema.json")]
    public void The_schemas_in_the_documents_are_those_of_what_is_written(string name)
    {
        var written = name == "parity.schema.json" ? ParityReport.Schema() : Manifest.Schema();
        if (Environment.GetEnvironmentVariable("MODELPORT_WRITE_SCHEMAS") == "1")
        {
            File.WriteAllText(PathOf(name), written);
        }

        Assert.True(written == File.ReadAllText(PathOf(name)), "Run this test with MODELPORT_WRITE_SCHEMAS=1, and look at what changed: others read these files.");
    }

    [Theory]
    [InlineData("parity.schema.json", ParityReport.FileName, "manifest")]
    [InlineData("modelport.schema.json", Manifest.FileName, null)]
    public void What_is_written_keeps_its_schema(string name, string file, string? manifest)
    {
        var schema = JsonSchema.FromFile(PathOf(name));
        var written = JsonNode.Parse(File.ReadAllText(Path.Combine(Path.GetDirectoryName(sample.JsonPath)!, file)))!;
        var result = schema.Evaluate(JsonSerializer.SerializeToElement(written), new EvaluationOptions { OutputFormat = OutputFormat.List });
        Assert.True(result.IsValid, JsonSerializer.Serialize(result));
        (manifest is null ? written : written[manifest]!)["outputs"]![0]!["bytes"] = "many";
        Assert.False(schema.Evaluate(JsonSerializer.SerializeToElement(written)).IsValid);
    }

    [Fact]
    public void Every_position_is_in_the_histogram_and_the_worst_come_first()
    {
        var report = sample.Report;
        foreach (var (output, digest) in report.Manifest.Outputs.Zip(report.Positions))
        {
            Assert.Equal(report.Manifest.Evaluation!.Positions, digest.Histogram.Counts.Sum());
            Assert.Equal(digest.Worst.OrderByDescending(w => w.Divergence), digest.Worst);
            Assert.Equal(output.Metrics.First(f => f.Name == Metric.LargestDivergence.Name).Value, digest.Worst[0].Divergence, 6);
        }
    }

    [Fact]
    public void The_text_around_a_position_is_that_of_the_evaluation()
    {
        using var stream = typeof(ParityReport).Assembly.GetManifestResourceStream("default-evaluation.txt")!;
        var text = new StreamReader(stream).ReadToEnd();
        // What begins in the middle of a character is not spelled as the text spells it.
        var found = sample.Report.Positions[0].Worst.Count(w => text.Contains(w.Before + w.Next, StringComparison.Ordinal));
        Assert.InRange(found, 10, 12);
    }

    [Fact]
    public void A_changed_budget_is_judged_anew_without_measuring_and_the_report_says_so()
    {
        using var own = new SampleReport();
        var before = own.Report;
        var outcome = own.Run(new Budget(BudgetKind.MaxMeanDivergence, 0));
        Assert.False(outcome.Measured);
        Assert.NotEmpty(outcome.Missed);
        Assert.Equal(before.Positions[0].Worst, own.Report.Positions[0].Worst);
        Assert.All(own.Report.Manifest.Outputs, o => Assert.Equal(Verdict.Missed, o.Verdict));
        Assert.Contains("missed", File.ReadAllText(own.PagePath), StringComparison.Ordinal);

        File.WriteAllText(own.JsonPath, "{");
        Assert.True(own.Run().Measured);
    }

    [Fact]
    public void A_page_takes_any_text_that_a_model_may_say_and_runs_none_of_it()
    {
        const string Hostile = "</style><script>alert(1)</script>\0\u0007\ud800 \uffff & <b> \t\r\n \U0001F999";
        var report = sample.Report;
        var digest = report.Positions[0];
        var hostile = report with
        {
            Manifest = report.Manifest with { Name = Hostile },
            Positions = [digest with { Worst = [digest.Worst[0] with { Before = Hostile, Next = Hostile }] }, .. report.Positions.Skip(1)],
        };
        var page = ReportPage.Of(hostile);
        var parsed = XDocument.Parse(page.Replace("<!DOCTYPE html>", "", StringComparison.Ordinal));
        Assert.Empty(parsed.Descendants("script"));
        Assert.Contains("\U0001F999", page, StringComparison.Ordinal);
        Assert.DoesNotContain("<script", page, StringComparison.Ordinal);
    }

    [Fact]
    public void A_page_asks_for_nothing_from_elsewhere()
    {
        var page = XDocument.Parse(File.ReadAllText(sample.PagePath).Replace("<!DOCTYPE html>", "", StringComparison.Ordinal));
        Assert.DoesNotContain(page.Descendants().Attributes(), a => a.Name.LocalName is "src" or "srcset" || (a.Name.LocalName == "href" && !a.Value.StartsWith('#')));
        Assert.DoesNotContain("url(", page.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("@import", page.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Times_are_drawn_where_they_were_measured()
    {
        var report = sample.Report;
        Assert.DoesNotContain("Times of a generated token", ReportPage.Of(report), StringComparison.Ordinal);
        var output = report.Manifest.Outputs[0];
        var served = output with
        {
            Metrics =
            [
                .. output.Metrics,
                .. from subject in (Subject[])[Subject.Source, Subject.Port]
                   from time in ((Metric, double)[])[(Metric.TokenLatencyP50, 1.5), (Metric.TokenLatencyP95, 2), (Metric.TokenLatencyP99, 3.25)]
                   select Figure.For(time.Item1, subject, null, time.Item2),
            ],
            Serving = new ServingRecord
            {
                Hardware = Hardware.Here(2, "zen4"),
                PromptTokens = 64,
                Rounds = 4,
                Tokens = 200,
                Ratios = [new ServingRatio(Metric.TokenLatencyP50.Name, 0.8, 0.75, 0.9)],
            },
        };
        var page = ReportPage.Of(report with { Manifest = report.Manifest with { Outputs = [served, .. report.Manifest.Outputs.Skip(1)] } });
        Assert.Contains("99 % token latency 3.25 ms", page, StringComparison.Ordinal);
        Assert.Contains("0.800", page, StringComparison.Ordinal);
    }

    private static string PathOf(string schema) => Path.Combine(Repository.Root, "docs", "schemas", schema);
}
