using ModelPort.Caching;
using ModelPort.Checkpoints;
using ModelPort.Diagnostics;
using ModelPort.Manifests;

namespace ModelPort;

/// <summary>What all stages of a run share, whatever the format of its source.</summary>
/// <param name="Request">What the user asks for.</param>
/// <param name="Source">The source's content.</param>
/// <param name="Hashes">Hashes of files that are remembered.</param>
/// <param name="Engine">The engine.</param>
/// <param name="CpuBackend">The variant of its CPU back-end, on which the last digits of what it computes depend.</param>
/// <param name="Store">What was made before, by whatever build.</param>
/// <param name="Observer">Told warnings, progress and details.</param>
/// <param name="Cancellation">Stops the work.</param>
internal record RunContext(
    PortRequest Request, SourceIdentity Source, HashMemo Hashes, EngineRecord Engine, string CpuBackend, ContentStore Store, IPortObserver Observer, CancellationToken Cancellation)
{
    /// <summary>Which state of its repository the source is; null when nothing says so.</summary>
    public SourceRevision? Revision => SourceRevision.Of(Source.Folder, Source.Files.Select(f => f.Name), Request.Revision);

    /// <summary>The source, where errors about the whole of it point, as an absolute path.</summary>
    public string SourcePath => Path.TrimEndingDirectorySeparator(Path.GetFullPath(Request.Source));

    /// <summary>Whether an output lies in its place, byte for byte, as an earlier run recorded it.</summary>
    public bool IsAsRecorded(OutputRecord record) => record.Files.All(f =>
        new FileInfo(Path.Combine(Request.OutputDirectory, f.Name)) is { Exists: true } file && file.Length == f.Bytes && Hashes.HashOf(file.FullName, Cancellation) == f.Sha256);

    /// <summary>Why files that an earlier run recorded are ported again; nothing when all lie as they were left.</summary>
    public IReadOnlyList<string> FilesChanged(Manifest earlier) =>
        [.. earlier.Outputs.Where(o => !IsAsRecorded(o)).Take(1).Select(o => $"ported again because {o.FileName} is not as it was left")];

    /// <summary>Passes on a warning of a conversion, which a strict build refuses.</summary>
    /// <exception cref="ModelPortException">MP2008: the request is strict.</exception>
    public void Warn(Diagnostic warning)
    {
        // A port that nobody measured was asked for; everything else a strict build refuses.
        if (Request.Strict && warning.Code != "MP3006")
        {
            throw new ModelPortException(Diagnose.Strict(warning, "ModelPortStrict"));
        }

        Observer.Warn(warning);
    }

    /// <summary>Gives a file its content from the store, where a record of that key names it.</summary>
    /// <param name="key">The stage's key.</param>
    /// <param name="name">The object's name in the record.</param>
    /// <param name="path">The file.</param>
    public bool TryTake(StageKey key, string name, string path) =>
        Store.TryGetRecord(key)?.Objects.GetValueOrDefault(name) is { } stored && Store.TryTake(stored, path);

    /// <summary>Keeps a small file that a stage made.</summary>
    /// <param name="key">The stage's key.</param>
    /// <param name="name">The object's name in the record.</param>
    /// <param name="path">The file.</param>
    public void Keep(StageKey key, string name, string path)
    {
        if (Store.IsOn && Store.Publish(path, SourceHash.OfFile(path, Cancellation)) is { } stored)
        {
            Store.PutRecord(StoreRecord.Of(key, Path.GetFileName(path), new Dictionary<string, StoredObject> { [name] = stored }));
        }
    }
}
