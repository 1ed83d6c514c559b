using System.Globalization;
using ModelPort.Manifests;
using ModelPort.Onnx;
using ModelPort.Onnx.Parity;
using ModelPort.Parity;
using ModelPort.Parity.Attribution;
using ModelPort.Parity.Serving;
using ModelPort.Parity.Tasks;

namespace ModelPort.Tool.Commands;

/// <summary>What a validation of an ONNX file found, as JSON and as text.</summary>
internal sealed record OnnxValidationView(
    string SourceSha256,
    string Evaluation,
    string EvaluationSha256,
    int Samples,
    string CpuBackend,
    KernelRecord Kernels,
    IReadOnlyList<Figure> Metrics,
    IReadOnlyList<TaskParity> Tasks,
    ServingRecord? Serving,
    AttributionRecord? Attribution,
    IReadOnlyList<LayerError> Layers,
    IReadOnlyList<BudgetResult> Budgets,
    bool Kept)
{
    /// <summary>The members of the JSON.</summary>
    public static OnnxValidationView Of(OnnxValidationOutcome o) =>
        new(o.Source.Value, o.Basis.Name, o.Basis.Sha256, o.Basis.Positions, o.Basis.CpuBackend, o.Kernels, o.Figures, o.Tasks, o.Serving, o.Attribution, o.Layers, o.Budgets, o.Kept);

    /// <summary>The lines for people.</summary>
    /// <param name="path">The file that was measured.</param>
    /// <param name="outcome">What was found.</param>
    public static string Text(string path, OnnxValidationOutcome outcome)
    {
        string[] lines =
        [
            string.Create(CultureInfo.InvariantCulture, $"{Path.GetFileName(path)} against source {outcome.Source.Prefix}, {outcome.Basis.Positions} samples of {outcome.Basis.Name}"),
            .. ValidateCommand.Lines(outcome.Figures),
            .. outcome.Tasks.Select(task => "  " + ReportText.Of(task)),
            .. outcome.Serving is { } serving ? ReportText.Of(serving).Select(line => "  " + line) : [],
            .. outcome.Attribution is { } attribution ? AttributionText.Of(attribution).Select(line => "  " + line) : [],
            .. outcome.Budgets.Select(b => "  " + Gate.Describe(b, outcome.Figures)),
            .. outcome.Layers.Count > 0 ? new[] { $"  {GraphRecord.BlameOf(outcome.Layers)}." } : [],
        ];
        return string.Join(Environment.NewLine, lines);
    }
}
