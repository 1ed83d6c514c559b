using System.Text.Json;
using ModelPort.Caching;
using ModelPort.Calibration;
using ModelPort.Checkpoints;
using ModelPort.Diagnostics;
using ModelPort.Formats.Gguf;
using ModelPort.Manifests;
using ModelPort.Planning;

namespace ModelPort.Porting;

/// <summary>
/// The stage that gives a run its ported files: as an earlier run left them, from the store, from the values of a stored file under another header, or in
/// one pass over the source.
/// </summary>
/// <param name="context">What stages share.</param>
internal sealed class PortStage(PortContext context)
{
    private const string WarningsName = "warnings";

    /// <summary>An output from the store; null when it is not there.</summary>
    /// <param name="plan">The plan, with all types chosen.</param>
    /// <param name="output">The output.</param>
    /// <param name="source">The source.</param>
    /// <param name="importance">What the importance matrix depends on.</param>
    public ReadyPort? Stored(PortPlan plan, OutputPlan output, SourceHash source, IReadOnlyList<KeyPart> importance)
    {
        if (!context.Store.IsOn)
        {
            return null;
        }

        var data = DataKey(plan, output, source, importance);
        return Whole(output, data) ?? Reheaded(output, data);
    }

    /// <summary>An output that an earlier run left in its place; null when it is not as that run recorded it.</summary>
    public ReadyPort? Left(OutputPlan output, Manifest earlier) =>
        earlier.Outputs.FirstOrDefault(o => o.Files.Select(f => f.Name).SequenceEqual(output.Files.Select(f => f.Name))) is { } record && context.IsAsRecorded(record)
            ? new ReadyPort(output, [.. record.Files.Select(f => new ReadyFile(new KeptFile(PathOf(f.Name)), f.Sha256))], [.. earlier.Warnings.Where(w => w.Code == "MP2003").Select(w => new Diagnostic(w.Code, DiagnosticSeverity.Warning, context.Checkpoint.Folder, w.Message))])
            : null;

    /// <summary>The files for an output: new ones, or what a killed run left of them.</summary>
    /// <exception cref="ModelPortException">MP2001: not writable; MP2002: not enough space.</exception>
    public OutputFiles Create(OutputPlan output) => OutputFiles.Continue(output, context.Request.OutputDirectory);

    /// <summary>The file for the source as GGUF, when nobody asked for it: it is never given a name, and is gone afterwards.</summary>
    /// <exception cref="ModelPortException">MP2001: not writable; MP2002: not enough space.</exception>
    public OutputFiles CreateScratch(OutputPlan output) => OutputFiles.Continue(output, context.Request.OutputDirectory, isScratch: true);

    /// <summary>Makes files in one pass over the source, and learns its hashes.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="files">The files of the outputs.</param>
    /// <param name="importance">What weighs columns; null for nothing.</param>
    public IReadOnlyList<Diagnostic> Make(PortPlan plan, IReadOnlyList<OutputFiles> files, Importance? importance)
    {
        var result = Porter.Run(plan, files, context.Request, context.Observer, context.Cancellation, importance, context.Source.Known);
        if (context.Source.Known is null)
        {
            context.Source.Learn(result.Source);
        }

        return result.Warnings;
    }

    /// <summary>Keeps an output that was made.</summary>
    /// <param name="plan">The plan, with all types chosen.</param>
    /// <param name="files">Its files.</param>
    /// <param name="warnings">What was lost on the way.</param>
    /// <param name="importance">What the importance matrix depends on.</param>
    public ReadyPort Keep(PortPlan plan, OutputFiles files, IReadOnlyList<Diagnostic> warnings, IReadOnlyList<KeyPart> importance)
    {
        // Only what becomes F16 can be lost.
        var own = files.Plan.Layout.Tensors.Any(t => t.Type == GgmlType.F16) ? warnings : [];
        return Published(files, own, () => DataKey(plan, files.Plan, context.Source.Known!, importance));
    }

    private string PathOf(string file) => Path.Combine(context.Request.OutputDirectory, file);

    private ReadyPort Published(OutputFiles files, IReadOnlyList<Diagnostic> warnings, Func<StageKey> data)
    {
        var ready = new ReadyPort(files.Plan, [.. files.Files.Select(f => new ReadyFile(f, f.Hash(context.Cancellation)))], warnings);
        if (context.Store.IsOn)
        {
            var stored = ready.Files.Select(f => context.Store.Publish(f.File.CurrentPath, f.Sha256)).TakeWhile(s => s is not null).ToArray();
            if (stored.Length == ready.Files.Count)
            {
                Record(ready, stored!, data());
            }
        }

        return ready;
    }

    private StageKey DataKey(PortPlan plan, OutputPlan output, SourceHash source, IReadOnlyList<KeyPart> importance) =>
        StageKeys.OfData(plan, output, source, ImportanceCheck.Weighs(output) ? importance : [], context.Engine);

    private void Record(ReadyPort ready, IReadOnlyList<StoredObject> stored, StageKey data)
    {
        var objects = stored.Select((s, i) => (Name: StoredValues.ObjectName(i), Object: s)).ToDictionary(s => s.Name, s => s.Object);
        var warnings = JsonSerializer.Serialize(ready.Warnings.Select(w => new StoredWarning(w.Code, Path.GetRelativePath(context.Checkpoint.Folder, w.File), w.Message)));
        context.Store.PutRecord(StoreRecord.Of(data, ready.Plan.FileName, objects, new Dictionary<string, string>([StoredValues.Describe(ready.Plan.Files.Select(f => f.Layout)), new(WarningsName, warnings)])));
        context.Store.PutRecord(StoreRecord.Of(StageKeys.OfOutput(ready.Plan, data), ready.Plan.FileName, objects, new Dictionary<string, string> { [WarningsName] = warnings }));
    }

    private ReadyPort? Whole(OutputPlan output, StageKey data)
    {
        if (context.Store.TryGetRecord(StageKeys.OfOutput(output, data)) is not { } record
            || StoredValues.ObjectsOf(record) is not { } stored
            || !stored.Select(s => s.Bytes).SequenceEqual(output.Files.Select(f => f.Layout.FileLength))
            || Warnings(record) is not { } warnings)
        {
            return null;
        }

        var group = OutputFiles.GroupOf(output);
        if (group is not null)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(OutputFile.TemporaryPathOf(PathOf(output.Files[0].Name), group))!);
        }

        var taken = new ReadyPort(output, [.. output.Files.Zip(stored, (f, s) => new ReadyFile(new TakenFile(PathOf(f.Name), group), s.Sha256))], warnings);
        if (taken.Files.Zip(stored).All(f => context.Store.TryTake(f.Second, f.First.File.CurrentPath)))
        {
            context.Observer.Detail($"{output.FileName}: taken from the cache");
            return taken;
        }

        taken.Dispose();
        return null;
    }

    // The values of the tensors are there, under another header or cut into other files.
    private ReadyPort? Reheaded(OutputPlan output, StageKey data)
    {
        if (context.Store.TryGetRecord(data) is not { } record
            || StoredValues.TryRead(record, output.Layout) is not { } values
            || Warnings(record) is not { } warnings)
        {
            return null;
        }

        var paths = values.Objects.Select(context.Store.TryFind).TakeWhile(p => p is not null).ToArray();
        if (paths.Length < values.Objects.Count)
        {
            return null;
        }

        var files = OutputFiles.Create(output, context.Request.OutputDirectory);
        try
        {
            files.WriteHeaders();
            values.CopyTo(paths!, files, context.Observer, context.Cancellation);
            context.Observer.Detail($"{output.FileName}: a new header before values from the cache");
            return Published(files, warnings, () => data);
        }
        catch (IOException)
        {
            files.Dispose();
            return null;
        }
        catch
        {
            files.Dispose();
            throw;
        }
    }

    // Null where they are of another form, which no store but a strange one has.
    private IReadOnlyList<Diagnostic>? Warnings(StoreRecord record)
    {
        try
        {
            var stored = JsonSerializer.Deserialize<StoredWarning[]>(record.Values.GetValueOrDefault(WarningsName, ""));
            return stored is null ? null : [.. stored.Select(w => new Diagnostic(w.Code, DiagnosticSeverity.Warning, Path.Combine(context.Checkpoint.Folder, w.File), w.Message))];
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private sealed record StoredWarning(string Code, string File, string Message);
}
