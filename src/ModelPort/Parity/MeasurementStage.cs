using System.Text.Json;
using ModelPort.Caching;
using ModelPort.Diagnostics;
using ModelPort.Manifests;
using ModelPort.Parity.Serving;
using ModelPort.Planning;
using ModelPort.Porting;

namespace ModelPort.Parity;

/// <summary>What was measured of an output, and on what.</summary>
/// <param name="Basis">What it was measured on.</param>
/// <param name="Port">The numbers.</param>
internal sealed record MeasuredPort(EvaluationRecord Basis, PortMeasurement Port);

/// <summary>The stage that measures ports against their source, or finds that the same bytes were measured before.</summary>
/// <param name="context">What stages share.</param>
/// <param name="data">What is measured on.</param>
internal sealed class MeasurementStage(PortContext context, EvaluationData data)
{
    private const string BasisName = "basis";
    private const string PortName = "measurement";

    private readonly string? _referenceHash = context.Request.Checkpoint.ReferenceOutputs is { } path ? HashReference(path, context) : null;

    /// <summary>The key of all measurements of a run.</summary>
    /// <param name="port">The key of the ported files.</param>
    public StageKey Key(StageKey port) => StageKeys.OfParity(port, data, _referenceHash, context.Request, context.Engine, context.CpuBackend);

    /// <summary>Whether times that an earlier run took, if they are asked for, were taken on this machine.</summary>
    public bool IsServedHere(Manifest earlier) => !context.Request.MeasuresServing || earlier.Outputs.All(o => o.Serving?.Hardware == Here);

    /// <summary>Whether an earlier run measured what each layer costs, if that is asked for.</summary>
    public bool IsAttributed(Manifest earlier) => !context.Request.Attribute || earlier.Outputs.All(o => o.Attribution?.Costs is not null);

    /// <summary>The measurement of an output from the store; null when it is not there.</summary>
    public MeasuredPort? Stored(ReadyPort port) => Stored(port.Sha256);

    /// <summary>The measurement of a file from the store; null when it is not there.</summary>
    /// <param name="sha256">The file's SHA-256.</param>
    public MeasuredPort? Stored(string sha256)
    {
        if (context.Store.TryGetRecord(Key(sha256)) is not { } record)
        {
            return null;
        }

        try
        {
            var basis = JsonSerializer.Deserialize<EvaluationRecord>(record.Values.GetValueOrDefault(BasisName, ""), Manifest.Format);
            var measured = JsonSerializer.Deserialize<PortMeasurement>(record.Values.GetValueOrDefault(PortName, ""), Manifest.Format);
            // The same text may have another name by now.
            return basis is null || measured is not { Figures: not null, Positions: not null } ? null : new MeasuredPort(basis with { Name = data.Text.Name }, measured);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>Measures outputs, and keeps what was found.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="sourcePath">The source as GGUF at its own precision.</param>
    /// <param name="ports">The outputs.</param>
    /// <exception cref="ModelPortException">Parity cannot be measured.</exception>
    public IReadOnlyList<MeasuredPort> Measure(PortPlan plan, string sourcePath, IReadOnlyList<ReadyPort> ports)
    {
        try
        {
            var measurement = new ParityMeasurement(context.Request, context.Checkpoint, data, context.Observer, context.Cancellation)
            {
                Kept = new SourceLogits(context, StageKeys.OfModel(plan, context.Source.Known!)),
                PortHashes = [.. ports.Select(p => p.Sha256)],
            };
            var (basis, measured) = measurement.Measure(sourcePath, [.. ports.Select(p => p.CurrentPath)]);
            var record = new EvaluationRecord(
                basis.Text.Name, basis.Text.Sha256, basis.Windows.Length, basis.Windows.FirstScored, basis.Windows.Count, basis.Windows.Count * basis.Windows.Rows, basis.CpuBackend, _referenceHash);
            return [.. ports.Zip(measured, (port, m) => Keep(port.Sha256, port.Plan.FileName, new MeasuredPort(record, m)))];
        }
        catch (Engines.EngineException e)
        {
            throw new ModelPortException(Diagnose.From(e, context.Checkpoint.Folder), e);
        }
    }

    private Hardware Here => Hardware.Here(context.Request.Threads, context.CpuBackend);

    /// <summary>Keeps what was measured of a file.</summary>
    /// <param name="sha256">The file's SHA-256.</param>
    /// <param name="name">What listings of the store call it.</param>
    /// <param name="measured">What was measured.</param>
    public MeasuredPort Keep(string sha256, string name, MeasuredPort measured)
    {
        if (context.Store.IsOn)
        {
            context.Store.PutRecord(StoreRecord.Of(Key(sha256), name, new Dictionary<string, StoredObject>(), new Dictionary<string, string>
            {
                [BasisName] = JsonSerializer.Serialize(measured.Basis, Manifest.Format),
                [PortName] = JsonSerializer.Serialize(measured.Port, Manifest.Format),
            }));
        }

        return measured;
    }

    private StageKey Key(string sha256) => StageKeys.OfMeasurement(
        context.Source.Known!, sha256, data, _referenceHash, context.Request, context.Engine, context.CpuBackend, context.Request.MeasuresServing ? Here.ToString() : null);

    private static string HashReference(string path, PortContext context) =>
        File.Exists(path)
            ? context.Hashes.HashOf(path, context.Cancellation)
            : throw new ModelPortException(Diagnose.FileMissing(path, "the safetensors file of ReferenceOutputs"));
}
