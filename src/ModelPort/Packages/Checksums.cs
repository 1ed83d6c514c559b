using System.Text;

namespace ModelPort.Packages;

/// <summary>
/// The list of a model's files with their hashes, in the form that sha256sum reads: <c>sha256sum -c modelport.sha256</c> proves a model without any tool of ours. It covers the
/// manifest, which in turn says what the files are.
/// </summary>
public static class Checksums
{
    /// <summary>The list's file name.</summary>
    public const string FileName = "modelport.sha256";

    /// <summary>Writes the list.</summary>
    public static string Write(IEnumerable<PackedFile> files) => string.Concat(files.Select(f => $"{f.Sha256}  {f.Name}\n"));

    /// <summary>Reads the list; null when a line is of another form or names a file that does not lie beside the list.</summary>
    /// <param name="content">The file's content.</param>
    public static IReadOnlyList<(string Sha256, string Name)>? TryRead(ReadOnlySpan<byte> content)
    {
        List<(string, string)> files = [];
        foreach (var line in Encoding.UTF8.GetString(content).Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            if (line.Length < 67 || line[64..66] is not ("  " or " *") || !line.AsSpan(0, 64).ContainsOnlyHex() || line[66..] is not { } name || name != Path.GetFileName(name) || name is "." or "..")
            {
                return null;
            }

            files.Add((line[..64], name));
        }

        return files;
    }

    private static bool ContainsOnlyHex(this ReadOnlySpan<char> text) => !text.ContainsAnyExceptInRange('0', 'f') && !text.ContainsAnyInRange((char)('9' + 1), (char)('a' - 1));
}
