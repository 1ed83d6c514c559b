using System.Globalization;
using ModelPort.Diagnostics;
using ModelPort.Parity.Behaviour;
using ModelPort.Planning;

namespace ModelPort.Parity.Attribution;

/// <summary>Which layer did it, in words.</summary>
public static class AttributionText
{
    private const int MostNamed = 3;

    private static readonly HashSet<Metric> OfTokenizer = [Metric.TokenizerAgreement];

    // Times, memory and sizes are no fault of a layer that could be named.
    private static readonly HashSet<Metric> OfModel =
        [Metric.PerplexityIncrease, Metric.MeanDivergence, Metric.TopTokenAgreement, Metric.LargestLogitDifference, Metric.CosineSimilarity, Metric.Accuracy, Metric.AccuracyDrop, Metric.LargestOutputDifference];

    /// <summary>The layer that is to blame for a missed limit on a metric, as a sentence; how to learn it where that is not known; empty for metrics of no layer.</summary>
    /// <param name="record">What was found.</param>
    /// <param name="metric">The metric.</param>
    public static string Blame(AttributionRecord record, Metric metric)
    {
        if (OfModel.Contains(metric) && (record.Costs ?? (object?)record.Graph) is not null)
        {
            return $"The layer: {ReportText.OneLine(Dearest(record)!)}.";
        }

        var standsOut = Suspects(record, metric) is { } suspects ? $"What stands out: {ReportText.OneLine(suspects)}." : "";
        return !OfModel.Contains(metric)
            ? standsOut
            : $"{(standsOut.Length > 0 ? standsOut : "Every weight is as near as its type allows.")} ModelPortAttribute=true (--attribute) measures which layer and which tensors cost most.";
    }

    /// <summary>The failure of a port whose weights are not its source's; nothing for another.</summary>
    /// <param name="record">What was found.</param>
    internal static IEnumerable<BehaviourFinding> Finding(AttributionRecord record) =>
        record.Weights.UnexplainedCount == 0 ? [] : [BehaviourFinding.Of("weights", Diagnose.WeightsDiffer("", OfUnexplained(record.Weights)))];

    /// <summary>The line for a port whose layers were measured; null for another.</summary>
    /// <param name="record">What was found.</param>
    public static string? Line(AttributionRecord? record) => record is not null && Dearest(record) is { } dearest ? $"attribution: {ReportText.OneLine(dearest)}" : null;

    /// <summary>What was found, as lines for people.</summary>
    /// <param name="record">What was found.</param>
    public static IEnumerable<string> Of(AttributionRecord record) => Lines(record).Select(ReportText.OneLine);

    /// <summary>The name of a layer.</summary>
    public static string Spell(Layer layer) => layer.ToString().ToLowerInvariant();

    private static IEnumerable<string> Lines(AttributionRecord record)
    {
        foreach (var difference in record.Header.Where(h => h.Part != HeaderPart.Description))
        {
            yield return $"header: {difference}";
        }

        if (record.Weights.UnexplainedCount > 0 || record.Weights.Missing.Count > 0)
        {
            yield return OfWeights(record.Weights);
        }

        foreach (var step in record.Costs?.Steps ?? [])
        {
            yield return $"{Spell(step.Layer)}: {step.From} -> {step.To}: {(step.Divergence is { } d ? Nats(d) : $"not measured, as {step.NotMeasured}")}";
        }

        foreach (var step in record.Graph is { } graph ? graph.Steps.Prepend(graph.Source) : [])
        {
            yield return $"{Spell(step.Layer)}: {step.From} -> {step.To}: {(step.Error is { } error ? $"{Percent(error)} of the output{Besides(step)}" : $"not measured, as {step.NotMeasured}")}";
        }

        if (Dearest(record) is { } dearest)
        {
            yield return $"attribution: {dearest}";
        }
    }

    private static string? Suspects(AttributionRecord record, Metric metric)
    {
        string[] found = OfTokenizer.Contains(metric) ? OfHeader(record, HeaderPart.Tokenizer)
            : OfModel.Contains(metric) ? [.. OfHeader(record, HeaderPart.Model), .. record.Weights.UnexplainedCount + record.Weights.Missing.Count > 0 ? new[] { OfWeights(record.Weights) } : []]
            : [];
        return found.Length == 0 ? null : string.Join("; ", found);
    }

    private static string[] OfHeader(AttributionRecord record, HeaderPart part) =>
        Differences(record, part) is { Length: > 0 } differences ? ["header, " + differences] : [];

    private static string Differences(AttributionRecord record, HeaderPart part)
    {
        string[] differences = [.. record.Header.Where(h => h.Part == part).Select(h => h.ToString())];
        return string.Join(", ", differences.Take(MostNamed)) + More(differences.Length);
    }

    private static string OfWeights(WeightErrors weights)
    {
        string[] parts =
        [
            .. weights.UnexplainedCount > 0 ? new[] { OfUnexplained(weights) } : [],
            .. weights.Missing is [var name, ..] ? new[] { $"{name}{More(weights.Missing.Count, 1)} only in one of the two, or of another shape" } : [],
        ];
        return "weights, " + string.Join("; ", parts);
    }

    private static string OfUnexplained(WeightErrors weights) =>
        $"{string.Join(", ", weights.Unexplained.Take(MostNamed).Select(e => e.Name))}{More(weights.UnexplainedCount)}{Blocks(weights.Unexplained)}, relative error {Number(weights.Unexplained[0].Error)} where {weights.Unexplained[0].Type} explains {Number(weights.Unexplained[0].Explained)}";

    // What names a few tensors of many should say at least where the others are.
    private static string Blocks(IReadOnlyList<MatrixError> errors)
    {
        string[] places = [.. errors.Select(e => TensorNames.BlockOf(e.Tensor) is { } block ? string.Create(CultureInfo.InvariantCulture, $"blk.{block}") : e.Tensor).Distinct()];
        return errors.Count <= MostNamed || places.Length > 2 * MostNamed ? "" : $", in {string.Join(", ", places.Order(StringComparer.Ordinal))}";
    }

    /// <summary>The layer, or the tensors, that cost most.</summary>
    /// <param name="record">What was found.</param>
    /// <param name="costs">What was measured.</param>
    internal static string Dearest(AttributionRecord record, LayerCosts costs)
    {
        var header = costs.Steps.FirstOrDefault(s => s.Layer == Layer.Header)?.Divergence ?? 0;
        var arithmetic = costs.Steps.FirstOrDefault(s => s.Layer == Layer.Arithmetic)?.Divergence ?? 0;
        var tensor = costs.Tensors is [var first, ..] ? first : null;
        var (name, divergence) = header >= (tensor?.Divergence ?? 0) && header > 0
            ? ($"the header ({Differences(record, HeaderPart.Model)})", header)
            : tensor is not null && !(arithmetic > tensor.Divergence) ? (tensor.Name, tensor.Divergence)
            : ("llama.cpp's arithmetic with the port's types", arithmetic);
        return divergence <= 0
            ? "no layer costs anything"
            : string.Create(CultureInfo.InvariantCulture, $"{name} costs {100 * divergence / costs.Divergence:0} % of the divergence ({Digits(divergence)} of {Nats(costs.Divergence)})");
    }

    /// <summary>The layer that costs most of what was measured; null where nothing was.</summary>
    /// <param name="record">What was found.</param>
    private static string? Dearest(AttributionRecord record) => record.Costs is { } costs ? Dearest(record, costs) : record.Graph is { } graph ? Dearest(graph) : null;

    /// <summary>The layer of a port of an ONNX model that costs most, and the node that adds most.</summary>
    /// <param name="graph">What was measured.</param>
    internal static string Dearest(GraphCosts graph)
    {
        var step = graph.Steps.Where(s => s.Error is not null).MaxBy(s => s.Error);
        return step is null ? "no layer could be measured"
            : step.Error == 0 || graph.Error == 0 ? "no layer costs anything"
            : $"{Named(step)} {(step.Layer is Layer.Weights or Layer.Values or Layer.Kernels ? "cost" : "costs")} {Percent(step.Error!.Value)} of the output, where all of the port costs {Percent(graph.Error)}"
                + (graph.Nodes is [var worst, ..] ? $"; most is added by '{worst.Node}' ({worst.Operator})" : "");
    }

    /// <summary>A share of the output in percent, with its digits also when it is very small.</summary>
    internal static string Percent(double error) => error.ToString("G3", CultureInfo.InvariantCulture) + " %";

    private static string Named(GraphStep step) => step.Layer switch
    {
        Layer.Graph => "the prepared form of the graph",
        Layer.Kernels => "kernels",
        Layer.Precision => "the file",
        _ => Spell(step.Layer),
    };

    private static string Besides(GraphStep step) => string.Create(
        CultureInfo.InvariantCulture,
        $" ({Percent(step.FromSource!.Value)} from the source, cosine similarity {Metric.CosineSimilarity.Write(step.CosineSimilarity!.Value)}{(step.Accuracy is { } accuracy ? $", accuracy {Metric.Accuracy.Write(accuracy)} %" : "")})");

    private static string More(int count, int named = MostNamed) => count > named ? string.Create(CultureInfo.InvariantCulture, $" and {count - named} more") : "";

    /// <summary>A divergence in nats, with its digits also when it is very small.</summary>
    internal static string Digits(double nats) => Metric.Write(nats, Math.Abs(nats) is > 0 and < 0.001 ? "G2" : "0.#####");

    private static string Nats(double value) => Digits(value) + " nats";

    private static string Number(double value) => value.ToString("G2", CultureInfo.InvariantCulture);
}
