using ModelPort.Caching;
using ModelPort.Diagnostics;

namespace ModelPort.Checkpoints;

/// <summary>A file of a checkpoint that a port depends on.</summary>
/// <param name="Path">Absolute path.</param>
/// <param name="Name">Path relative to the checkpoint folder, with forward slashes.</param>
/// <param name="Length">Length in bytes when the checkpoint was opened.</param>
/// <param name="LastWriteUtc">Time of the last write when the checkpoint was opened.</param>
public sealed record SourceFile(string Path, string Name, long Length, DateTime LastWriteUtc)
{
    // What only the system sets: a program that writes a file and then gives it its old time back does not go unnoticed. Windows lets nobody write an open file.
    private readonly FileIdentity? _identity = OperatingSystem.IsWindows() ? null : FileIdentity.Of(Path);

    /// <summary>Whether the file still has the length and times it had when it was opened, and is the same file.</summary>
    public bool IsUnchanged()
    {
        var now = new FileInfo(Path);
        return now.Exists && now.Length == Length && now.LastWriteTimeUtc == LastWriteUtc && (_identity is null || FileIdentity.Of(Path) == _identity);
    }

    /// <summary>Throws when one of several files changed since it was opened.</summary>
    /// <exception cref="ModelPortException">MP1023.</exception>
    public static void RequireUnchanged(IEnumerable<SourceFile> files)
    {
        if (files.FirstOrDefault(f => !f.IsUnchanged()) is { } changed)
        {
            throw new ModelPortException(Diagnose.SourceChanged(changed.Path));
        }
    }

    /// <summary>Describes a file as it is now.</summary>
    public static SourceFile Of(string path, string folder)
    {
        var info = new FileInfo(path);
        return new SourceFile(info.FullName, System.IO.Path.GetRelativePath(folder, info.FullName).Replace('\\', '/'), info.Length, info.LastWriteTimeUtc);
    }
}
