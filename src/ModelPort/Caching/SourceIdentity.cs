using ModelPort.Checkpoints;
using ModelPort.Diagnostics;

namespace ModelPort.Caching;

/// <summary>
/// The content of a source, known in the cheapest way: from the memo where files have not changed, by reading them on all cores where that is asked for,
/// or from the pass that ports them.
/// </summary>
internal sealed class SourceIdentity
{
    private readonly HashMemo _memo;
    private readonly int _threads;
    private readonly IPortObserver _observer;
    private readonly CancellationToken _cancellation;
    private readonly Dictionary<string, FileIdentity?> _identities;
    private readonly Dictionary<string, string> _remembered = new(StringComparer.Ordinal);
    private readonly long _began = HashMemo.Now;

    /// <summary>Asks the memo.</summary>
    /// <param name="folder">The folder that the names of the files are relative to.</param>
    /// <param name="files">The files of the source, just opened.</param>
    /// <param name="memo">The memo.</param>
    /// <param name="threads">Files that are read at a time.</param>
    /// <param name="observer">Told the bytes read.</param>
    /// <param name="cancellation">Stops reading.</param>
    /// <exception cref="ModelPortException">MP1023: a file changed since the source was opened.</exception>
    public SourceIdentity(string folder, IReadOnlyList<SourceFile> files, HashMemo memo, int threads, IPortObserver observer, CancellationToken cancellation)
    {
        (Folder, Files) = (folder, files);
        _memo = memo;
        _threads = threads;
        _observer = observer;
        _cancellation = cancellation;
        _identities = files.ToDictionary(f => f.Path, f => FileIdentity.Of(f.Path), StringComparer.Ordinal);
        AskMemo();
    }

    /// <summary>The folder that the names of the files are relative to.</summary>
    public string Folder { get; }

    /// <summary>The files of the source.</summary>
    public IReadOnlyList<SourceFile> Files { get; }

    /// <summary>The hashes, when they are known.</summary>
    public SourceHash? Known { get; private set; }

    /// <summary>The hashes; reads the files whose hashes are not known.</summary>
    /// <exception cref="ModelPortException">MP1003: a file cannot be read; MP1023: it changed while it was read.</exception>
    public SourceHash Require()
    {
        if (Known is null)
        {
            // Another build may have read it while this one waited.
            AskMemo();
        }

        if (Known is null)
        {
            var unknown = Files.Where(f => !_remembered.ContainsKey(f.Name)).ToArray();
            var read = SourceHash.Compute(unknown, _threads, _observer, _cancellation);
            SourceFile.RequireUnchanged(Files);
            Learn(SourceHash.Of(_remembered.Concat(read.Files).Select(f => (f.Key, f.Value))));
        }

        return Known!;
    }

    /// <summary>Takes the hashes of files that were read since the source was opened.</summary>
    public void Learn(SourceHash hash)
    {
        Known = hash;
        foreach (var file in Files.Where(f => !_remembered.ContainsKey(f.Name)))
        {
            _memo.Remember(file.Path, _identities[file.Path], _began, hash.Files[file.Name]);
        }
    }

    private void AskMemo()
    {
        foreach (var file in Files.Where(f => !_remembered.ContainsKey(f.Name)))
        {
            if (_memo.TryGet(file.Path, _identities[file.Path]) is { } hash)
            {
                _remembered.Add(file.Name, hash);
            }
        }

        if (_remembered.Count == Files.Count)
        {
            SourceFile.RequireUnchanged(Files);
            Known = SourceHash.Of(_remembered.Select(f => (f.Key, f.Value)));
        }
    }
}
