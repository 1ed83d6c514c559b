using System.Text.Json;
using ModelPort.Caching;
using ModelPort.Diagnostics;
using ModelPort.Formats.Onnx;
using ModelPort.Manifests;
using ModelPort.Onnx.Calibration;
using ModelPort.Onnx.Parity;
using ModelPort.Onnx.Rewriting;
using ModelPort.Onnx.Transforms;
using ModelPort.Porting;

namespace ModelPort.Onnx;

/// <summary>A port of an ONNX model that is whole.</summary>
/// <param name="Output">What it was made by.</param>
/// <param name="Files">The model's file, and those of its weights where it has some.</param>
/// <param name="Records">The same as the manifest has them.</param>
/// <param name="Types">How many tensors of each type its weights are.</param>
/// <param name="Graph">What was done to the graph; null for the model as it is.</param>
/// <param name="Kernels">Which operators it has, and which of them run.</param>
/// <param name="Warnings">What the user should know of it.</param>
internal sealed record ReadyModel(
    OnnxOutput Output, IReadOnlyList<ReadyFile> Files, IReadOnlyList<FileRecord> Records, IReadOnlyDictionary<string, int> Types, GraphRecord? Graph, KernelRecord Kernels, IReadOnlyList<Diagnostic> Warnings) : IDisposable
{
    /// <summary>What is measured of it.</summary>
    public OnnxPortFile File => new(CurrentPath, Sha256, Output.FileName, Output.Optimization, Output.Plan, Graph);

    /// <summary>The path that engines are given.</summary>
    public string CurrentPath => Files[0].File.CurrentPath;

    /// <summary>Whether an earlier run left it in its place.</summary>
    public bool IsKept => Files.All(f => f.File is KeptFile);

    /// <summary>Its identity.</summary>
    public string Sha256 => FileRecord.Identity(Records);

    /// <summary>Gives the files their names, as all ports get them.</summary>
    /// <exception cref="ModelPortException">MP2001 or MP2002.</exception>
    public void Commit() => ReadyPort.Commit([.. Files.Select(f => f.File)]);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var file in Files)
        {
            file.File.Dispose();
        }
    }
}

/// <summary>The stage that gives a run its ported models: as an earlier run left them, from the store, or made anew.</summary>
/// <param name="context">What stages share.</param>
/// <param name="input">The model and the plan.</param>
/// <param name="keys">What results depend on.</param>
/// <param name="ranges">Measures the ranges of values.</param>
internal sealed class OnnxPortStage(RunContext context, OnnxInput input, Lazy<OnnxKeys> keys, RangeStage ranges)
{
    private const string GraphName = "graph";
    private const string KernelsName = "kernels";
    private const string TypesName = "types";
    private const string WarningsName = "warnings";
    private const string ModelName = "model";

    // A message can have 2 GB; a margin is left for all that is no weight.
    private const long MostInOneFile = 1_900_000_000;

    private readonly KernelStage _kernels = new(input);

    /// <summary>A port that is there: in its place as an earlier run of the same recorded it, or in the store; null when it is not.</summary>
    public ReadyModel? Found(OnnxOutput output, Manifest? earlier) => Left(output, earlier) ?? Stored(output);

    /// <summary>Makes a port.</summary>
    /// <exception cref="ModelPortException">It cannot be made, or written.</exception>
    public ReadyModel Make(OnnxOutput output)
    {
        if (output.Plan is not { } plan)
        {
            return _kernels.Rewritten(input.Source.Model, output, made => Written(output, made, null, []));
        }

        var measured = ranges.Of(plan);
        var result = OnnxTransform.Apply(plan, measured);
        using var model = result.Model;
        var graph = GraphRecord.Of(result.Record, plan, measured, plan.Request.KeepInFloat.Except(input.Options.KeepInFloat));
        if (OnnxSignature.Of(model) is var pins && SignatureComparison.Of(input.Source.Signature, pins).Differences.Count > 0)
        {
            graph = graph with { Inputs = [.. pins.Inputs.Select(p => p.ToRecord())], Outputs = [.. pins.Outputs.Select(p => p.ToRecord())] };
        }

        return _kernels.Rewritten(model, output, made => Written(output, made, graph, result.Warnings));
    }

    private ReadyModel? Left(OnnxOutput output, Manifest? earlier) =>
        earlier?.Keys.Port == keys.Value.Port.Value
        && earlier.Outputs.FirstOrDefault(o => o.Precision == output.Precision.Name) is { } record
        && record.FileName == output.FileName
        && record.Kernels is { } kernels
        && context.IsAsRecorded(record)
            ? new ReadyModel(output, [.. record.Files.Select(f => new ReadyFile(new KeptFile(PathOf(f.Name)), f.Sha256))], record.Files, record.TensorTypes, record.Graph, kernels, Stored(earlier.Warnings))
            : null;

    private ReadyModel? Stored(OnnxOutput output)
    {
        if (context.Store.TryGetRecord(keys.Value.OfOutput(output)) is not { } record || record.Objects.GetValueOrDefault(ModelName) is not { } model || Noted(record) is not { } noted)
        {
            return null;
        }

        (string Name, StoredObject Object)[] objects = [(output.FileName, model), .. record.Objects.Where(o => o.Key != ModelName).OrderBy(o => o.Key, StringComparer.Ordinal).Select(o => (o.Key, o.Value))];
        if (objects.Any(o => !IsOf(output, o.Name)))
        {
            return null;
        }

        var group = GroupOf(output, objects.Length > 1);
        var ready = new ReadyModel(
            output,
            [.. objects.Select(o => new ReadyFile(new TakenFile(PathOf(o.Name), group), o.Object.Sha256))],
            [.. objects.Select(o => new FileRecord(o.Name, o.Object.Bytes, o.Object.Sha256))],
            noted.Types,
            noted.Graph,
            noted.Kernels,
            noted.Warnings);
        Directory.CreateDirectory(Path.GetDirectoryName(ready.CurrentPath)!);
        if (ready.Files.Zip(objects).All(f => context.Store.TryTake(f.Second.Object, f.First.File.CurrentPath)))
        {
            context.Observer.Detail($"{output.FileName}: taken from the cache");
            return ready;
        }

        ready.Dispose();
        return null;
    }

    private ReadyModel Written(OnnxOutput output, OnnxModel model, GraphRecord? graph, IReadOnlyList<Diagnostic> warnings)
    {
        var largest = context.Request.SplitMaxSize ?? long.MaxValue;
        var isExternal = input.Source.IsExternal || model.Weights().Sum(w => w.ByteLength) > Math.Min(largest, MostInOneFile);
        var layout = model.Lay(isExternal ? output.ExternalName : null, largest);
        RequireFits(output, model, layout, largest);
        var group = GroupOf(output, isExternal);
        var files = new List<OutputFile>();
        try
        {
            files.Add(OutputFile.Create(PathOf(output.FileName), layout.ModelLength, group));
            Write(files[0], layout.ModelLength, layout.WriteModel);
            for (var i = 0; i < layout.ExternalFiles.Length; i++)
            {
                var (index, (name, length)) = (i, layout.ExternalFiles[i]);
                files.Add(OutputFile.Create(PathOf(name), length, group));
                Write(files[^1], length, stream => layout.WriteExternal(index, stream));
            }

            ReadyFile[] ready = [.. files.Select(f => new ReadyFile(f, f.Hash(context.Cancellation)))];
            FileRecord[] records = [.. ready.Zip(layout.ExternalFiles.Select(f => f.Length).Prepend(layout.ModelLength), (f, bytes) => new FileRecord(Path.GetFileName(f.File.Path), bytes, f.Sha256))];
            var census = ModelCensus.Of(model);
            var kernels = _kernels.Record(model, census, output.FileName, output.Optimization, output.Precision == OnnxPrecision.FP8);
            return Kept(new ReadyModel(output, ready, records, census.TensorTypes, graph, kernels, warnings));
        }
        catch
        {
            files.ForEach(f => f.Dispose());
            throw;
        }
    }

    // A tensor is never divided, and what is no weight stays in the model's file.
    private void RequireFits(OnnxOutput output, OnnxModel model, OnnxLayout layout, long largest)
    {
        if (layout.ModelLength > largest)
        {
            throw new ModelPortException(Diagnose.BeyondFile(context.SourcePath, output.Precision.Name, "the graph, with what is no initializer,", layout.ModelLength, largest));
        }

        if (layout.ExternalFiles.Any(f => f.Length > largest) && model.Weights().MaxBy(w => w.ByteLength) is { } weight)
        {
            throw new ModelPortException(Diagnose.BeyondFile(context.SourcePath, output.Precision.Name, $"tensor '{weight.Name}'", weight.ByteLength, largest));
        }
    }

    // What the store says is a name beside the port, and nothing else.
    private static bool IsOf(OnnxOutput output, string name) => name.StartsWith(output.FileName, StringComparison.Ordinal) && name == Path.GetFileName(name);

    private ReadyModel Kept(ReadyModel ready)
    {
        if (context.Store.IsOn)
        {
            var stored = ready.Files.Select(f => context.Store.Publish(f.File.CurrentPath, f.Sha256)).TakeWhile(s => s is not null).ToArray();
            if (stored.Length == ready.Files.Count)
            {
                var objects = stored.Zip(ready.Records.Skip(1).Select(r => r.Name).Prepend(ModelName)).ToDictionary(s => s.Second, s => s.First!);
                context.Store.PutRecord(StoreRecord.Of(keys.Value.OfOutput(ready.Output), ready.Output.FileName, objects, new Dictionary<string, string>
                {
                    [TypesName] = JsonSerializer.Serialize(ready.Types, Manifest.Format),
                    [GraphName] = JsonSerializer.Serialize(ready.Graph, Manifest.Format),
                    [KernelsName] = JsonSerializer.Serialize(ready.Kernels, Manifest.Format),
                    [WarningsName] = JsonSerializer.Serialize(ready.Warnings.Select(w => new WarningRecord(w.Code, w.Message)), Manifest.Format),
                }));
            }
        }

        return ready;
    }

    private (IReadOnlyDictionary<string, int> Types, GraphRecord? Graph, KernelRecord Kernels, IReadOnlyList<Diagnostic> Warnings)? Noted(StoreRecord record)
    {
        try
        {
            var warnings = JsonSerializer.Deserialize<WarningRecord[]>(record.Values.GetValueOrDefault(WarningsName, ""), Manifest.Format);
            var kernels = JsonSerializer.Deserialize<KernelRecord>(record.Values.GetValueOrDefault(KernelsName, ""), Manifest.Format);
            var types = JsonSerializer.Deserialize<Dictionary<string, int>>(record.Values.GetValueOrDefault(TypesName, ""), Manifest.Format);
            return warnings is null || kernels is null || types is null ? null : (types, JsonSerializer.Deserialize<GraphRecord>(record.Values.GetValueOrDefault(GraphName, ""), Manifest.Format), kernels, Stored(warnings));
        }
        catch (JsonException)
        {
            return null;
        }
    }

    // Of all warnings of an earlier run those that its input gives again are told already.
    private Diagnostic[] Stored(IEnumerable<WarningRecord> warnings) =>
        [.. warnings.Where(w => input.Warnings.All(i => i.Message != w.Message)).Select(w => new Diagnostic(w.Code, DiagnosticSeverity.Warning, context.SourcePath, w.Message))];

    private void Write(OutputFile file, long length, Action<Stream> write)
    {
        using var stream = new OutputStream(file, written =>
        {
            context.Cancellation.ThrowIfCancellationRequested();
            file.Settle(written, context.Cancellation);
            context.Observer.Progress(new PortProgress("port", written, length, Path.GetFileName(file.Path)));
        });
        write(stream);
    }

    private string PathOf(string name) => Path.Combine(context.Request.OutputDirectory, name);

    // Weights must lie beside their model under their own name while it is measured.
    private static string? GroupOf(OnnxOutput output, bool isExternal) => isExternal || output.Attempt > 0 ? $"{output.FileName}.{output.Attempt}" : null;
}
