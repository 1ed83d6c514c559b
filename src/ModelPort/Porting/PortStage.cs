using System.Text.Json;
using Microsoft.Win32.SafeHandles;
using ModelPort.Caching;
using ModelPort.Calibration;
using ModelPort.Checkpoints;
using ModelPort.Diagnostics;
using ModelPort.Formats.Gguf;
using ModelPort.Manifests;
using ModelPort.Planning;

namespace ModelPort.Porting;

/// <summary>An output that is whole.</summary>
/// <param name="Plan">What it was made by.</param>
/// <param name="File">The file.</param>
/// <param name="Sha256">SHA-256 of its bytes.</param>
/// <param name="Warnings">What was lost on the way.</param>
internal sealed record ReadyPort(OutputPlan Plan, IPendingFile File, string Sha256, IReadOnlyList<Diagnostic> Warnings);

/// <summary>
/// The stage that gives a run its ported files: as an earlier run left them, from the store, from the values of a stored file under another header, or in
/// one pass over the source.
/// </summary>
/// <param name="context">What stages share.</param>
internal sealed class PortStage(PortContext context)
{
    private const string ObjectName = "file";
    private const string WarningsName = "warnings";
    private const string OffsetName = "data offset";
    private const int CopyBytes = 1 << 20;

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
    public ReadyPort? Left(OutputPlan output, Manifest earlier)
    {
        var path = PathOf(output);
        return earlier.Outputs.FirstOrDefault(o => o.FileName == output.FileName) is { } record && IsAsRecorded(record)
            ? new ReadyPort(output, new KeptFile(path), record.Sha256, [.. earlier.Warnings.Where(w => w.Code == "MP2003").Select(w => new Diagnostic(w.Code, DiagnosticSeverity.Warning, context.Checkpoint.Folder, w.Message))])
            : null;
    }

    /// <summary>Whether an output lies in its place as an earlier run recorded it.</summary>
    public bool IsAsRecorded(OutputRecord record) => record.Files.All(IsAsRecorded);

    /// <summary>The file for an output: a new one, or what a killed run left of it.</summary>
    /// <exception cref="ModelPortException">MP2001: not writable; MP2002: not enough space.</exception>
    public OutputFile Create(OutputPlan output) => OutputFile.Continue(PathOf(output), output.FileLength);

    /// <summary>The file for the source as GGUF, when nobody asked for it: it is never given a name, and is gone afterwards.</summary>
    /// <exception cref="ModelPortException">MP2001: not writable; MP2002: not enough space.</exception>
    public OutputFile CreateScratch(OutputPlan output) => OutputFile.Continue(PathOf(output), output.FileLength, isScratch: true);

    /// <summary>Makes files in one pass over the source, and learns its hashes.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="files">Which outputs go into which files.</param>
    /// <param name="importance">What weighs columns; null for nothing.</param>
    public IReadOnlyList<Diagnostic> Make(PortPlan plan, IReadOnlyList<(OutputPlan Plan, OutputFile File)> files, Importance? importance)
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
    /// <param name="output">The output.</param>
    /// <param name="file">Its file.</param>
    /// <param name="warnings">What was lost on the way.</param>
    /// <param name="importance">What the importance matrix depends on.</param>
    public ReadyPort Keep(PortPlan plan, OutputPlan output, OutputFile file, IReadOnlyList<Diagnostic> warnings, IReadOnlyList<KeyPart> importance)
    {
        // Only what becomes F16 can be lost.
        var own = output.Layout.Tensors.Any(t => t.Type == GgmlType.F16) ? warnings : [];
        var ready = new ReadyPort(output, file, file.Hash(context.Cancellation), own);
        if (context.Store.IsOn && context.Store.Publish(file.TemporaryPath, ready.Sha256) is { } stored)
        {
            Record(ready, stored, DataKey(plan, output, context.Source.Known!, importance));
        }

        return ready;
    }

    private string PathOf(OutputPlan output) => Path.Combine(context.Request.OutputDirectory, output.FileName);

    private StageKey DataKey(PortPlan plan, OutputPlan output, SourceHash source, IReadOnlyList<KeyPart> importance) =>
        StageKeys.OfData(plan, output, source, ImportanceCheck.Weighs(output) ? importance : [], context.Engine);

    private void Record(ReadyPort ready, StoredObject stored, StageKey data)
    {
        var objects = new Dictionary<string, StoredObject> { [ObjectName] = stored };
        var warnings = JsonSerializer.Serialize(ready.Warnings.Select(w => new StoredWarning(w.Code, Path.GetRelativePath(context.Checkpoint.Folder, w.File), w.Message)));
        context.Store.PutRecord(StoreRecord.Of(data, ready.Plan.FileName, objects, new Dictionary<string, string>
        {
            [WarningsName] = warnings,
            [OffsetName] = ready.Plan.Layout.DataOffset.ToString(System.Globalization.CultureInfo.InvariantCulture),
        }));
        context.Store.PutRecord(StoreRecord.Of(StageKeys.OfOutput(ready.Plan, data), ready.Plan.FileName, objects, new Dictionary<string, string> { [WarningsName] = warnings }));
    }

    private ReadyPort? Whole(OutputPlan output, StageKey data)
    {
        if (context.Store.TryGetRecord(StageKeys.OfOutput(output, data)) is not { } record
            || record.Objects.GetValueOrDefault(ObjectName) is not { } stored
            || stored.Bytes != output.FileLength
            || Warnings(record) is not { } warnings)
        {
            return null;
        }

        var file = new TakenFile(PathOf(output));
        if (context.Store.TryTake(stored, file.CurrentPath))
        {
            context.Observer.Detail($"{output.FileName}: taken from the cache");
            return new ReadyPort(output, file, stored.Sha256, warnings);
        }

        file.Dispose();
        return null;
    }

    // The values of the tensors are there, under another header.
    private ReadyPort? Reheaded(OutputPlan output, StageKey data)
    {
        var length = output.FileLength - output.Layout.DataOffset;
        if (context.Store.TryGetRecord(data) is not { } record
            || record.Objects.GetValueOrDefault(ObjectName) is not { } stored
            || !long.TryParse(record.Values.GetValueOrDefault(OffsetName), out var offset)
            || offset < 0
            || stored.Bytes - offset != length
            || Warnings(record) is not { } warnings
            || context.Store.TryFind(stored) is not { } path)
        {
            return null;
        }

        var file = OutputFile.Create(PathOf(output), output.FileLength);
        try
        {
            using var values = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, FileOptions.SequentialScan);
            Copy(values, offset, output, file);
            var ready = new ReadyPort(output, file, file.Hash(context.Cancellation), warnings);
            context.Observer.Detail($"{output.FileName}: a new header before values from the cache");
            if (context.Store.Publish(file.TemporaryPath, ready.Sha256) is { } whole)
            {
                Record(ready, whole, data);
            }

            return ready;
        }
        catch (IOException)
        {
            file.Dispose();
            return null;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    private void Copy(SafeFileHandle values, long offset, OutputPlan output, OutputFile file)
    {
        using var header = new MemoryStream();
        output.Layout.WriteHeader(header);
        file.Write(header.GetBuffer().AsSpan(0, (int)header.Length), 0);
        var buffer = new byte[CopyBytes];
        for (var written = output.Layout.DataOffset; written < output.FileLength;)
        {
            context.Cancellation.ThrowIfCancellationRequested();
            var count = RandomAccess.Read(values, buffer.AsSpan(0, (int)Math.Min(CopyBytes, output.FileLength - written)), offset);
            if (count == 0)
            {
                throw new EndOfStreamException();
            }

            file.Write(buffer.AsSpan(0, count), written);
            offset += count;
            written += count;
            file.Settle(written, context.Cancellation);
            context.Observer.Progress(new PortProgress("copy", written, output.FileLength, output.FileName));
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

    private bool IsAsRecorded(FileRecord record) =>
        new FileInfo(Path.Combine(context.Request.OutputDirectory, record.Name)) is { Exists: true } file && file.Length == record.Bytes && context.Hashes.HashOf(file.FullName, context.Cancellation) == record.Sha256;

    private sealed record StoredWarning(string Code, string File, string Message);
}
