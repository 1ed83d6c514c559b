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

    private readonly string _own = Path.Combine(directory, Hashes.Short(owner) + Extension);

    /// <summary>Replaces this inner build's claims; a file that is right already is left alone.</summary>
    /// <exception cref="IOException">The folder cannot be written.</exception>
    public void Claim(IReadOnlyCollection<string> names)
    {
        if (names.Count == 0)
        {
            Release();
            return;
        }

        string text = string.Join("\n", names.OrderBy(name => name, StringComparer.Ordinal)) + "\n";
        if (!File.Exists(_own) || File.ReadAllText(_own, Encoding.UTF8) != text)
        {
            Directory.CreateDirectory(directory);
            WholeFile.Write(_own, text);
        }
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

        HashSet<string> claimed = new(
            Directory.GetFiles(directory, "*" + Extension).SelectMany(file => File.ReadAllLines(file, Encoding.UTF8)),
            StringComparer.OrdinalIgnoreCase);
        List<string> orphans = [.. Directory.GetDirectories(directory).Where(folder => !claimed.Contains(Path.GetFileName(folder)))];
        foreach (string folder in orphans)
        {
            Directory.Delete(folder, recursive: true);
        }

        if (!Directory.EnumerateFileSystemEntries(directory).Any())
        {
            Directory.Delete(directory);
        }

        return orphans;
    }
}
