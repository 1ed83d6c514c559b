using System.Globalization;
using System.Xml.Linq;
using ModelPort.Manifests;
using ModelPort.Parity;
using ModelPort.Parity.Attribution;

namespace ModelPort.Reports;

/// <summary>What a report says of ports of ONNX models: their outputs, and what was done to their graphs.</summary>
internal static class GraphPart
{
    private const int MostRows = 100;

    /// <summary>One line for each port of a model.</summary>
    /// <param name="manifest">The model.</param>
    /// <param name="anchor">The place of a port on the page.</param>
    /// <param name="badge">How a verdict is shown.</param>
    public static XElement Overview(Manifest manifest, Func<OutputRecord, string> anchor, Func<Verdict, XElement> badge) => Html.Table(
        ["port", "size, MB", "accuracy, %", "least cosine similarity", "largest difference", "verdict"],
        manifest.Outputs.Select(o => new object[]
        {
            Html.Of("a", new XAttribute("href", "#" + anchor(o)), o.Precision),
            o.Metrics.Find(Metric.FileSize, Subject.Port) is { } size ? Metric.FileSize.Write(size.Value) : "",
            string.Join(", ", o.Metrics.Where(f => f.Name == Metric.Accuracy.Name && f.Of == Subject.Port).Select(f => Metric.Accuracy.Write(f.Value))),
            Against(o, Metric.CosineSimilarity) is [_, ..] similarities ? Metric.CosineSimilarity.Write(similarities.Min()) : "",
            Against(o, Metric.LargestOutputDifference) is [_, ..] differences ? Metric.LargestOutputDifference.Write(differences.Max()) : "",
            badge(o.Verdict),
        }));

    /// <summary>The outputs of a port, and what was done to its graph.</summary>
    public static IEnumerable<XElement> Of(OutputRecord output) =>
    [
        Html.Of("h3", "Outputs against the source"),
        Html.Table(
            ["output", "largest difference", "mean difference", "relative error, %", "cosine similarity", "same prediction, %"],
            output.Metrics.Where(f => f.Name == Metric.LargestOutputDifference.Name && f.Of == Subject.Port && f.Against == Reference.Source).Select(f => new object[]
            {
                f.On!, Value(output, Metric.LargestOutputDifference, f.On), Value(output, Metric.MeanOutputDifference, f.On), Value(output, Metric.RelativeOutputError, f.On),
                Value(output, Metric.CosineSimilarity, f.On), Value(output, Metric.PredictionAgreement, f.On),
            })),
        .. output.Graph is { } graph ? Changes(graph) : [],
        .. output.Kernels is { } kernels ? Operators(kernels) : [],
    ];

    /// <summary>What each layer of a port costs.</summary>
    public static IEnumerable<XElement> Costs(GraphCosts costs) =>
    [
        Html.Of("p", string.Create(CultureInfo.InvariantCulture, $"{AttributionText.Dearest(costs)}. Every change was measured on {costs.Samples} samples, against what was before it and against the source.")),
        Html.Table(
            ["layer", "before", "after", "error, % of the output", "error from the source, %", "cosine similarity to the source", "accuracy, %"],
            costs.Steps.Prepend(costs.Source).Select(s => new object[]
            {
                AttributionText.Spell(s.Layer), s.From, s.To, s.Error is { } error ? Short((float)error) : $"not measured: {s.NotMeasured}", s.FromSource is { } all ? Short((float)all) : "",
                s.CosineSimilarity is { } cosine ? Metric.CosineSimilarity.Write(cosine) : "", s.Accuracy is { } accuracy ? Metric.Accuracy.Write(accuracy) : "",
            })),
        .. costs.Nodes.Count == 0 ? [] : new[]
        {
            Html.Table(
                ["node that adds error", "operator", "relative error before", "after"],
                costs.Nodes.Select(n => new object[] { n.Node, n.Operator, Short((float)(n.Error - n.Increase)), Short((float)n.Error) })),
        },
    ];

    private static IEnumerable<XElement> Operators(KernelRecord kernels)
    {
        IReadOnlyDictionary<string, int>?[] columns = [kernels.Source, kernels.Port, kernels.SourceRuns, kernels.PortRuns];
        return
        [
            Html.Of("h3", "Which operators run"),
            Html.Of("p", $"In the files, and as ONNX Runtime rewrites them before they run, up to its level \"extended\".{(kernels.Optimized is { } level ? $" The port was saved as it rewrites it ({level})." : "")}"
                + (kernels.NotKnown is { } reason ? $" What runs is not known: {reason.TrimEnd('.')}." : "")),
            Html.Table(
                ["operator", "source, file", "port, file", "source, as it runs", "port, as it runs"],
                columns.SelectMany(c => c?.Keys ?? []).Distinct().Order(StringComparer.Ordinal).Take(MostRows)
                    .Select(o => (object[])[o, .. columns.Select(c => c?.GetValueOrDefault(o) is > 0 and var count ? count.ToString(CultureInfo.InvariantCulture) : "")])),
            .. kernels.Unfused.Count == 0 ? [] : new[]
            {
                Html.Of("p", $"In the graph of the port that runs are {string.Join("; ", kernels.Unfused)}."),
            },
        ];
    }

    private static IEnumerable<XElement> Changes(GraphRecord graph) =>
    [
        Html.Of("h3", "What was done to the graph"),
        Html.Of("p", $"Computed in the precision: {string.Join(", ", graph.Converted.Select(c => string.Create(CultureInfo.InvariantCulture, $"{c.Value} {c.Key}")))}."
            + (graph.RaisedToOpset is { } raised ? string.Create(CultureInfo.InvariantCulture, $" Operators were raised from version {graph.RaisedFromOpset} to {raised}.") : "")
            + string.Concat(graph.Notes.Select(n => $" {n.TrimEnd('.')}."))),
        .. graph.Kept.Count == 0 ? [] : new[]
        {
            Html.Table(["node that stays in float", "operator", "because"], graph.Kept.Take(MostRows).Select(n => new object[] { n.Node, n.Operator, n.Reason })),
        },
        .. graph.Ranges.Count == 0 ? [] : new[]
        {
            Html.Of("details", Html.Of("summary", "Ranges of values"), Html.Table(
                ["value", "from", "to", "greatest magnitude seen"],
                graph.Ranges.Take(MostRows).Select(r => new object[] { r.Name, Short(r.Min), Short(r.Max), Short(r.LargestMagnitude) }))),
        },
    ];

    private static double[] Against(OutputRecord output, Metric metric) =>
        [.. output.Metrics.Where(f => f.Name == metric.Name && f.Of == Subject.Port && f.Against == Reference.Source).Select(f => f.Value)];

    private static string Value(OutputRecord output, Metric metric, string? on) =>
        output.Metrics.Find(metric, Subject.Port, Reference.Source, on) is { } figure ? metric.Write(figure.Value) : "";

    private static string Short(float value) => value.ToString("G5", CultureInfo.InvariantCulture);
}
