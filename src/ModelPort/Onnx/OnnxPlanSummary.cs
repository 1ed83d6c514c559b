using ModelPort.Diagnostics;
using ModelPort.Engines.OnnxRuntime;
using ModelPort.Manifests;

namespace ModelPort.Onnx;

/// <summary>A port of an ONNX model before it is made.</summary>
/// <param name="File">The name of its file.</param>
/// <param name="Precision">Its precision.</param>
/// <param name="Converted">How many nodes of each operator will compute in the precision; empty for the model as it is.</param>
/// <param name="Kept">The nodes that will stay in float, and why. What measured ranges add is not known yet.</param>
/// <param name="Ranges">How many values have their range measured.</param>
/// <param name="Optimize">The level at which ONNX Runtime will rewrite it before it is saved; null when it will not.</param>
/// <param name="Notes">What else is changed, in sentences.</param>
public sealed record OnnxPlannedPort(
    string File, string Precision, IReadOnlyDictionary<string, int> Converted, IReadOnlyList<KeptNodeRecord> Kept, int Ranges, string? Optimize, IReadOnlyList<string> Notes);

/// <summary>Everything that is decided about ports of an ONNX model before weights are read.</summary>
/// <param name="Parameters">Number of values of its weights.</param>
/// <param name="SourceBytes">Bytes of its files.</param>
/// <param name="Precision">Its own precision.</param>
/// <param name="Inputs">What goes in.</param>
/// <param name="Outputs">What comes out.</param>
/// <param name="Ports">The ports.</param>
/// <param name="Warnings">What the user should know.</param>
/// <param name="Why">What would be done again of an earlier port, and why; null when nobody asked.</param>
public sealed record OnnxPlanSummary(
    long Parameters,
    long SourceBytes,
    string Precision,
    IReadOnlyList<PinRecord> Inputs,
    IReadOnlyList<PinRecord> Outputs,
    IReadOnlyList<OnnxPlannedPort> Ports,
    IReadOnlyList<WarningRecord> Warnings,
    IReadOnlyList<string>? Why)
{
    /// <summary>Plans ports.</summary>
    /// <param name="request">What the user asks for. Data that is not given is no error here, unless <paramref name="why"/> needs it.</param>
    /// <param name="why">Whether an earlier port in the output folder is compared with what it would be today.</param>
    /// <param name="observer">Told progress.</param>
    /// <param name="cancellation">Stops the reading.</param>
    /// <exception cref="ModelPortException">Any error that is found before weights are read.</exception>
    /// <exception cref="Formats.InvalidModelFileException">A file is damaged.</exception>
    public static OnnxPlanSummary Of(PortRequest request, bool why, IPortObserver observer, CancellationToken cancellation)
    {
        using var input = OnnxInput.Open(request, isComplete: why);
        return new OnnxPlanSummary(
            input.Source.Census.Parameters,
            input.Source.Bytes,
            input.Source.Precision,
            [.. input.Source.Signature.Inputs.Select(p => p.ToRecord())],
            [.. input.Source.Signature.Outputs.Select(p => p.ToRecord())],
            [.. input.Outputs.Select(o => Port(o, input.Options))],
            [.. input.Warnings.Select(w => new WarningRecord(w.Code, w.Message))],
            why ? PortPipeline.Why(input, observer, cancellation) ?? [$"ported because {request.OutputDirectory} holds no port"] : null);
    }

    private static OnnxPlannedPort Port(OnnxOutput output, OnnxOptions options) => new(
        output.FileName,
        output.Precision.Name,
        output.Plan?.Nodes.Where(n => n.Converted).CountBy(n => n.Operator).ToDictionary() ?? [],
        [.. output.Plan?.Nodes.Where(n => !n.Converted).Select(n => new KeptNodeRecord(n.Label, n.Operator, n.Body, n.Reason)) ?? []],
        output.Plan?.Ranges.Length ?? 0,
        options.Optimize == GraphOptimization.None ? null : OnnxOptions.NameOf(options.Optimize),
        output.Plan is { } plan ? plan.Notes : []);
}
