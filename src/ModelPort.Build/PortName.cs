using Microsoft.Build.Framework;

namespace ModelPort.Build;

/// <summary>The name of a port: the folder under <c>models/</c> beside the application.</summary>
internal static class PortName
{
    private const string Forbidden = "<>:\"/\\|?*";

    /// <summary>
    /// The metadatum Name, or the last segment of the item's path. MSBuild's own <c>%(Filename)</c> cuts a folder such as <c>llama-1.1b</c> at its dot and is
    /// empty after a trailing slash, so the segment is taken here; of a single-file model the extension goes.
    /// </summary>
    public static string Of(ITaskItem item)
    {
        string name = item.GetMetadata("Name");
        if (name.Length > 0)
        {
            return name;
        }

        string segment = Path.GetFileName(SourceOf(item));
        return segment.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase) || segment.EndsWith(".onnx", StringComparison.OrdinalIgnoreCase)
            ? segment.Substring(0, segment.Length - 5)
            : segment;
    }

    /// <summary>The absolute path of an item's source, without a separator at its end.</summary>
    public static string SourceOf(ITaskItem item)
    {
        string full = Path.GetFullPath(item.GetMetadata("FullPath"));
        string trimmed = full.TrimEnd(Path.DirectorySeparatorChar, Path.AltDirectorySeparatorChar);
        return trimmed.Length == 0 || trimmed.EndsWith(":", StringComparison.Ordinal) ? full : trimmed;
    }

    /// <summary>Whether a name can be a folder on every system that a project may be built on.</summary>
    public static bool IsValid(string name) =>
        name.Length is > 0 and <= 200
        && name.All(c => c >= ' ' && c != '\x7f' && Forbidden.IndexOf(c) < 0)
        && name[0] != ' '
        && name[name.Length - 1] is not ('.' or ' ');
}
