using System.Globalization;
using System.Xml.Linq;
using ModelPort.Diagnostics;
using ModelPort.Manifests;
using ModelPort.Parity;
using ModelPort.Parity.Attribution;
using ModelPort.Parity.Behaviour;
using ModelPort.Parity.Serving;
using ModelPort.Parity.Tokenizers;

namespace ModelPort.Reports;

/// <summary>The report as one page that needs nothing from elsewhere: no script, no font, no picture; light or dark as the reader's system is.</summary>
public static class ReportPage
{
    /// <summary>The page, in UTF-8 with LF line ends.</summary>
    public static string Of(ParityReport report)
    {
        var manifest = report.Manifest;
        var page = Html.Of("html",
            new XAttribute("lang", "en"),
            Html.Of("head",
                Html.Of("meta", new XAttribute("charset", "utf-8")),
                Html.Of("meta", new XAttribute("name", "viewport"), new XAttribute("content", "width=device-width, initial-scale=1")),
                Html.Of("title", $"Parity of {manifest.Name}"),
                Html.Of("style", Style)),
            Html.Of("body", Html.Of("main",
                Head(manifest),
                manifest.Evaluation!.IsText ? Html.Of("section", Html.Of("h2", "Size and perplexity"), Charts.SizeAndPerplexity(manifest)) : null,
                manifest.Outputs.Select((output, i) => Output(output, report.Positions.ElementAtOrDefault(i))),
                Foot(manifest))));
        return "<!DOCTYPE html>\n" + page.ToString(SaveOptions.DisableFormatting) + "\n";
    }

    private static XElement Head(Manifest manifest)
    {
        var evaluation = manifest.Evaluation!;
        return Html.Of("header",
            Html.Of("h1", manifest.Name),
            Html.Of("p", $"{manifest.Source.Architecture}, {manifest.Source.Parameters.ToString("N0", CultureInfo.InvariantCulture)} parameters, ported from {manifest.Source.Precision} "
                + $"(source {manifest.Source.Sha256[..12]}), measured against its source {Gate.Data(evaluation)}."),
            !evaluation.IsText ? GraphPart.Overview(manifest, Anchor, Badge) : Html.Table(
                ["port", "size, MB", "perplexity", "increase, %", "mean divergence, nats", "same top token, %", "verdict"],
                manifest.Outputs.Select(o => new object[]
                {
                    Html.Of("a", new XAttribute("href", "#" + Anchor(o)), o.Precision),
                    Write(o, Metric.FileSize, null),
                    Write(o, Metric.Perplexity, null),
                    Write(o, Metric.PerplexityIncrease, Reference.Source),
                    Write(o, Metric.MeanDivergence, Reference.Source),
                    Write(o, Metric.TopTokenAgreement, Reference.Source),
                    Badge(o.Verdict),
                })));
    }

    private static XElement Output(OutputRecord output, PositionDigest? digest) => Html.Of("section",
        new XAttribute("id", Anchor(output)),
        Html.Of("h2", output.Precision, " ", Badge(output.Verdict)),
        Html.Of("p", $"{FilesOf(output)}, {Sizes.Bytes(output.Bytes)}, SHA-256 {output.Sha256[..12]}; {string.Join(", ", output.TensorTypes.Select(t => $"{t.Value} tensors {t.Key}"))}"
            + (output.Fallbacks.Count == 0 ? "." : $"; {output.Fallbacks.Count} of them fell back to another type than asked for.")),
        Html.Of("h3", "Gate"),
        Html.Table(
            ["budget", "against", "measured", "limit", "verdict"],
            output.Budgets.Select(b => new object[]
            {
                b.Name + (b.On is null ? "" : $" on {b.On}"),
                b.Against switch { Reference.Source => "source", Reference.ReferenceOutputs => "reference outputs", _ => "" },
                b.Measured is { } value ? Write(Metric.All[b.Metric], value, b.Error) : "not measured",
                b.Limit.ToString("0.######", CultureInfo.InvariantCulture) + (b.Unit is null ? "" : " " + b.Unit) + (b.IsDefault ? " (default)" : ""),
                Badge(b.Verdict),
            })),
        Layers(output),
        digest is null ? GraphPart.Of(output) : Divergence(output, digest),
        Tasks(output),
        Serving(output),
        Tokenizer(output),
        Behaviour(output),
        Html.Of("details", Html.Of("summary", "All figures"), Html.Table(
            ["metric", "of", "against", "value"],
            output.Metrics.Select(f => new object[]
            {
                Metric.All[f.Name].Title + (f.On is null ? "" : $" on {f.On}"),
                f.Of == Subject.Port ? "port" : "source",
                f.Against switch { Reference.Source => "source", Reference.ReferenceOutputs => "reference outputs", _ => "" },
                Write(Metric.All[f.Name], f.Value, f.Error),
            }))));

    private static IEnumerable<XElement> Divergence(OutputRecord output, PositionDigest digest) =>
    [
        Html.Of("h3", "Divergence"),
        Charts.Divergence(digest.Histogram, Compared(output, Metric.MeanDivergence), Compared(output, Metric.DivergencePercentiles.First(p => p.Fraction == 0.99f).Metric)),
        Html.Of("h3", "Where it differs most"),
        .. digest.Worst.Select(Worst),
    ];

    private static XElement Worst(WorstPosition worst) => Html.Classed("figure", "worst",
        Html.Classed("p", "context", "\u2026" + Visible(worst.Before), Html.Of("mark", Visible(worst.Next))),
        Html.Of("figcaption", string.Create(
            CultureInfo.InvariantCulture,
            $"divergence {worst.Divergence:0.###} nats; probability of the marked token {Probability(worst.InSource)} in the source, {Probability(worst.InPort)} in the port; "
            + $"{(worst.SameTop ? "the same token first" : "another token first")} (window {worst.Window}, token {worst.Position})")));

    private static IEnumerable<XElement> Layers(OutputRecord output) => output.Attribution is not { } attribution ? [] :
    [
        Html.Of("h3", "Which layer did it"),
        .. Costs(attribution),
        .. attribution.Graph is { } graph ? GraphPart.Costs(graph) : [],
        .. attribution.Header.Count == 0 ? [] : new[]
        {
            Html.Table(
                ["key of the header", "from the source", "in the port"],
                attribution.Header.Select(h => new object[] { h.Key, Visible(h.Source ?? "absent"), Visible(h.Port ?? "absent") })),
        },
        .. attribution.Weights.Matrices + attribution.Weights.Missing.Count == 0 ? [] : new[] { Weights(attribution.Weights) },
        .. attribution.Weights.Unexplained.Count == 0 ? [] : new[]
        {
            Html.Table(
                ["weight", "type", "relative error", "explained by the type"],
                attribution.Weights.Unexplained.Select(e => new object[] { e.Name, e.Type, Short(e.Error), Short(e.Explained) })),
        },
        .. attribution.Costs is not { Tensors.Count: > 0 } costs ? [] : new[]
        {
            Html.Of("h3", $"What tensors cost, {costs.Tensors.Count.ToString(CultureInfo.InvariantCulture)} of {costs.Groups.ToString(CultureInfo.InvariantCulture)} groups"),
            Charts.Costs(costs),
        },
    ];

    private static IEnumerable<XElement> Costs(AttributionRecord attribution) => attribution.Costs is not { } costs ? [] :
    [
        Html.Of("p", AttributionText.Dearest(attribution, costs) + string.Create(CultureInfo.InvariantCulture, $". Header, weights and arithmetic were measured on {costs.Windows} windows of {costs.WindowLength} tokens, runtime and precision on all that was evaluated.")),
        Html.Table(
            ["layer", "before", "after", "mean divergence, nats"],
            costs.Steps.Select(s => new object[] { AttributionText.Spell(s.Layer), s.From, s.To, s.Divergence is { } d ? AttributionText.Digits(d) : $"not measured: {s.NotMeasured}" })),
    ];

    private static XElement Weights(WeightErrors weights)
    {
        var matrices = string.Create(CultureInfo.InvariantCulture, $"{weights.Matrices} matrices were compared with the source's, value by value");
        return Html.Of("p", weights.UnexplainedCount > 0
                ? string.Create(CultureInfo.InvariantCulture, $"{matrices}: {weights.UnexplainedCount} are farther from it than their type explains.")
            : weights.Largest is [var first, ..]
                ? $"{matrices}: each is as near as its type allows. The largest relative error is {Short(first.Error)}, of {first.Name} ({first.Type})."
            : $"{matrices}: all are the same.",
            weights.Missing.Count == 0 ? null : $" Only one of the two has {string.Join(", ", weights.Missing)}, or it has another shape.");
    }

    private static string Short(double value) => value.ToString("G3", CultureInfo.InvariantCulture);

    private static IEnumerable<XElement> Tasks(OutputRecord output) => output.Tasks.Count == 0 ? [] :
    [
        Html.Of("h3", "Tasks"),
        Html.Table(
            ["task", "questions", "source, %", "port, %", "lost", "gained", "McNemar p"],
            output.Tasks.Select(t => new object[]
            {
                t.File,
                t.Questions.ToString(CultureInfo.InvariantCulture),
                Accuracy(output, t.File, Subject.Source),
                Accuracy(output, t.File, Subject.Port),
                t.Lost.ToString(CultureInfo.InvariantCulture),
                t.Gained.ToString(CultureInfo.InvariantCulture),
                t.Significance.PValue.ToString("0.####", CultureInfo.InvariantCulture),
            })),
    ];

    private static IEnumerable<XElement> Serving(OutputRecord output) => output.Serving is not { } serving ? [] :
    [
        Html.Of("h3", "Serving"),
        Html.Of("p", $"Taken by turns on source and port, each in a process of its own: {ReportText.Runs(serving)}, "
            + $"on {serving.Hardware.Processor} with {serving.Hardware.Threads.ToString(CultureInfo.InvariantCulture)} threads. Times are of this machine alone; ratios say more."),
        .. Charts.Latencies(output),
        .. serving.Batches is { } batches ? new[] { Batches(output, serving, batches) } : [],
        Html.Table(
            ["port divided by source", "median", "a quarter below", "a quarter above"],
            serving.Ratios.Select(r => new object[] { Metric.All[r.Metric].Title + (r.On is null ? "" : $" on {r.On}"), Ratio(r.Median), Ratio(r.Low), Ratio(r.High) })),
    ];

    // Each cell has the source's number and the port's.
    private static XElement Batches(OutputRecord output, ServingRecord serving, IReadOnlyList<ServedBatch> batches)
    {
        string Both(Metric metric, string? on) =>
            output.Metrics.Find(metric, Subject.Source, on: on) is { } source && output.Metrics.Find(metric, Subject.Port, on: on) is { } port ? $"{metric.Write(source.Value)} \u2192 {metric.Write(port.Value)}" : "";
        Metric[] metrics = [Metric.RunLatencyP50, Metric.RunLatencyP95, Metric.RunLatencyP99, Metric.SamplesPerSecond, .. serving.HourlyCost is null ? [] : new[] { Metric.CostPerMillionRequests }];
        var isNamed = serving.Ratios.Any(r => r.On is not null);
        return Html.Table(
            ["samples in a run", .. metrics.Select(m => m.Unit.Length == 0 ? m.Title : $"{m.Title}, {m.Unit}"), "peak memory, MB"],
            batches.Select((b, i) => (object[])[b.Size.ToString(CultureInfo.InvariantCulture), .. metrics.Select(m => Both(m, isNamed ? ServedBatch.Name(b.Size) : null)), i == 0 ? Both(Metric.PeakMemory, null) : ""]));
    }

    private static string Ratio(double value) => value.ToString("0.000", CultureInfo.InvariantCulture);

    private static IEnumerable<XElement> Tokenizer(OutputRecord output) => output.Tokenizer is not { } tokenizer ? [] :
    [
        Html.Of("h3", "Tokenizer"),
        .. ReportText.Of(tokenizer with { Differences = [] }).Select(line => Html.Of("p", line)),
        .. tokenizer.Differences.Count == 0 ? [] : new[]
        {
            Html.Table(
                ["class", "split alike", "first text that is not", "in the source", "in the port"],
                tokenizer.Differences.Select(d => new object[] { d.Class, Alike(tokenizer, d.Class), Visible(d.Text), Tokens(d.Expected), Tokens(d.Found) })),
        },
    ];

    private static string Alike(TokenizerComparison tokenizer, string name)
    {
        var agreement = tokenizer.Classes.First(c => c.Class == name);
        return string.Create(CultureInfo.InvariantCulture, $"{agreement.Equal} of {agreement.Texts}");
    }

    private static string Tokens(IReadOnlyList<SpelledToken> tokens) =>
        string.Join(" ", tokens.Select(t => string.Create(CultureInfo.InvariantCulture, $"{t.Piece}\u00a0({t.Id})")));

    private static IEnumerable<XElement> Behaviour(OutputRecord output) => output.Behaviour is not { } behaviour ? [] :
    [
        Html.Of("h3", "Behaviour"),
        Html.Table(
            ["check", "found", "verdict"],
            behaviour.Findings.Select(f => new object[]
            {
                f.Check,
                f.Text,
                f.Level switch
                {
                    FindingLevel.Pass => Html.Classed("span", "badge kept", "as the source"),
                    FindingLevel.Warning => Html.Classed("span", "badge warning", f.Code),
                    _ => Html.Classed("span", "badge missed", f.Code),
                },
            })),
    ];

    private static XElement Foot(Manifest manifest) => Html.Of("footer", Html.Of("p",
        $"ModelPort {manifest.ToolVersion}, {manifest.Engine.Name} {manifest.Engine.Version}{(manifest.Engine.Commit.Length > 0 ? $" ({manifest.Engine.Commit})" : "")}, CPU back-end {manifest.Evaluation!.CpuBackend}. "
        + $"The same figures as data: {ParityReport.FileName}; the record that travels with the model: {Manifest.FileName}."));

    private static XElement Badge(Verdict verdict) => verdict switch
    {
        Verdict.Kept => Html.Classed("span", "badge kept", "budgets kept"),
        Verdict.Missed => Html.Classed("span", "badge missed", "missed"),
        _ => Html.Classed("span", "badge warning", "not measured"),
    };

    private static XElement Badge(BudgetVerdict verdict) => verdict switch
    {
        BudgetVerdict.Kept => Html.Classed("span", "badge kept", "kept"),
        BudgetVerdict.WithinError => Html.Classed("span", "badge warning", "outside by less than the error"),
        BudgetVerdict.Missed => Html.Classed("span", "badge missed", "missed"),
        _ => Html.Classed("span", "badge missed", "not measured"),
    };

    private static string Write(OutputRecord output, Metric metric, Reference? against) =>
        output.Metrics.Find(metric, Subject.Port, against) is { } figure ? metric.Write(figure.Value) : "";

    private static string Accuracy(OutputRecord output, string task, Subject of) =>
        output.Metrics.Find(Metric.Accuracy, of, on: task) is { } figure ? Metric.Accuracy.Write(figure.Value) : "";

    private static double Compared(OutputRecord output, Metric metric) =>
        output.Metrics.Find(metric, Subject.Port, Reference.Source)!.Value;

    private static string Probability(double value) => value < 0.0001 ? "below 0.0001" : value.ToString("0.####", CultureInfo.InvariantCulture);

    private static string Write(Metric metric, double value, double? error) => metric.Write(value, error).Replace("+-", "\u00b1", StringComparison.Ordinal);

    // Line ends and tabs are part of what a model reads.
    private static string Visible(string text) => text.ReplaceLineEndings("\u21b5 ").Replace('\t', '\u21e5');

    private static string FilesOf(OutputRecord output) => output.Files is [var only] ? only.Name : $"{output.FileName} and {output.Files.Count - 1} more files";

    private static string Anchor(OutputRecord output) => "port-" + output.Precision.ToLowerInvariant();

    // No child selectors: an angle bracket would be escaped, and a style sheet is not unescaped.
    private const string Style = """

        :root { color-scheme: light dark; --paper: #fbfaf8; --card: #ffffff; --ink: #1d2026; --soft: #5c6370; --line: #dcdad5; --accent: #2f6f9f; --good: #1d7a46; --bad: #b3261e; --careful: #8a5a00; --mark: #ffe3a3; }
        @media (prefers-color-scheme: dark) { :root { --paper: #14161a; --card: #1c1f25; --ink: #e7e5e1; --soft: #a2a8b3; --line: #343943; --accent: #7ab8e6; --good: #6fd39b; --bad: #ff8a80; --careful: #f0c069; --mark: #5d4a14; } }
        * { box-sizing: border-box; }
        body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
        main { max-width: 60rem; margin: 0 auto; padding: 2rem 1.25rem 3rem; }
        h1 { font-size: 1.9rem; margin: 0 0 .25rem; }
        h2 { font-size: 1.3rem; margin: 0 0 .5rem; }
        h3 { font-size: 1rem; margin: 1.5rem 0 .5rem; color: var(--soft); font-weight: 600; }
        p { margin: 0 0 .75rem; max-width: 48rem; overflow-wrap: anywhere; }
        section { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 1.25rem; margin-top: 1.25rem; }
        .scroll { overflow-x: auto; } .scroll + p { margin-top: .75rem; }
        table { border-collapse: collapse; width: 100%; font-size: .9rem; }
        th, td { text-align: left; padding: .35rem .75rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
        th { color: var(--soft); font-weight: 600; }
        .number { font-variant-numeric: tabular-nums; white-space: nowrap; }
        .badge { display: inline-block; border: 1px solid currentColor; border-radius: 999px; padding: 0 .6rem; font-size: .8rem; font-weight: 600; white-space: nowrap; vertical-align: middle; }
        .kept { color: var(--good); } .missed { color: var(--bad); } .warning { color: var(--careful); }
        a { color: var(--accent); }
        svg { width: 100%; min-width: 30rem; height: auto; display: block; }
        .axis { stroke: var(--soft); stroke-width: 1; } .span { stroke: var(--soft); stroke-width: 2; } .grid { stroke: var(--line); stroke-width: 1; }
        .bar { fill: var(--accent); } .point { fill: var(--accent); } .source { fill: var(--card); stroke: var(--accent); stroke-width: 2; }
        .marker { stroke: var(--bad); stroke-width: 1.5; stroke-dasharray: 4 3; }
        .label { fill: var(--soft); font-size: 11px; } .title { fill: var(--soft); font-size: 12px; } .marked { fill: var(--ink); font-size: 12px; }
        .worst { margin: 0 0 .75rem; padding: .6rem .8rem; border: 1px solid var(--line); border-radius: 8px; }
        .context { font-family: ui-monospace, monospace; font-size: .85rem; margin: 0; white-space: pre-wrap; max-width: none; }
        mark { background: var(--mark); color: inherit; border-radius: 3px; }
        figcaption { color: var(--soft); font-size: .82rem; margin-top: .35rem; }
        details { margin-top: 1.25rem; } summary { cursor: pointer; color: var(--accent); }
        footer { color: var(--soft); font-size: .85rem; margin-top: 1.5rem; }
        @media print { section { break-inside: avoid; } }

        """;
}
