using System.Text.Json.Nodes;
using ModelPort.Diagnostics;
using ModelPort.Formats.Gguf;
using ModelPort.Manifests;
using ModelPort.Parity;
using ModelPort.Parity.Tokenizers;
using ModelPort.Reports;
using ModelPort.Tests.Support;

namespace ModelPort.Tests.Tokenizers;

/// <summary>Tokenizer agreement on the whole road: measured, judged, warned of and recorded.</summary>
public sealed class TokenizerPipelineTests : IDisposable
{
    private readonly DamagedCheckpoint _checkpoint = new();
    private readonly QuietObserver _observer = new();

    public TokenizerPipelineTests()
    {
        _checkpoint.Properties["Parity"] = "error";
        _checkpoint.Properties["Threads"] = "1";
        _checkpoint.Metadata["Precision"] = "BF16";
        _checkpoint.Metadata["EvaluationTokens"] = "512";
        _checkpoint.Metadata["EvaluationWindow"] = "256";
        _checkpoint.Metadata["Continuations"] = "0";
    }

    public void Dispose() => _checkpoint.Dispose();

    [Fact]
    public void A_port_has_its_agreement_in_the_manifest_and_keeps_the_default_limit()
    {
        var outcome = Port();
        var output = outcome.Manifest.Outputs[0];
        Assert.Equal(100, output.Metrics.Single(m => m.Name == "tokenizerAgreement").Value);
        var budget = output.Budgets.Single(b => b.Name == "MinTokenizerAgreement");
        Assert.Equal((99.5, true, BudgetVerdict.Kept), (budget.Limit, budget.IsDefault, budget.Verdict));
        var recorded = Manifest.TryRead(outcome.ManifestPath)!.Outputs[0].Tokenizer!;
        Assert.Equal(("tokenizer.json", 100.0, recorded.Texts), (recorded.Source, recorded.Agreement, recorded.Equal));
        Assert.DoesNotContain(_observer.Warnings, w => w.Code is "MP3030" or "MP3031");
        // The numbers of the first run are judged again.
        Assert.False(Port().Measured);
    }

    [Fact]
    public void The_report_shows_the_agreement_and_both_lists_of_tokens_where_it_is_not_whole()
    {
        var outcome = Port();
        var report = ParityReport.TryRead(Path.Combine(_checkpoint.Output, ParityReport.FileName), outcome.Manifest)!;
        var output = report.Manifest.Outputs[0];
        var texts = output.Tokenizer!.Texts;
        Assert.InRange(texts, 300, 600);
        Assert.Contains($"{texts} of {texts} texts split as by tokenizer.json (100.00 %)", ReportPage.Of(report), StringComparison.Ordinal);

        var difference = new TokenDifference("numbers", "x\n12", 1, 0, [new(7, "x"), new(8, "Ġ12")], [new(7, "x"), new(9, "<1>")]);
        var spoilt = output.Tokenizer! with { Equal = texts - 1, Agreement = 99.81, Differences = [difference] };
        var page = ReportPage.Of(report with { Manifest = report.Manifest with { Outputs = [output with { Tokenizer = spoilt }] } });
        Assert.All((string[])[$"{texts - 1} of {texts}", "15 of 15", "x\u21b5 12", "Ġ12\u00a0(8)", "&lt;1&gt;\u00a0(9)"], text => Assert.Contains(text, page, StringComparison.Ordinal));
    }

    [Fact]
    public void A_pre_tokenizer_that_the_evaluation_text_does_not_betray_fails_the_default_limit_and_is_warned_of()
    {
        var spoilt = Spoilt(m => m.Set("tokenizer.ggml.pre", "qwen2"));
        var outcome = PortValidation.Run(spoilt, Request(), _observer, TestContext.Current.CancellationToken);
        Assert.False(outcome.Kept);
        Assert.Equal(["MinTokenizerAgreement"], outcome.Budgets.Where(b => !b.Passes).Select(b => b.Name));
        var warning = Assert.Single(_observer.Warnings, w => w.Code == "MP3031");
        Assert.Equal(spoilt, warning.File);
        Assert.Matches(@"\d+ of \d+ texts are not split as by tokenizer\.json, first "".+"" \(\w+\): from token \d+ on it is \d+ '.+' instead of \d+ '.+'", warning.Message);
        Assert.Contains(ReportText.Of(outcome.Port.Tokenizer!), line => line.Contains("(numbers): from token", StringComparison.Ordinal));
    }

    [Fact]
    public void A_port_that_splits_the_evaluation_text_otherwise_is_refused_with_the_first_difference()
    {
        var spoilt = Spoilt(m => m.Set("tokenizer.ggml.pre", "gpt-2"));
        var outcome = PortValidation.Run(spoilt, Request(), _observer, TestContext.Current.CancellationToken);
        Assert.False(outcome.Kept);
        Assert.Equal(["MinTokenizerAgreement"], outcome.Budgets.Where(b => !b.Passes).Select(b => b.Name));
        var failure = Assert.Single(outcome.Port.Behaviour.Failures);
        Assert.Equal("MP3025", failure.Code);
        Assert.Matches(@"splits the evaluation text into other tokens than its source: \d+ of \d+ texts are not split as by tokenizer\.json, first ", failure.Text);
    }

    [Fact]
    public void A_tokenizer_that_is_not_reproduced_is_warned_of_and_fails_only_a_limit_that_the_user_sets()
    {
        _checkpoint.EditJson("tokenizer.json", j => j["normalizer"] = new JsonObject { ["type"] = "Nmt" });
        var outcome = Port();
        Assert.Equal(Verdict.Kept, outcome.Manifest.Outputs[0].Verdict);
        Assert.DoesNotContain(outcome.Manifest.Outputs[0].Budgets, b => b.Name == "MinTokenizerAgreement");
        Assert.StartsWith("normalizer Nmt: ", outcome.Manifest.Outputs[0].Tokenizer!.NotChecked, StringComparison.Ordinal);
        var warning = Assert.Single(_observer.Warnings, w => w.Code == "MP3030");
        Assert.Equal(_checkpoint["tokenizer.json"], warning.File);
        Assert.StartsWith("tokenizer not compared with tokenizer.json: normalizer Nmt", Assert.Single(ReportText.Of(outcome.Manifest.Outputs[0].Tokenizer!)), StringComparison.Ordinal);

        _checkpoint.Metadata["MinTokenizerAgreement"] = "90";
        var missed = Assert.Single(Port().Missed);
        Assert.Equal("MP3008", missed.Code);
        Assert.Contains("MinTokenizerAgreement", missed.Message, StringComparison.Ordinal);
    }

    private string Spoilt(Action<GgufMetadata> spoil)
    {
        Directory.CreateDirectory(_checkpoint.Output);
        return GgufEdit.Copy(Ports.Make(_checkpoint.Model, "BF16", _checkpoint.Output)["BF16"], _checkpoint.Beside("spoilt.gguf"), spoil);
    }

    private PortRequest Request() => _checkpoint.Request();

    private PortOutcome Port() => PortPipeline.Run(Request(), _observer, TestContext.Current.CancellationToken);
}
