namespace ModelPort;

/// <summary>Several paths as one option: semicolons between them, <c>%3B</c> and <c>%25</c> for a semicolon and a percent sign in a path.</summary>
public static class PathList
{
    /// <summary>The paths of a list.</summary>
    public static IReadOnlyList<string> Read(string list) =>
        [.. list.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .Select(p => p.Replace("%3B", ";", StringComparison.OrdinalIgnoreCase).Replace("%25", "%", StringComparison.Ordinal))];

    /// <summary>A list that reads back as these paths.</summary>
    public static string Write(IEnumerable<string> paths) =>
        string.Join(';', paths.Select(p => p.Replace("%", "%25", StringComparison.Ordinal).Replace(";", "%3B", StringComparison.Ordinal)));
}
