using ModelPort.Caching;
using ModelPort.Diagnostics;

namespace ModelPort.Porting;

/// <summary>A file of a port that is whole, and gets its name when the whole run has come to its end.</summary>
internal interface IPendingFile : IDisposable
{
    /// <summary>Where it will be.</summary>
    string Path { get; }

    /// <summary>Where it can be read.</summary>
    string CurrentPath { get; }

    /// <summary>Gives the file its name.</summary>
    /// <exception cref="ModelPortException">MP2001 or MP2002.</exception>
    void Commit();
}

/// <summary>A file that an earlier run left in its place.</summary>
/// <param name="path">The file.</param>
internal sealed class KeptFile(string path) : IPendingFile
{
    /// <inheritdoc/>
    public string Path => path;

    /// <inheritdoc/>
    public string CurrentPath => path;

    /// <inheritdoc/>
    public void Commit()
    {
    }

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}

/// <summary>A file that came from the store, under its temporary name.</summary>
/// <param name="path">Where it will be.</param>
/// <param name="group">What the files that it must lie beside have in common; null when it is alone.</param>
internal sealed class TakenFile(string path, string? group) : IPendingFile
{
    /// <inheritdoc/>
    public string Path => path;

    /// <inheritdoc/>
    public string CurrentPath { get; private set; } = group is null ? OutputFile.TemporaryNameOf(path) : OutputFile.TemporaryPathOf(path, group);

    /// <inheritdoc/>
    public void Commit()
    {
        try
        {
            FileTransfer.Rename(CurrentPath, path);
            CurrentPath = path;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ModelPortException(Diagnose.OutputUnwritable(path, e.Message), e);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (CurrentPath != path)
        {
            FileTransfer.TryDelete(CurrentPath);
        }
    }
}
