using System.Globalization;
using ModelPort.Checkpoints;
using ModelPort.Manifests;
using ModelPort.Parity;
using ModelPort.Planning;

namespace ModelPort.Caching;

/// <summary>What the result of each stage depends on. docs/incremental.md lists it for people.</summary>
internal static class StageKeys
{
    /// <summary>The version of ModelPort, part of every key.</summary>
    public static string ToolVersion { get; } = typeof(StageKeys).Assembly.GetName().Version!.ToString(3);

    private static KeyPart Tool => new("ModelPort", ToolVersion);

    /// <summary>A source, by samples of its weights: the record by which a build knows that it is worth reading the whole of it before it is ported. It proves nothing more.</summary>
    public static StageKey OfSource(Checkpoint checkpoint) => new("source", [Tool, new("Samples", PlanDigest.OfSamples(checkpoint))]);

    /// <summary>
    /// Everything that is known of a run before the weights are read. It is no proof that they are the same: it names the lock that builds of the same port
    /// wait at.
    /// </summary>
    public static StageKey OfPlan(PortPlan plan, PortRequest request, IEnumerable<KeyPart> calibration, IEnumerable<KeyPart> choice, EngineRecord engine) => new(
        "plan",
        [
            Tool, Engine(engine),
            .. plan.Outputs.Select(o => new KeyPart("Header " + o.FileName, PlanDigest.OfHeader(o))),
            new("Tensors", PlanDigest.OfTensors(plan)),
            new("Samples", PlanDigest.OfSamples(plan.Checkpoint)),
            .. calibration, .. choice, .. Choices(request),
        ]);

    /// <summary>What llama.cpp computes with when it runs the source: weights, hyperparameters and tokenizer. Another template, licence or name changes nothing of it.</summary>
    public static IReadOnlyList<KeyPart> OfModel(PortPlan plan, SourceHash source) =>
        [.. Weights(plan, source), new("Tensors", PlanDigest.OfTensors(plan)), new("Model", PlanDigest.OfModel(plan))];

    /// <summary>The key of an importance matrix.</summary>
    public static StageKey OfCalibration(IEnumerable<KeyPart> model, IEnumerable<KeyPart> calibration) => new("importance matrix", [Tool, .. model, .. calibration]);

    /// <summary>The key of a table of errors.</summary>
    public static StageKey OfErrors(IEnumerable<KeyPart> model, IEnumerable<KeyPart> calibration, IEnumerable<KeyPart> choice) => new("errors table", [Tool, .. model, .. calibration, .. choice]);

    /// <summary>The key of the values of an output's tensors, which do not depend on the rest of its header.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="output">The output, whose types are chosen.</param>
    /// <param name="source">The source.</param>
    /// <param name="importance">What weighs columns; nothing where the types do not weigh them.</param>
    /// <param name="engine">The engine, which quantises some types itself.</param>
    public static StageKey OfData(PortPlan plan, OutputPlan output, SourceHash source, IEnumerable<KeyPart> importance, EngineRecord engine) => new(
        "tensor data",
        [Tool, Engine(engine), .. Weights(plan, source), new("Tensors", PlanDigest.OfTensors(plan)), new("Types", PlanDigest.OfTypes(output)), .. importance]);

    /// <summary>The key of an output: its whole header, and the values of its tensors.</summary>
    public static StageKey OfOutput(OutputPlan output, StageKey data) => new("port", [new("Header", PlanDigest.OfHeader(output)), new("Tensor data", data.Value)]);

    /// <summary>The key of all ported files of a run, of everything that the user sees of it.</summary>
    public static StageKey OfPort(PortPlan plan, SourceHash source, PortRequest request, IEnumerable<KeyPart> calibration, IEnumerable<KeyPart> choice, EngineRecord engine) => new(
        "port",
        [
            Tool, Engine(engine),
            .. plan.Checkpoint.Files.Select(f => new KeyPart("Source file " + f.Name, source.Files[f.Name])),
            new("Source folder", Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(request.Source)))),
            new("Precision", string.Join(';', plan.Outputs.Select(o => o.Precision))),
            new("Shards", PlanDigest.OfShards(plan, request)),
            .. calibration, .. choice, .. Choices(request),
        ]);

    /// <summary>The key of all measurements of a run.</summary>
    public static StageKey OfParity(StageKey port, EvaluationData data, string? referenceSha256, PortRequest request, EngineRecord engine, string cpuBackend) =>
        new("parity", [new("Port", port.Value), .. Evaluation(data, referenceSha256, request, engine, cpuBackend)]);

    /// <summary>The key of the measurement of one output.</summary>
    /// <param name="source">The source, whose files say how the port shall behave.</param>
    /// <param name="outputSha256">The port.</param>
    /// <param name="data">What is measured on.</param>
    /// <param name="referenceSha256">SHA-256 of the reference outputs; null for none.</param>
    /// <param name="request">How much is measured.</param>
    /// <param name="engine">The engine.</param>
    /// <param name="cpuBackend">The variant of its CPU back-end.</param>
    /// <param name="hardware">What times are taken on; null when none are.</param>
    public static StageKey OfMeasurement(SourceHash source, string outputSha256, EvaluationData data, string? referenceSha256, PortRequest request, EngineRecord engine, string cpuBackend, string? hardware) => new(
        "parity",
        [Tool, new("Source", source.Value), new("Output", outputSha256), .. Evaluation(data, referenceSha256, request, engine, cpuBackend), new("Attribute", request.Attribute ? "true" : ""), new("Hardware", hardware ?? "")]);

    /// <summary>The key of the logits of a source.</summary>
    public static StageKey OfLogits(IEnumerable<KeyPart> model, string windows, EngineRecord engine, string cpuBackend) =>
        new("source logits", [Tool, .. model, new("Windows", windows), Engine(engine), new("CPU back-end", cpuBackend)]);

    /// <summary>The part of an engine.</summary>
    public static KeyPart Engine(EngineRecord engine) => new(engine.Name, $"{engine.Version} {engine.Commit}");

    /// <summary>A number as text.</summary>
    public static string Text(int? number) => number?.ToString(CultureInfo.InvariantCulture) ?? "";

    private static IEnumerable<KeyPart> Choices(PortRequest request) =>
        [new("Name", request.Name), new("PreTokenizer", request.Checkpoint.PreTokenizer ?? ""), new("Types by hand", request.Checkpoint.Choice.Key)];

    private static IEnumerable<KeyPart> Weights(PortPlan plan, SourceHash source) =>
        plan.Checkpoint.Files.Where(f => plan.Checkpoint.Tensors.Files.Any(t => t.Path == f.Path)).Select(f => new KeyPart("Weights " + f.Name, source.Files[f.Name]));

    private static IEnumerable<KeyPart> Evaluation(EvaluationData data, string? referenceSha256, PortRequest request, EngineRecord engine, string cpuBackend) =>
    [
        new("Evaluation", data.Text.Sha256),
        .. data.Tasks.Select(t => new KeyPart("Task " + t.Name, t.Sha256)),
        new("EvaluationTokens", Text(data.Tokens)),
        new("EvaluationWindow", Text(request.Checkpoint.EvaluationWindow)),
        new("EvaluationQuestions", Text(request.Checkpoint.EvaluationQuestions)),
        new("Continuations", Text(request.Checkpoint.Continuations)),
        new("ContinuationTokens", Text(request.Checkpoint.ContinuationTokens)),
        new("ReferenceOutputs", referenceSha256 ?? ""),
        Engine(engine),
        new("CPU back-end", cpuBackend),
    ];
}
