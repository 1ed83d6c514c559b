using System.Xml;
using System.Xml.Linq;
using Microsoft.Build.Framework;
using Task = Microsoft.Build.Utilities.Task;

namespace ModelPort.Build;

/// <summary>
/// Makes the nuspec files of a package and its parts from the one that NuGet wrote for all of it: the package depends on each part in exactly its own version, and a part has
/// the package's authors, licence and repository. Nothing of the parts was restored, so that no reference of the project could say it.
/// </summary>
[MSBuildMultiThreadableTask]
public sealed class WritePartNuspecs : Task
{
    private const string SymbolsExtension = ".symbols.nuspec";

    // What is said of the package and not of a part.
    private static readonly string[] OfPackage =
        ["title", "icon", "iconUrl", "readme", "summary", "releaseNotes", "dependencies", "frameworkReferences", "frameworkAssemblies", "references", "contentFiles", "packageTypes"];

    /// <summary>The absolute path of the folder that NuGet wrote the nuspec into, and nothing else.</summary>
    [Required]
    public string Source { get; set; } = "";

    /// <summary>The absolute path of the folder for the nuspec files.</summary>
    [Required]
    public string Target { get; set; } = "";

    /// <summary>The files of the package that are written for it, with their hashes.</summary>
    public ITaskItem[] Files { get; set; } = [];

    /// <summary>The files of the parts, as <see cref="PackModels"/> gives them.</summary>
    [Required]
    public ITaskItem[] PartFiles { get; set; } = [];

    /// <summary>The nuspec of the package.</summary>
    [Output]
    public ITaskItem? Package { get; private set; }

    /// <summary>Those of the parts; metadatum PackageId.</summary>
    [Output]
    public ITaskItem[] Parts { get; private set; } = [];

    /// <inheritdoc/>
    public override bool Execute()
    {
        try
        {
            string written = Directory.GetFiles(Source, "*.nuspec").Single(file => !file.EndsWith(SymbolsExtension, StringComparison.OrdinalIgnoreCase));
            Directory.CreateDirectory(Target);
            WholeFile.DeleteLeftovers(Target);
            IGrouping<string, ITaskItem>[] parts = [.. PartFiles.GroupBy(file => file.GetMetadata("PackageId"))];
            string name = Path.GetFileName(written);
            Package = Escaped.Item(Write(name, Depending(Read(written), written, parts.Select(part => part.Key)), Files));

            // NuGet names the file after identity and version; so it will look for those of the parts.
            string ending = name.Substring(ValueOf(Read(written), "id").Length);
            Parts = [.. parts.Select(part => Escaped.Item(Write(part.Key + ending, Part(Read(written), part.Key, part), part), ("PackageId", part.Key)))];
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or XmlException or InvalidOperationException)
        {
            Log.RecordFailed(Source, e.Message);
            return false;
        }
    }

    // NuGet reads text between dollar signs as a property's name.
    private static XDocument Read(string path)
    {
        XDocument nuspec = XDocument.Load(path);
        foreach (XText text in nuspec.DescendantNodes().OfType<XText>())
        {
            text.Value = text.Value.Replace("$", "$$");
        }

        foreach (XAttribute attribute in nuspec.Descendants().Attributes())
        {
            attribute.Value = attribute.Value.Replace("$", "$$");
        }

        return nuspec;
    }

    private static string ValueOf(XDocument nuspec, string name) => nuspec.Root.Element(nuspec.Root.Name.Namespace + "metadata").Element(nuspec.Root.Name.Namespace + name).Value;

    private static XDocument Depending(XDocument nuspec, string path, IEnumerable<string> parts)
    {
        // What stands behind a plus is no part of a version that one can depend on.
        string version = ValueOf(nuspec, "version").Split('+')[0];
        XNamespace space = nuspec.Root.Name.Namespace;
        XElement metadata = nuspec.Root.Element(space + "metadata");
        if (metadata.Element(space + "dependencies") is not { } dependencies)
        {
            dependencies = new XElement(space + "dependencies");
            metadata.Add(dependencies);
        }

        // Those of a framework count for it alone: each has to name the parts.
        XElement[] groups = [.. dependencies.Elements(space + "group")];
        foreach (XElement group in groups.Length > 0 ? groups : [dependencies])
        {
            group.Add(parts.Select(part => new XElement(space + "dependency", new XAttribute("id", part), new XAttribute("version", $"[{version}]"))));
        }

        // From one nuspec NuGet makes both packages, and sorts out which file belongs to which.
        string symbols = Path.ChangeExtension(path, null) + SymbolsExtension;
        if (File.Exists(symbols))
        {
            XElement files = nuspec.Root.Element(space + "files");
            HashSet<string> known = [.. files.Elements().Select(TargetOf)];
            files.Add(Read(symbols).Descendants(space + "file").Where(file => known.Add(TargetOf(file))));
        }

        return nuspec;
    }

    private static string TargetOf(XElement file) => (string?)file.Attribute("target") ?? "";

    private static XDocument Part(XDocument nuspec, string id, IEnumerable<ITaskItem> content)
    {
        XNamespace space = nuspec.Root.Name.Namespace;
        XElement metadata = nuspec.Root.Element(space + "metadata");
        string package = ValueOf(nuspec, "id");
        string? license = (string?)metadata.Element(space + "license")?.Attribute("type") == "file" ? metadata.Element(space + "license").Value : null;
        foreach (string other in OfPackage)
        {
            metadata.Element(space + other)?.Remove();
        }

        metadata.Element(space + "id").Value = id;
        metadata.SetElementValue(space + "description", $"Files of the models of {package}, which depends on this package. Reference {package}.");
        metadata.SetElementValue(space + "readme", "README.md");
        XElement files = nuspec.Root.Element(space + "files");
        XElement[] kept = [.. files.Elements().Where(file => license is not null && TargetOf(file).Replace('\\', '/').TrimStart('/') == license.Replace('\\', '/'))];
        files.ReplaceNodes(
            kept,
            content.Select(file => new XElement(space + "file", new XAttribute("src", file.ItemSpec.Replace("$", "$$")), new XAttribute("target", file.GetMetadata("PackagePath").Replace("$", "$$")))));
        return nuspec;
    }

    // The hashes are for the build: a nuspec is newer than its package when a file is another than was packed.
    private string Write(string name, XDocument nuspec, IEnumerable<ITaskItem> content)
    {
        nuspec.Root.Add(new XComment(" " + string.Join(" ", content.Select(file => file.GetMetadata("Sha256"))) + " "));
        string path = Path.Combine(Target, name);
        string text = nuspec.Declaration + "\n" + nuspec + "\n";
        if (!File.Exists(path) || File.ReadAllText(path) != text)
        {
            WholeFile.Write(path, text);
        }

        return path;
    }
}
