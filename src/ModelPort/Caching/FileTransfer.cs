namespace ModelPort.Caching;

/// <summary>Gives the content of one file to another in the cheapest way that the file system has.</summary>
internal static class FileTransfer
{
    /// <summary>Makes a file: a clone, a link, or a copy that is on the disk. On Windows never a link, as a link there shares the attribute that keeps others from replacing it.</summary>
    /// <param name="source">The file.</param>
    /// <param name="target">The new file; not there yet.</param>
    /// <exception cref="IOException">It cannot be made.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be made.</exception>
    public static void Make(string source, string target)
    {
        if (FileLinks.TryClone(source, target) || FileLinks.TryLink(source, target))
        {
            return;
        }

        File.Copy(source, target);
        SetReadOnly(target, false);
        using var copy = File.OpenHandle(target, FileMode.Open, FileAccess.ReadWrite);
        RandomAccess.FlushToDisk(copy);
    }

    /// <summary>Lets nobody write a file, or its owner again.</summary>
    public static void SetReadOnly(string path, bool value)
    {
        if (OperatingSystem.IsWindows())
        {
            File.SetAttributes(path, value ? FileAttributes.ReadOnly : FileAttributes.Normal);
        }
        else
        {
            const UnixFileMode Everybody = UnixFileMode.UserRead | UnixFileMode.GroupRead | UnixFileMode.OtherRead;
            File.SetUnixFileMode(path, value ? Everybody : Everybody | UnixFileMode.UserWrite);
        }
    }

    /// <summary>Deletes a file if it is there, also one that nobody may write.</summary>
    public static void Delete(string path)
    {
        Unprotect(path);
        File.Delete(path);
    }

    /// <summary>Lets a file be replaced or deleted: on Windows one that nobody may write cannot be.</summary>
    public static void Unprotect(string path)
    {
        if (OperatingSystem.IsWindows() && File.Exists(path))
        {
            SetReadOnly(path, false);
        }
    }

    /// <summary>Moves a file over another. One that is moved onto another name of itself would else stay where it is.</summary>
    public static void Rename(string from, string to)
    {
        Unprotect(to);
        File.Move(from, to, overwrite: true);
        Delete(from);
    }

    /// <summary>Deletes a file that is only litter: if it cannot be, the next run tries again.</summary>
    public static void TryDelete(string path)
    {
        try
        {
            Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
        }
    }
}
