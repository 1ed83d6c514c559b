namespace ModelPort.Build;

/// <summary>The files whose change makes a port stale.</summary>
internal static class PortInputs
{
    /// <summary>The files of a port's source, and of everything that its metadata name.</summary>
    public static List<string> Of(PortOptions options)
    {
        List<string> files = Of(options.Source);
        foreach (string path in options.Paths)
        {
            files.AddRange(Of(path));
        }

        return files;
    }

    /// <summary>
    /// The files of a source. A folder's own time says nothing about its files, so they are listed: those at the top and the additional chat templates, which is
    /// all that a checkpoint consists of. A source without files stands for itself, so that a missing one is stale and the worker gets to name the error.
    /// </summary>
    private static List<string> Of(string source)
    {
        if (!Directory.Exists(source))
        {
            return [source];
        }

        string templates = Path.Combine(source, "additional_chat_templates");
        List<string> files = [.. Directory.GetFiles(source), .. Directory.Exists(templates) ? Directory.GetFiles(templates) : []];
        files.Sort(StringComparer.Ordinal);
        return files.Count == 0 ? [source] : files;
    }

    /// <summary>The files that make up the worker and this assembly.</summary>
    public static IEnumerable<string> OfTools(string worker) =>
        [worker, .. Directory.GetFiles(Path.GetDirectoryName(worker), "*.dll").Where(file => file != worker).OrderBy(file => file, StringComparer.Ordinal), typeof(PortInputs).Assembly.Location];
}
