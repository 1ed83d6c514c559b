using System.Collections.Concurrent;
using System.Globalization;

namespace ModelPort.Formats.Onnx;

/// <summary>
/// The files beside a model that hold data of its tensors. A location is a path below the model's folder; nothing outside is ever read, whatever links say.
/// (https://onnx.ai/onnx/repo-docs/ExternalData.html)
/// </summary>
internal sealed class ExternalFiles(string modelPath)
{
    private const int LongestLocation = 4096;
    private const int MostLinks = 40;

    private readonly ConcurrentDictionary<string, (string Path, long Length)> files = new(StringComparer.Ordinal);
    private readonly string folder = Path.GetDirectoryName(Path.GetFullPath(modelPath))!;

    /// <summary>Where a tensor's bytes are; <paramref name="bytes"/> is the length that its type and shape make.</summary>
    /// <exception cref="InvalidModelFileException">The location leaves the folder, the file is missing, or the range is not in it.</exception>
    public OnnxContent Find(TensorProto tensor, long bytes)
    {
        string? location = null;
        long offset = 0;
        long? length = null;
        foreach (StringStringEntryProto entry in tensor.ExternalData)
        {
            switch (entry.Key)
            {
                case "location":
                    location = entry.Value;
                    break;
                case "offset":
                    offset = Number(tensor, entry);
                    break;
                case "length":
                    length = Number(tensor, entry);
                    break;
                default:
                    // "checksum", and what other programs note.
                    break;
            }
        }

        (string path, long size) = Locate(location ?? throw Fault(FileFault.Malformed, "external data without a location", "the name of a file", tensor), tensor);
        if (length is { } stated && stated != bytes)
        {
            throw Fault(FileFault.Inconsistent, $"external data of {stated} bytes", $"{bytes} bytes for {Tensors.Describe(tensor)}", tensor);
        }

        return offset <= size && bytes <= size - offset
            ? OnnxContent.In(path, offset, bytes, tensor.Name)
            : throw new InvalidModelFileException(path, FileFault.Truncated, $"a file of {size} bytes", $"{bytes} bytes from byte {offset}", tensor.Name);
    }

    private (string Path, long Length) Locate(string location, TensorProto tensor)
    {
        if (files.TryGetValue(location, out (string, long) known))
        {
            return known;
        }

        // Separators and colons of any system are refused on all, so that a model means the same everywhere.
        string[] parts = [.. location.Split('/').Where(part => part != ".")];
        if (location.Length > LongestLocation || parts.Length == 0 || parts.Any(part => part is "" or "..") || location.AsSpan().IndexOfAny("\\:") >= 0
            || location.AsSpan().ContainsAnyInRange('\0', '\u001f'))
        {
            throw Fault(FileFault.UnsafePath, $"external data in \"{location}\"", "a path below the model's folder", tensor);
        }

        string path = Path.Combine([folder, .. parts]);
        try
        {
            if (Leaves(path, parts.Length))
            {
                throw Fault(FileFault.UnsafePath, $"external data in \"{location}\", a link out of the folder", "a file in the model's folder", tensor);
            }

            FileInfo file = new(path);
            if (!file.Exists)
            {
                throw new InvalidModelFileException(path, FileFault.Missing, "no such file", $"the external data that '{Path.GetFileName(modelPath)}' names", tensor.Name);
            }

            using SourceFile opened = SourceFile.Open(path);
            return files[location] = (path, opened.Length);
        }
        catch (Exception e) when (SourceFile.IsFileError(e))
        {
            throw SourceFile.Fault(path, e, tensor.Name);
        }
    }

    // A link may lead to another file of the folder, or, where the model itself is a link, to a file beside what that is (as in a download cache).
    private bool Leaves(string path, int parts)
    {
        string at = path;
        bool linked = false;
        for (int i = 0; i < parts; i++)
        {
            linked |= new FileInfo(at).LinkTarget is not null;
            at = Path.GetDirectoryName(at)!;
        }

        if (!linked)
        {
            return false;
        }

        string real = RealPath(path);
        return !IsBelow(real, RealPath(folder)) && !IsBelow(real, Path.GetDirectoryName(RealPath(Path.GetFullPath(modelPath)))!);
    }

    private static bool IsBelow(string path, string folder) =>
        path.StartsWith(folder.TrimEnd(Path.DirectorySeparatorChar) + Path.DirectorySeparatorChar, StringComparison.Ordinal);

    // Without any link in it: .NET resolves the last part of a path only.
    private static string RealPath(string path, int links = 0)
    {
        string? parent = Path.GetDirectoryName(path);
        if (parent is null)
        {
            return path;
        }

        string here = Path.Combine(RealPath(parent, links), Path.GetFileName(path));
        return new FileInfo(here).LinkTarget is not { } target ? here
            : links < MostLinks ? RealPath(Path.GetFullPath(target, Path.GetDirectoryName(here)!), links + 1)
            : throw new IOException("Too many links.");
    }

    private long Number(TensorProto tensor, StringStringEntryProto entry) =>
        long.TryParse(entry.Value, NumberStyles.None, CultureInfo.InvariantCulture, out long value)
            ? value
            : throw Fault(FileFault.Malformed, $"the {entry.Key} \"{entry.Value}\" of external data", "a whole number of at least 0", tensor);

    private InvalidModelFileException Fault(
        FileFault fault, string found, string expected, TensorProto tensor) => new(modelPath, fault, found, expected, tensor.Name);
}
