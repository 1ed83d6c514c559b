using System.Text;

namespace ModelPort.Build;

/// <summary>
/// Who needs which port. obj/modelport is shared by all target frameworks and configurations of a project, so that a model is ported once; each of these inner builds
/// claims the names it uses in a file of its own, and a port goes when nobody claims it.
/// </summary>
/// <param name="directory">The absolute path of obj/modelport.</param>
/// <param name="owner">What tells this inner build from the others.</param>
internal sealed class PortClaims(string directory, string owner)
{
    private const string Extension = ".claim";

    // Whether MSBuild turns the separators of a path inside a text depends on the current directory, which -mt leaves alone.
    private readonly string _own = Path.Combine(directory, Hashes.Short(owner.Replace('\\', '/')) + Extension);

    /// <summary>Replaces this inner build's claims; a file that is right already is left alone.</summary>
    /// <returns>Whether an earlier claim was given up.</returns>
    /// <exception cref="IOException">The folder cannot be written.</exception>
    public bool Claim(IReadOnlyCollection<string> names)
    {
        string[] earlier = Read(_own);
        if (names.Count == 0)
        {
            Release();
            return earlier.Length > 0;
        }

        string[] now = [.. names];
        Array.Sort(now, StringComparer.Ordinal);
        for (int attempt = 0; !now.SequenceEqual(attempt == 0 ? earlier : Read(_own)); attempt++)
        {
            try
            {
                Directory.CreateDirectory(directory);
                WholeFile.DeleteLeftovers(directory);
                WholeFile.Write(_own, string.Join("\n", now) + "\n");
            }
            catch (DirectoryNotFoundException) when (attempt < 20)
            {
                // Another inner build found the folder empty and deleted it.
            }
        }

        return earlier.Except(now).Any();
    }

    /// <summary>Gives up this inner build's claims.</summary>
    /// <exception cref="IOException">The folder cannot be written.</exception>
    public void Release()
    {
        if (File.Exists(_own))
        {
            File.Delete(_own);
        }
    }

    /// <summary>Deletes the folders of ports that nobody claims, and the whole folder when nothing is left in it.</summary>
    /// <returns>The folders deleted.</returns>
    /// <exception cref="IOException">A file is in use or cannot be deleted.</exception>
    public IReadOnlyList<string> DeleteUnclaimed()
    {
        if (!Directory.Exists(directory))
        {
            return [];
        }

        HashSet<string> claimed = new(Directory.GetFiles(directory, "*" + Extension).SelectMany(Read), StringComparer.OrdinalIgnoreCase);
        List<string> orphans = [.. Directory.GetDirectories(directory).Where(folder => !claimed.Contains(Path.GetFileName(folder)))];
        foreach (string folder in orphans)
        {
            Delete(folder);
        }

        if (Directory.Exists(directory) && !Directory.EnumerateFileSystemEntries(directory).Any())
        {
            DeleteEmpty();
        }

        return orphans;
    }

    private void DeleteEmpty()
    {
        try
        {
            Directory.Delete(directory);
        }
        catch (IOException)
        {
            // Another inner build has just put something into it.
        }
    }

    private static string[] Read(string claim)
    {
        try
        {
            return File.ReadAllLines(claim, Encoding.UTF8);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            // There is none, or another inner build gave it up just now.
            return [];
        }
    }

    private static void Delete(string folder)
    {
        // Inner builds that run side by side may find the same folder unclaimed.
        for (int attempt = 0; Directory.Exists(folder); attempt++)
        {
            try
            {
                Directory.Delete(folder, recursive: true);
            }
            catch (IOException) when (attempt < 20)
            {
                Thread.Sleep(10);
            }
        }
    }
}
