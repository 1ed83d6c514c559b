using ModelPort.Caching;
using ModelPort.Checkpoints;
using ModelPort.Choosing;
using ModelPort.Formats.Cards;
using ModelPort.Formats.Gguf;
using ModelPort.Parity;
using ModelPort.Planning;
using ModelPort.Porting;

namespace ModelPort.Manifests;

/// <summary>Writes down what a run made, measured and depended on.</summary>
/// <param name="context">What stages share.</param>
/// <param name="plan">The plan, with all types chosen.</param>
internal sealed class ManifestWriter(PortContext context, PortPlan plan)
{
    /// <summary>The record of an output, not judged yet.</summary>
    /// <param name="port">The output.</param>
    /// <param name="measured">What was measured of it; null when nothing was.</param>
    public OutputRecord Output(ReadyPort port, PortMeasurement? measured) => new()
    {
        Files = port.Records,
        Precision = port.Plan.Precision.Name,
        Bytes = port.Plan.FileLength,
        TensorTypes = port.Plan.TypeCounts.ToDictionary(t => GgmlTypes.Name(t.Key), t => t.Value),
        Fallbacks = [.. port.Plan.Fallbacks.Select(f => new FallbackRecord(f.Tensor, GgmlTypes.Name(f.Wanted), GgmlTypes.Name(f.Used)))],
        Mix = port.Plan.Mix is { } mix ? Chosen(mix, port.Plan.Yardstick) : null,
        Metrics = measured is null ? [] : [.. measured.Figures, Size(Subject.Source, context.Checkpoint.WeightBytes), Size(Subject.Port, port.Plan.FileLength)],
        Tasks = measured?.Tasks ?? [],
        Tokenizer = measured?.Tokenizer,
        Behaviour = measured?.Behaviour,
        Attribution = measured?.Attribution,
        Serving = measured?.Serving,
        Budgets = [],
        Verdict = Verdict.NotMeasured,
    };

    /// <summary>The manifest.</summary>
    /// <param name="source">The source.</param>
    /// <param name="outputs">The outputs, judged.</param>
    /// <param name="warnings">What was lost on the way.</param>
    /// <param name="calibration">What weighed columns; null for nothing.</param>
    /// <param name="evaluation">What was measured on; null when nothing was measured.</param>
    /// <param name="port">The key of the ported files.</param>
    /// <param name="parity">The key of the measurement; null when nothing was measured.</param>
    public Manifest Write(
        SourceHash source, IReadOnlyList<OutputRecord> outputs, IEnumerable<Diagnostics.Diagnostic> warnings, CalibrationRecord? calibration, EvaluationRecord? evaluation, StageKey port, StageKey? parity)
    {
        var checkpoint = context.Checkpoint;
        var own = Planner.OwnPrecision(checkpoint);
        return new Manifest
        {
            SchemaVersion = Manifest.CurrentSchema,
            Name = context.Request.Name,
            ToolVersion = StageKeys.ToolVersion,
            Engine = context.Engine,
            Source = new SourceRecord(
                source.Value,
                checkpoint.ArchitectureName,
                plan.ParameterCount,
                own.Name,
                checkpoint.WeightBytes,
                LicenseOf(checkpoint.Card),
                [.. checkpoint.Files.Select(f => new FileRecord(f.Name, f.Length, source.Files[f.Name]))])
            {
                Revision = context.Revision,
            },
            Lineage = checkpoint.Card is { BaseModels: { IsDefaultOrEmpty: false } bases } card ? new LineageRecord(bases, card.TryGetText(out var relation, "base_model_relation") ? relation : null) : null,
            Model = ModelRecord.Of(plan.Outputs[0].Layout.Metadata),
            Layers = plan.Outputs.Any(o => o.Precision != own) ? ["runtime", "precision"] : ["runtime"],
            Calibration = calibration,
            Evaluation = evaluation,
            Outputs = outputs,
            Warnings = [.. plan.Warnings.Concat(warnings).Select(w => new WarningRecord(w.Code, w.Message))],
            Keys = new KeyRecord(port.Value, parity?.Value ?? "") { PortParts = port.Parts, ParityParts = parity?.Parts ?? [] },
        };
    }

    // A card says 'other' where the licence has a name of its own.
    private static string? LicenseOf(ModelCard? card) => card is not { Licenses.IsDefaultOrEmpty: false } ? null
        : card.Licenses is ["other"] && card.LicenseName is { Length: > 0 } name ? name
        : string.Join(", ", card.Licenses);

    private static MixRecord Chosen(Mix mix, Precision yardstick)
    {
        var tensors = mix.Table.Tensors.ToDictionary(t => t.Name, StringComparer.Ordinal);
        return new MixRecord(
            mix.LimitBytes, mix.Divergence, mix.LeastDivergence, yardstick.Name, mix.Table.Text,
            [.. mix.Tensors.Select(t => new MixTensorRecord(t.Tensor, GgmlTypes.Name(t.Type), t.Error, t.Sensitivity, tensors[t.Tensor].Rows, tensors[t.Tensor].MeasuredRows))]);
    }

    private static Figure Size(Subject of, long bytes) => Figure.For(Metric.FileSize, of, null, bytes / 1e6);
}
