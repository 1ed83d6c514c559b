using ModelPort.Caching;

namespace ModelPort.Build;

/// <summary>How a ported file came into the output folder.</summary>
internal enum Placed
{
    /// <summary>It shares its blocks with the ported file until one of them is written to.</summary>
    Cloned,

    /// <summary>It is a second name of the ported file, which is read-only from then on.</summary>
    Linked,

    /// <summary>It is a copy.</summary>
    Copied,
}

/// <summary>
/// Puts ported files into the output folder without copying gigabytes: as a clone where the file system shares blocks (Btrfs, XFS, APFS), as a hard link
/// where it does not, and else as a copy. Whole or absent, at any kill.
/// </summary>
internal static class Placement
{
    /// <summary>Smaller files, the records of a port, are copied: that costs nothing, and leaves them writable.</summary>
    public const long LeastLinked = 1 << 20;

    /// <summary>Whether a file in the output folder is the ported one, by size and time as MSBuild's own copying judges it.</summary>
    /// <param name="source">The ported file, which exists.</param>
    /// <param name="destination">The file in the output folder.</param>
    /// <param name="link">Whether it may be a link.</param>
    public static bool IsInPlace(FileInfo source, FileInfo destination, bool link) =>
        destination.Exists && destination.Length == source.Length && destination.LastWriteTimeUtc == source.LastWriteTimeUtc && (link || !destination.IsReadOnly);

    /// <summary>Puts a file in place, with the time of the source; replaces what is there.</summary>
    /// <exception cref="IOException">It cannot be done.</exception>
    public static Placed Place(string source, string destination, bool link)
    {
        Placed placed = Placed.Copied;
        WholeFile.Make(destination, temporary => placed = Make(source, temporary, link && new FileInfo(source).Length >= LeastLinked));
        return placed;
    }

    private static Placed Make(string source, string temporary, bool link)
    {
        // Neither is there on Windows: a copy shares blocks by itself where the file system can, and a link of a file that an application has mapped could not be replaced.
        if (link && FileLinks.TryClone(source, temporary))
        {
            SetWritable(source, temporary);
            return Placed.Cloned;
        }

        if (link && FileLinks.TryLink(source, temporary))
        {
            // What is written to one name of a file is written to all, so nothing may be.
            File.SetAttributes(temporary, File.GetAttributes(temporary) | FileAttributes.ReadOnly);
            return Placed.Linked;
        }

        File.Copy(source, temporary);
        SetWritable(source, temporary);
        return Placed.Copied;
    }

    private static void SetWritable(string source, string file)
    {
        File.SetAttributes(file, File.GetAttributes(file) & ~FileAttributes.ReadOnly);
        File.SetLastWriteTimeUtc(file, File.GetLastWriteTimeUtc(source));
    }
}
