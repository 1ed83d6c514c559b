using System.Globalization;
using System.Text.Json;
using ModelPort.Caching;
using ModelPort.Diagnostics;
using ModelPort.Engines;
using ModelPort.Engines.OnnxRuntime;
using ModelPort.Formats.Onnx;
using ModelPort.Manifests;
using ModelPort.Onnx.Transforms;
using ModelPort.Parity;
using ModelPort.Parity.Attribution;
using ModelPort.Parity.Serving;
using ModelPort.Parity.Tasks;

namespace ModelPort.Onnx.Parity;

/// <summary>A port as it is measured, whoever made it.</summary>
/// <param name="Path">The file that engines are given.</param>
/// <param name="Sha256">The identity of all its files.</param>
/// <param name="Name">What listings call it.</param>
/// <param name="Optimization">How far the runtime may rewrite it.</param>
/// <param name="Plan">What was done to it; null for a copy of the source, and for one that somebody else made.</param>
/// <param name="Graph">The same as the manifest has it.</param>
internal sealed record OnnxPortFile(string Path, string Sha256, string Name, GraphOptimization Optimization, OnnxTransformPlan? Plan = null, GraphRecord? Graph = null)
{
    /// <summary>The ranges that it was made with; null where there were none.</summary>
    public IReadOnlyDictionary<string, ValueRange>? Ranges => Graph?.Ranges.ToDictionary(r => r.Name, r => r.ToRange(), StringComparer.Ordinal);

    /// <summary>The port as its plan makes it, with the names of the source's nodes and values: its file may have been rewritten by ONNX Runtime since.</summary>
    public OnnxModel Unrewritten() => OnnxTransform.Apply(Plan ?? throw new InvalidOperationException("A port without a plan is made by nobody here."), Ranges).Model;
}

/// <summary>What was measured of a port of an ONNX model, and on what.</summary>
/// <param name="Basis">What it was measured on.</param>
/// <param name="Figures">Every number.</param>
/// <param name="Tasks">How its answers differ from its source's; empty without labels of classes.</param>
/// <param name="Serving">How times were taken; null when nobody asked for them.</param>
internal sealed record MeasuredModel(EvaluationRecord Basis, IReadOnlyList<Figure> Figures, IReadOnlyList<TaskParity> Tasks, ServingRecord? Serving)
{
    /// <summary>The same with times and memory.</summary>
    public MeasuredModel With(ServedPort served) => this with { Figures = [.. Figures, .. served.Figures], Serving = served.Record };

    // By more than the turns differ, at any batch size.
    private IEnumerable<string> Slower =>
        from batch in Serving?.Batches ?? []
        from ratio in Serving!.Ratios
        where ratio.Metric == Metric.RunLatencyP50.Name && ratio.Low > 1 && (ratio.On is null || ratio.On == ServedBatch.Name(batch.Size))
        select string.Create(CultureInfo.InvariantCulture, $"a run of {batch.Size} {(batch.Size == 1 ? "sample" : "samples")} takes {ratio.Median:0.00} times as long");

    /// <summary>A warning about a port that is slower than its source.</summary>
    /// <param name="path">The source.</param>
    /// <param name="port">What the port is called.</param>
    /// <param name="kernels">Which operators run.</param>
    public IEnumerable<Diagnostic> Warnings(string path, string port, KernelRecord kernels) =>
        Slower.ToArray() is { Length: > 0 } runs ? [Diagnose.PortSlower(path, port, runs, kernels.Unfused.Select(u => u.ToString()))] : [];
}

/// <summary>The stage that measures ports of an ONNX model against it, or finds that the same bytes were measured before.</summary>
/// <param name="context">What stages share.</param>
/// <param name="input">The model and the data.</param>
/// <param name="keys">What results depend on.</param>
/// <param name="dataHash">SHA-256 of the data.</param>
internal sealed class OnnxMeasurementStage(RunContext context, OnnxInput input, Lazy<OnnxKeys> keys, Lazy<string?> dataHash)
{
    private const string MeasuredName = "measurement";
    private const string ServingName = "serving";
    private const string AttributionName = "attribution";

    /// <summary>The stage for files that were made already, which nothing is calibrated for.</summary>
    /// <param name="context">What stages share.</param>
    /// <param name="input">The model and the data.</param>
    public static OnnxMeasurementStage OfFiles(RunContext context, OnnxInput input)
    {
        var data = new Lazy<string?>(() => OnnxContext.HashOf(context, input.Evaluation!));
        return new OnnxMeasurementStage(context, input, new(() => new OnnxKeys(input, context.Source.Require(), null, data.Value, context.Engine, context.CpuBackend)), data);
    }

    /// <summary>Whether times that an earlier run took, if they are asked for, were taken on this machine.</summary>
    public bool IsServedHere(Manifest earlier) => !context.Request.MeasuresServing
        || input.Outputs.Where(o => o.Optimization == GraphOptimization.All).All(o => earlier.Outputs.FirstOrDefault(e => e.Precision == o.Precision.Name)?.Serving is { } serving
            && serving.Hardware == Here
            && (serving.Batches ?? []).Select(b => b.Size).SequenceEqual(input.ServedSizes)
            && serving.Ratios.Any(r => r.On is not null) == input.Options.BatchSizes.Count > 0);

    /// <summary>Whether times and memory of a port are measured: where they are asked for, and not of one for other hardware, of which they say nothing.</summary>
    /// <param name="port">The port.</param>
    public bool IsServed(OnnxPortFile port) => context.Request.MeasuresServing && port.Optimization == GraphOptimization.All;

    /// <summary>Times and memory of a port from the store, taken on this machine; null when they are not there.</summary>
    /// <param name="port">The port.</param>
    public ServedPort? StoredServing(OnnxPortFile port) => context.Store.IsOn && Read<ServedPort>(ServingKey(port), ServingName) is { Record: not null, Figures: not null } found ? found : null;

    /// <summary>Takes times and memory of a port, and keeps them.</summary>
    /// <param name="port">The port.</param>
    /// <exception cref="ModelPortException">MP3002: a process does not start, or ends; MP3042: the model does not run at a batch size; or ONNX Runtime failed.</exception>
    public ServedPort Serve(OnnxPortFile port)
    {
        var served = new OnnxServing(input, context.Observer, context.Cancellation).Measure(port.Path, Here);
        return context.Store.IsOn ? Put(ServingKey(port), port, ServingName, served) : served;
    }

    /// <summary>Whether an earlier run measured what each layer costs, if that is asked for.</summary>
    public bool IsAttributed(Manifest earlier) => !context.Request.Attribute || earlier.Outputs.All(o => o.Attribution?.Graph is not null);

    /// <summary>What each layer of a port costs, from the store; null when it is not there.</summary>
    /// <param name="port">The port.</param>
    public AttributionRecord? StoredAttribution(OnnxPortFile port) =>
        context.Store.IsOn && Read<AttributionRecord>(keys.Value.OfAttribution(port), AttributionName) is { Graph.Steps: not null } found ? found : null;

    /// <summary>Measures what each layer of a port costs, and keeps what was found.</summary>
    /// <param name="port">The port.</param>
    /// <exception cref="ModelPortException">A model on the way cannot be made or written.</exception>
    public AttributionRecord Attribute(OnnxPortFile port)
    {
        var found = new GraphAttribution(context, input).Of(port);
        return context.Store.IsOn ? Put(keys.Value.OfAttribution(port), port, AttributionName, found) : found;
    }

    /// <summary>The measurement of a port from the store; null when it is not there.</summary>
    /// <param name="port">The port.</param>
    public MeasuredModel? Stored(OnnxPortFile port) =>
        context.Store.IsOn
            && Read<MeasuredModel>(keys.Value.OfMeasurement(port), MeasuredName) is { Basis: not null, Figures: not null, Tasks: not null } measured
            // The same data may have another name by now, under which its figures are told.
            && measured.Basis.Name == input.Evaluation!.Name
            ? measured
            : null;

    /// <summary>Measures a port, and keeps what was found.</summary>
    /// <exception cref="ModelPortException">It cannot be measured.</exception>
    public MeasuredModel Measure(OnnxPortFile port)
    {
        try
        {
            var data = input.Evaluation!;
            var (figures, tasks) = new OnnxMeasurement(input, dataHash.Value!, context.Observer, context.Cancellation).Measure(port.Path, port.Optimization);
            var reference = data.References.Count > 0 ? dataHash.Value : null;
            var basis = new EvaluationRecord(data.Name, dataHash.Value!, null, null, null, (int)data.Count, context.CpuBackend, reference);
            var measured = new MeasuredModel(basis, figures, tasks, null);
            return context.Store.IsOn ? Put(keys.Value.OfMeasurement(port), port, MeasuredName, measured) : measured;
        }
        catch (EngineException e)
        {
            throw new ModelPortException(Diagnose.From(e, context.SourcePath), e);
        }
    }

    private Hardware Here => Hardware.Here(context.Request.Threads, context.CpuBackend);

    private StageKey ServingKey(OnnxPortFile port) => keys.Value.OfServing(port, $"{Here}, {string.Join(';', input.Options.BatchSizes)}");

    private T? Read<T>(StageKey key, string name)
        where T : class
    {
        try
        {
            return context.Store.TryGetRecord(key) is { } record ? JsonSerializer.Deserialize<T>(record.Values.GetValueOrDefault(name, ""), Manifest.Format) : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private T Put<T>(StageKey key, OnnxPortFile port, string name, T value)
    {
        context.Store.PutRecord(StoreRecord.Of(key, port.Name, new Dictionary<string, StoredObject>(), new Dictionary<string, string> { [name] = JsonSerializer.Serialize(value, Manifest.Format) }));
        return value;
    }
}
