using System.Collections.Immutable;
using System.Text.RegularExpressions;
using ModelPort.Diagnostics;
using ModelPort.Formats.Onnx;

namespace ModelPort.Onnx.Transforms;

/// <summary>Makes an ONNX model of another precision: a pure plan first, and the changed model then.</summary>
public static partial class OnnxTransform
{
    /// <summary>Decides everything that can be decided before data is read. Weights are not read.</summary>
    /// <param name="source">The model, which is not changed and must stay open.</param>
    /// <param name="request">What is to be made of it.</param>
    /// <exception cref="ModelPortException">
    /// MP1020: an option of the request has no possible value. MP2100: nothing can be given the precision. MP2070, MP2071: the operators cannot be raised to the version that the precision needs. MP2107: a node to keep is
    /// not there.
    /// </exception>
    public static OnnxTransformPlan Plan(OnnxModel source, OnnxTransformRequest request)
    {
        CheckOptions(source, request);
        var (model, raise, notes) = Preparation.Prepare(source, request);
        if (request.Precision == OnnxPrecision.FP32)
        {
            return new OnnxTransformPlan(request, source, model, raise, [], [], notes);
        }

        var transform = Transform(new GraphContext(model, request), null);
        transform.Decide();
        CheckKept(model, request);
        CheckAnyConverted(source, request, transform);
        return new OnnxTransformPlan(
            request, source, model, raise, [.. transform.Decisions.Select(decision => decision.Plan())], [.. transform.Wanted.Distinct(StringComparer.Ordinal)], [.. notes, .. transform.Notes]);
    }

    /// <summary>Carries a plan out.</summary>
    /// <param name="plan">The plan; its source must still be open.</param>
    /// <param name="ranges">The ranges of the values that the plan names; more are ignored.</param>
    /// <exception cref="ModelPortException">
    /// MP2100: with these ranges nothing is left to convert. MP2102: a range is missing. MP2103: a range is not a pair of finite numbers in order.
    /// MP2108: a weight holds NaN or infinity.
    /// </exception>
    public static OnnxTransformResult Apply(OnnxTransformPlan plan, IReadOnlyDictionary<string, ValueRange>? ranges = null)
    {
        var model = plan.Model.Copy();
        var before = WeightBytes(plan.Source);
        if (plan.Request.Precision == OnnxPrecision.FP32)
        {
            return new OnnxTransformResult(model, Record(plan, model, before, null, null), []);
        }

        var graph = new GraphContext(model, plan.Request);
        var transform = Transform(graph, CheckRanges(plan, graph, ranges));
        transform.Decide();
        CheckAnyConverted(plan.Source, plan.Request, transform);
        transform.Rewrite();
        if (transform.ChangedWeights == 0)
        {
            throw new ModelPortException(Diagnose.NothingToConvert(plan.Source.Path, plan.Request.Precision.Name, "no weight of it would change"));
        }

        if (graph.Finish() is { Count: > 0 } besides)
        {
            transform.Notes.Add($"These weights are there as they were too, for nodes that stay in float: {string.Join(", ", besides)}.");
        }

        transform.Warnings.AddRange(Kept(plan, transform));
        return new OnnxTransformResult(model, Record(plan, model, before, graph, transform), [.. transform.Warnings]);
    }

    private static PrecisionTransform Transform(GraphContext graph, IReadOnlyDictionary<string, ValueRange>? ranges) => graph.Request.Precision switch
    {
        var precision when precision == OnnxPrecision.FP16 => new HalfTransform(graph, ranges),
        var precision when precision == OnnxPrecision.INT8Dynamic => new DynamicTransform(graph),
        var precision when precision == OnnxPrecision.INT8Static || precision == OnnxPrecision.FP8 => new StaticTransform(graph, ranges),
        _ => new BlockTransform(graph),
    };

    private static OnnxTransformRecord Record(OnnxTransformPlan plan, OnnxModel model, long before, GraphContext? graph, PrecisionTransform? transform) => new(
        plan.Request.Precision.Name,
        plan.Request.Hardware.Name,
        plan.Raise,
        (transform?.Decisions ?? []).Where(decision => decision.Converted).CountBy(decision => decision.Node.OpType).ToImmutableSortedDictionary(StringComparer.Ordinal),
        [.. (transform?.Decisions ?? []).Where(decision => !decision.Converted).Select(decision => decision.Plan())],
        [.. graph?.Quantised ?? []],
        [.. transform?.Halves ?? []],
        before,
        WeightBytes(model),
        [.. plan.Notes.Union(transform?.Notes ?? [])]);

    private static long WeightBytes(OnnxModel model) => model.Weights().Sum(weight => weight.ByteLength);

    private static void CheckOptions(OnnxModel source, OnnxTransformRequest request)
    {
        var number = System.Globalization.CultureInfo.InvariantCulture;
        if (request.BlockSize is not (16 or 32 or 64 or 128 or 256))
        {
            throw new ModelPortException(Diagnose.InvalidOption(source.Path, "BlockSize", request.BlockSize.ToString(number), "16, 32, 64, 128 or 256"));
        }

        if (request.AccuracyLevel is < 0 or > 4)
        {
            throw new ModelPortException(Diagnose.InvalidOption(source.Path, "AccuracyLevel", request.AccuracyLevel.Value.ToString(number), "0 to 4"));
        }
    }

    private static void CheckKept(OnnxModel model, OnnxTransformRequest request)
    {
        if (request.KeepInFloat.IsEmpty)
        {
            return;
        }

        var labels = model.Bodies().SelectMany(body => body.Nodes).Select(NodeOrder.Label).ToHashSet(StringComparer.Ordinal);
        if (request.KeepInFloat.FirstOrDefault(label => !labels.Contains(label)) is { } unknown)
        {
            throw new ModelPortException(Diagnose.KeptNodeUnknown(model.Path, unknown, Nearest.To(unknown, labels)));
        }
    }

    private static void CheckAnyConverted(OnnxModel source, OnnxTransformRequest request, PrecisionTransform transform)
    {
        if (transform.Decisions.Any(decision => decision.Converted))
        {
            return;
        }

        var found = transform.Decisions.Count == 0
            ? "it has no node that the precision is about"
            : string.Join("; ", transform.Decisions.GroupBy(decision => decision.Reason).Select(group => $"{group.Count()} nodes such as '{NodeOrder.Label(group.First().Node)}' stay in float because {group.Key}"));
        throw new ModelPortException(Diagnose.NothingToConvert(source.Path, request.Precision.Name, found));
    }

    private static IReadOnlyDictionary<string, ValueRange> CheckRanges(OnnxTransformPlan plan, GraphContext graph, IReadOnlyDictionary<string, ValueRange>? ranges)
    {
        var known = ranges ?? ImmutableDictionary<string, ValueRange>.Empty;
        foreach (var name in plan.Ranges)
        {
            // A body that calibration never reached is no error: its nodes stay in float.
            if (known.TryGetValue(name, out var range) ? !range.IsValid : plan.Request.Precision.Ranges == RangeUse.Required && graph.Index.TryResolve(graph.Main, name, out _))
            {
                throw new ModelPortException(known.ContainsKey(name)
                    ? Diagnose.RangeInvalid(plan.Source.Path, name, FormattableString.Invariant($"{range.Min} to {range.Max}"))
                    : Diagnose.RangeMissing(plan.Source.Path, name, plan.Request.Precision.Name));
            }
        }

        return known;
    }

    private static IEnumerable<Diagnostic> Kept(OnnxTransformPlan plan, PrecisionTransform transform) => transform.Decisions
        .Where(decision => !decision.Converted && decision.Reason != PrecisionTransform.Asked)
        .GroupBy(decision => Names.Replace(decision.Reason, ""))
        .Select(group => Diagnose.NodesKept(plan.Source.Path, plan.Request.Precision.Name, group.Select(decision => NodeOrder.Label(decision.Node)), group.Select(decision => decision.Reason).Distinct()));

    // Nodes that stay for the same reason, each for a value of its own, are one finding.
    [GeneratedRegex(@"'[^']*'|\d+ values?")]
    private static partial Regex Names { get; }
}
