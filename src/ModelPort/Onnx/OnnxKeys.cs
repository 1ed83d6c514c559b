using System.Globalization;
using ModelPort.Caching;
using ModelPort.Checkpoints;
using ModelPort.Engines.OnnxRuntime;
using ModelPort.Manifests;
using ModelPort.Onnx.Calibration;
using ModelPort.Onnx.Parity;
using ModelPort.Onnx.Transforms;

namespace ModelPort.Onnx;

/// <summary>What the result of each stage of a port of an ONNX model depends on. docs/incremental.md lists it for people.</summary>
/// <param name="input">The model and what is asked of it.</param>
/// <param name="source">The source.</param>
/// <param name="calibrationSha256">SHA-256 of the data that ranges are measured on; null for none.</param>
/// <param name="evaluationSha256">SHA-256 of the data that ports are measured on; null for none.</param>
/// <param name="engine">The engine.</param>
/// <param name="cpuBackend">What it computes with.</param>
internal sealed class OnnxKeys(OnnxInput input, SourceHash source, string? calibrationSha256, string? evaluationSha256, EngineRecord engine, string cpuBackend)
{
    private static KeyPart Tool => new("ModelPort", StageKeys.ToolVersion);

    private KeyPart[] State => [new("StatePairs", string.Join(';', input.Options.State.Select(p => $"{p.Output}={p.Input}")))];

    private KeyPart[] Engine => [StageKeys.Engine(engine), new("CPU back-end", cpuBackend)];

    /// <summary>The key of all ported files of a run, of everything that the user sees of it.</summary>
    public StageKey Port => new(
        "port",
        [
            Tool,
            .. source.Files.OrderBy(f => f.Key, StringComparer.Ordinal).Select(f => new KeyPart("Source file " + f.Key, f.Value)),
            new("Name", input.Request.Name),
            .. Split,
            new("Precision", string.Join(';', input.Options.Precisions)),
            .. Choices,
            .. Half(input.Options.HalfInputsAndOutputs),
            .. Made(input.Outputs.Any(IsRanged)),
            .. Search,
        ]);

    /// <summary>The key of all measurements of a run.</summary>
    public StageKey Parity => new("parity", [new("Port", Port.Value), .. Evaluation]);

    /// <summary>The key of the ranges that the values of a prepared model take.</summary>
    /// <param name="plan">The plan, which says which values.</param>
    public StageKey OfRanges(OnnxTransformPlan plan) => new(
        "activation ranges",
        [Tool, new("Source", source.Value), new("Precision", plan.Request.Precision.Name), .. Choices, new("Values", PlanDigest.Hash(string.Join('\0', plan.Ranges))), .. Ranges]);

    /// <summary>The key of one port.</summary>
    public StageKey OfOutput(OnnxOutput output) => new(
        "onnx port",
        [
            Tool,
            new("Source", source.Value),
            new("Precision", output.Precision.Name),
            // The name of the file with the weights stands in that of the model.
            new("File", output.FileName),
            new("HardwareTarget", input.Options.Hardware.Name),
            new("KeepInFloat", Text(output.Plan?.Request.KeepInFloat ?? [])),
            .. Half(output.Plan is { Request.KeepInputsAndOutputs: false } && output.Precision == OnnxPrecision.FP16),
            .. Split,
            .. Made(IsRanged(output)),
        ]);

    /// <summary>The key of the measurement of one port.</summary>
    /// <param name="port">The port.</param>
    public StageKey OfMeasurement(OnnxPortFile port) => new(
        "onnx parity", [Tool, new("Source", source.Value), new("Output", port.Sha256), new("Optimization", port.Optimization.ToString()), .. Evaluation]);

    /// <summary>The key of times and memory of a port.</summary>
    /// <param name="port">The port.</param>
    /// <param name="hardware">What they are taken on, and at which batch sizes.</param>
    public StageKey OfServing(OnnxPortFile port, string hardware) => new("onnx serving", [new("Measurement", OfMeasurement(port).Value), new("Hardware", hardware)]);

    /// <summary>The key of what each layer of a port costs.</summary>
    /// <param name="port">The port.</param>
    public StageKey OfAttribution(OnnxPortFile port) => new("onnx attribution", [new("Measurement", OfMeasurement(port).Value), new("Plan", port.Plan is null ? "" : port.Plan.Request.Precision.Name)]);

    /// <summary>The key of the nodes of a port that a measurement leaves in float.</summary>
    public StageKey OfSearch(OnnxOutput output) => new("kept nodes", [new("Output", OfOutput(output).Value), .. Search, .. State, .. Engine]);

    // Which nodes stay in float depends on what is measured, where a limit on that is set.
    private KeyPart[] Search => input.SearchLimits is { Count: > 0 } limits
        ? [.. limits.Select(l => new KeyPart(l.Kind.Name, l.Limit.ToString(CultureInfo.InvariantCulture))), new("StrictParity", input.Request.StrictParity ? "true" : ""), new("Evaluation", evaluationSha256 ?? "")]
        : [];

    private KeyPart[] Split => input.Request.SplitMaxSize is { } largest ? [new("SplitMaxSize", largest.ToString(CultureInfo.InvariantCulture))] : [];

    // What the runtime computes while it rewrites a graph depends, in the last digits, on the processor.
    private IEnumerable<KeyPart> Made(bool isRanged) => input.Options.Optimize == GraphOptimization.None
        ? isRanged ? Ranges : []
        : [new("Optimize", OnnxOptions.NameOf(input.Options.Optimize)), .. isRanged ? Ranges : Engine];

    private static KeyPart[] Half(bool isAsked) => isAsked ? [new("HalfInputsAndOutputs", "true")] : [];

    private KeyPart[] Choices => [new("HardwareTarget", input.Options.Hardware.Name), new("KeepInFloat", Text(input.Options.KeepInFloat))];

    private IEnumerable<KeyPart> Ranges =>
    [
        new("Calibration", calibrationSha256 ?? ""),
        new("CalibrationMethod", input.Options.Method.ToString()),
        new("CalibrationVersion", ValueHistogram.Version.ToString(CultureInfo.InvariantCulture)),
        new("CalibrationPercentile", input.Options.Method == RangeMethod.Percentile ? input.Options.Percentile.ToString(CultureInfo.InvariantCulture) : ""),
        .. State,
        .. Engine,
    ];

    private IEnumerable<KeyPart> Evaluation => [new("Evaluation", evaluationSha256 ?? ""), .. State, .. Engine];

    private static string Text(IEnumerable<string> labels) => string.Join(';', labels.Order(StringComparer.Ordinal));

    private static bool IsRanged(OnnxOutput output) => output.Plan is { Ranges.IsEmpty: false };
}
