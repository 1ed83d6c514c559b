using ModelPort.Caching;
using ModelPort.Diagnostics;
using ModelPort.Manifests;
using ModelPort.Planning;

namespace ModelPort.Porting;

/// <summary>A file of an output that is whole.</summary>
/// <param name="File">The file.</param>
/// <param name="Sha256">SHA-256 of its bytes.</param>
internal sealed record ReadyFile(IPendingFile File, string Sha256);

/// <summary>An output that is whole.</summary>
/// <param name="Plan">What it was made by.</param>
/// <param name="Files">The files, in the order of the plan's.</param>
/// <param name="Warnings">What was lost on the way.</param>
internal sealed record ReadyPort(OutputPlan Plan, IReadOnlyList<ReadyFile> Files, IReadOnlyList<Diagnostic> Warnings) : IDisposable
{
    /// <summary>The path that engines are given.</summary>
    public string CurrentPath => Files[0].File.CurrentPath;

    /// <summary>Whether an earlier run left it in its place.</summary>
    public bool IsKept => Files.All(f => f.File is KeptFile);

    /// <summary>The files as the manifest has them.</summary>
    public IReadOnlyList<FileRecord> Records => [.. Files.Zip(Plan.Files, (f, plan) => new FileRecord(plan.Name, plan.Layout.FileLength, f.Sha256))];

    /// <summary>Its identity.</summary>
    public string Sha256 => FileRecord.Identity(Records);

    /// <summary>
    /// Gives the files their names. Of several the first comes last, and one that was there goes before any other comes: engines are given the first, so that a set
    /// whose first file is there is whole and of one run, whenever this is killed.
    /// </summary>
    /// <exception cref="ModelPortException">MP2001 or MP2002.</exception>
    public void Commit() => Commit([.. Files.Select(f => f.File)]);

    /// <summary>Gives the files of any port their names, in that order.</summary>
    /// <exception cref="ModelPortException">MP2001 or MP2002.</exception>
    internal static void Commit(IReadOnlyList<IPendingFile> files)
    {
        if (files.Count > 1 && !files.All(f => f is KeptFile))
        {
            var first = files[0].Path;
            try
            {
                FileTransfer.Delete(first);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw new ModelPortException(Diagnose.OutputUnwritable(first, e.Message), e);
            }
        }

        foreach (var file in files.Skip(1).Append(files[0]))
        {
            file.Commit();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var file in Files)
        {
            file.File.Dispose();
        }
    }
}
