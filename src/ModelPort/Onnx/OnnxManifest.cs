using ModelPort.Caching;
using ModelPort.Diagnostics;
using ModelPort.Engines.OnnxRuntime;
using ModelPort.Manifests;
using ModelPort.Onnx.Calibration;
using ModelPort.Onnx.Parity;
using ModelPort.Parity;

namespace ModelPort.Onnx;

/// <summary>Writes down what a run over an ONNX model made, measured and depended on.</summary>
internal static class OnnxManifest
{
    private const string Architecture = "onnx";

    /// <summary>The record of a port, not judged yet.</summary>
    /// <param name="input">The model and the plan.</param>
    /// <param name="port">The port.</param>
    /// <param name="measured">What was measured of it; null when nothing was.</param>
    public static OutputRecord Output(OnnxInput input, ReadyModel port, MeasuredModel? measured)
    {
        var bytes = port.Records.Sum(r => r.Bytes);
        return new OutputRecord
        {
            Files = port.Records,
            Precision = port.Output.Precision.Name,
            Bytes = bytes,
            TensorTypes = port.Types,
            Fallbacks = [],
            Graph = port.Graph,
            Kernels = port.Kernels,
            Metrics = measured is null ? [] : [.. measured.Figures, Figure.For(Metric.FileSize, Subject.Source, null, input.Source.Bytes / 1e6), Figure.For(Metric.FileSize, Subject.Port, null, bytes / 1e6)],
            Tasks = measured?.Tasks ?? [],
            Serving = measured?.Serving,
            Budgets = [],
            Verdict = Verdict.NotMeasured,
        };
    }

    /// <summary>The manifest.</summary>
    /// <param name="context">What stages share.</param>
    /// <param name="input">The model and the plan.</param>
    /// <param name="outputs">The ports, judged.</param>
    /// <param name="warnings">What the user was warned of.</param>
    /// <param name="evaluation">What was measured on; null when nothing was.</param>
    /// <param name="calibrationSha256">SHA-256 of what ranges were measured on; null for none.</param>
    /// <param name="keys">What results depend on.</param>
    public static Manifest Write(
        RunContext context, OnnxInput input, IReadOnlyList<OutputRecord> outputs, IEnumerable<Diagnostic> warnings, EvaluationRecord? evaluation, string? calibrationSha256, OnnxKeys keys)
    {
        var source = context.Source.Require();
        var options = input.Options;
        return new Manifest
        {
            SchemaVersion = Manifest.CurrentSchema,
            Name = input.Request.Name,
            ToolVersion = StageKeys.ToolVersion,
            Engine = context.Engine,
            Source = new SourceRecord(
                source.Value,
                Architecture,
                input.Source.Census.Parameters,
                input.Source.Precision,
                input.Source.Bytes,
                input.Source.License,
                [.. input.Source.Files.Select(f => new FileRecord(f.Name, f.Length, source.Files[f.Name]))])
            {
                Revision = context.Revision,
            },
            Model = new ModelRecord(Architecture, null, null, null)
            {
                Inputs = [.. input.Source.Signature.Inputs.Select(p => p.ToRecord())],
                Outputs = [.. input.Source.Signature.Outputs.Select(p => p.ToRecord())],
            },
            Layers = [.. options.Optimize == GraphOptimization.None ? [] : new[] { "kernels" }, .. outputs.Any(o => o.Graph is not null) ? ["precision"] : Array.Empty<string>()],
            Ranges = input.Calibration is { } data && outputs.Any(o => o.Graph?.Ranges.Count > 0)
                ? new RangeCalibrationRecord(data.Name, calibrationSha256!, options.Method, options.Method == RangeMethod.Percentile ? options.Percentile : null, data.Count)
                : null,
            Evaluation = evaluation,
            Outputs = outputs,
            Warnings = [.. warnings.Select(w => new WarningRecord(w.Code, w.Message))],
            Keys = evaluation is null
                ? new KeyRecord(keys.Port.Value, "") { PortParts = keys.Port.Parts }
                : new KeyRecord(keys.Port.Value, keys.Parity.Value) { PortParts = keys.Port.Parts, ParityParts = keys.Parity.Parts },
        };
    }
}
