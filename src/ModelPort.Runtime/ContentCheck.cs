using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace ModelPort.Runtime;

/// <summary>
/// Compares files with the hashes that a manifest has. What was compared is remembered, by length and time of change, in this process and in the user's cache folder: a file of
/// gigabytes is hashed once, not at every start of an application.
/// </summary>
internal static class ContentCheck
{
    // Times of files are no finer than this on some systems: a file changed in the same instant as it was hashed could look unchanged.
    private static readonly TimeSpan Resolution = TimeSpan.FromSeconds(2);

    private static readonly ConcurrentDictionary<string, string> Verified = new(StringComparer.Ordinal);

    /// <summary>The folder that remembers; null to remember nothing beyond this process.</summary>
    internal static string? MemoryFolder { get; set; } = DefaultMemoryFolder();

    /// <summary>How many files were read whole by this process.</summary>
    internal static int FilesRead;

    public static void Verify(string path, long bytes, string sha256, string manifest)
    {
        FileInfo file = new(path);
        if (!file.Exists)
        {
            throw PortedModelException.Missing(path, manifest);
        }

        if (file.Length != bytes)
        {
            throw PortedModelException.Damaged(path, $"{file.Length} bytes", $"{bytes} bytes");
        }

        string state = StateOf(file, sha256);
        if (Verified.TryGetValue(path, out string? known) && known == state)
        {
            return;
        }

        if (Recall(path) != state)
        {
            DateTime began = DateTime.UtcNow;
            string found = Hash(path);
            if (!found.Equals(sha256, StringComparison.OrdinalIgnoreCase))
            {
                throw PortedModelException.Damaged(path, $"its SHA-256 is {found}", sha256);
            }

            // The memory vouches only for a file that was whole before it was read, and is the same afterwards.
            file.Refresh();
            if (began - file.LastWriteTimeUtc < Resolution || StateOf(file, sha256) != state)
            {
                return;
            }

            Remember(path, state);
        }

        Verified[path] = state;
    }

    /// <summary>Forgets what this process has verified, as a new process would.</summary>
    internal static void Forget() => Verified.Clear();

    private static string Hash(string path)
    {
        Interlocked.Increment(ref FilesRead);
        using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1 << 20, FileOptions.SequentialScan);
        return Convert.ToHexString(SHA256.HashData(stream)).ToLowerInvariant();
    }

    private static string StateOf(FileInfo file, string sha256) => string.Create(CultureInfo.InvariantCulture, $"{file.Length} {file.LastWriteTimeUtc.Ticks} {sha256}");

    private static string? Recall(string path)
    {
        try
        {
            return MemoryFolder is { } folder ? File.ReadAllText(MemoryOf(folder, path)) : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static void Remember(string path, string state)
    {
        try
        {
            if (MemoryFolder is { } folder)
            {
                Directory.CreateDirectory(folder);
                string temporary = Path.Combine(folder, Path.GetRandomFileName());
                File.WriteAllText(temporary, state);
                File.Move(temporary, MemoryOf(folder, path), overwrite: true);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A cache that cannot be written costs the next start a hash, and nothing else.
        }
    }

    private static string MemoryOf(string folder, string path) => Path.Combine(folder, Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(path))).ToLowerInvariant());

    private static string? DefaultMemoryFolder() =>
        Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.DoNotVerify) is { Length: > 0 } local ? Path.Combine(local, "modelport", "verified") : null;
}
