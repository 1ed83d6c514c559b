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
        [Metric.PerplexityIncrease, Metric.MeanDivergence, Metric.TopTokenAgreement, Metric.LargestLogitDifference, Metric.CosineSimilarity, Metric.Accuracy, Metric.AccuracyDrop];

    /// <summary>The layer that is to blame for a missed limit on a metric, as a sentence; how to learn it where that is not known; empty for metrics of no layer.</summary>
    /// <param name="record">What was found.</param>
    /// <param name="metric">The metric.</param>
    public static string Blame(AttributionRecord record, Metric metric) => Suspects(record, metric) is { } suspects
        ? $"The layer: {suspects}. "
        : !OfModel.Contains(metric) ? ""
        : record.Costs is { } costs ? $"The layer: {Dearest(record, costs)}. "
        : "Every weight is as near as its type allows; ModelPortAttribute=true (--attribute) measures which layer and which tensors cost most. ";

    /// <summary>The failure of a port whose weights are not its source's; nothing for another.</summary>
    /// <param name="record">What was found.</param>
    internal static IEnumerable<BehaviourFinding> Finding(AttributionRecord record) =>
        record.Weights.UnexplainedCount == 0 ? [] : [BehaviourFinding.Of("weights", Diagnose.WeightsDiffer("", OfUnexplained(record.Weights)))];

    /// <summary>The line for a port whose layers were measured; null for another.</summary>
    /// <param name="record">What was found.</param>
    public static string? Line(AttributionRecord? record) => record?.Costs is { } costs ? $"attribution: {Dearest(record, costs)}" : null;

    /// <summary>What was found, as lines for people.</summary>
    /// <param name="record">What was found.</param>
    public static IEnumerable<string> Of(AttributionRecord record)
    {
        foreach (var difference in record.Header.Where(h => h.Part != HeaderPart.Description))
        {
            yield return $"header: {difference}";
        }

        if (record.Weights.UnexplainedCount > 0 || record.Weights.Missing.Count > 0)
        {
            yield return OfWeights(record.Weights);
        }

        if (record.Costs is not { } costs)
        {
            yield break;
        }

        foreach (var step in costs.Steps)
        {
            yield return $"{Spell(step.Layer)}: {step.From} -> {step.To}: {(step.Divergence is { } d ? Nats(d) : $"not measured, as {step.NotMeasured}")}";
        }

        yield return $"attribution: {Dearest(record, costs)}";
    }

    /// <summary>The name of a layer.</summary>
    public static string Spell(Layer layer) => layer.ToString().ToLowerInvariant();

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
            : string.Create(CultureInfo.InvariantCulture, $"{name} costs {100 * divergence / costs.Divergence:0} % of the divergence ({Metric.Write(divergence, "0.#####")} of {Nats(costs.Divergence)})");
    }

    private static string More(int count, int named = MostNamed) => count > named ? string.Create(CultureInfo.InvariantCulture, $" and {count - named} more") : "";

    private static string Nats(double value) => Metric.Write(value, "0.#####") + " nats";

    private static string Number(double value) => value.ToString("G2", CultureInfo.InvariantCulture);
}
