using System.Runtime.Serialization.Json;
using System.Text;
using System.Xml;
using Microsoft.Build.Framework;

namespace ModelPort.Build;

/// <summary>
/// The request file of one port. Values go through as MSBuild had them, except that paths become absolute; what they mean, and whether the names are known, is
/// the worker's to judge.
/// </summary>
internal static class WorkerRequest
{
    /// <summary>Metadata that are paths, relative to the project as all paths of a project file are.</summary>
    private static readonly HashSet<string> PathMetadata = new(StringComparer.OrdinalIgnoreCase) { "ReferenceOutputs", "Calibration", "Patch", "PatchBase" };

    /// <summary>Metadata that are one or several such paths; they stay escaped (<see cref="PathList"/>).</summary>
    private static readonly HashSet<string> PathListMetadata = new(StringComparer.OrdinalIgnoreCase) { "Evaluation" };

    /// <summary>Metadata that the SDK, Visual Studio or MSBuild itself put on items of any kind.</summary>
    private static readonly HashSet<string> ForeignMetadata = new(StringComparer.OrdinalIgnoreCase)
    {
        "Link", "LinkBase", "Visible", "InProject", "SubType", "DependentUpon", "Generator", "LastGenOutput", "CustomToolNamespace", "AutoGen", "DesignTime",
        "CopyToOutputDirectory", "CopyToPublishDirectory", "TargetPath", "ExcludeFromSingleFile", "Pack", "PackagePath", "PublishState", "IsImplicitlyDefined",
        "MSBuildSourceProjectFile", "MSBuildSourceTargetName", "OriginalItemSpec",
    };

    /// <summary>The item's options: every custom metadatum with a value that is not of foreign make, in the order of their names, and its name in any case.</summary>
    public static SortedDictionary<string, string> MetadataOf(ITaskItem item, string projectDirectory)
    {
        SortedDictionary<string, string> options = new(StringComparer.Ordinal) { ["Name"] = PortName.Of(item) };
        foreach (string name in item.CloneCustomMetadata().Keys.Cast<string>().Where(IsOption))
        {
            string value = item.GetMetadata(name);
            if (value.Length > 0)
            {
                options[name] = PathMetadata.Contains(name) ? Absolute(projectDirectory, value)
                    : PathListMetadata.Contains(name) ? PathList.Write(PathList.Read(((ITaskItem2)item).GetMetadataValueEscaped(name)).Select(path => Absolute(projectDirectory, path)))
                    : value;
            }
        }

        return options;
    }

    /// <summary>The files and folders that an item's options name.</summary>
    public static IEnumerable<string> PathsOf(SortedDictionary<string, string> metadata) =>
        metadata.Where(option => PathMetadata.Contains(option.Key)).Select(option => option.Value)
            .Concat(metadata.Where(option => PathListMetadata.Contains(option.Key)).SelectMany(option => PathList.Read(option.Value)));

    /// <summary>The request as JSON, without the parent's process id.</summary>
    public static string ToJson(
        string project,
        ITaskItem item,
        string source,
        string outputDirectory,
        SortedDictionary<string, string> metadata,
        IEnumerable<ITaskItem> options)
    {
        using MemoryStream stream = new();
        using (XmlDictionaryWriter writer = JsonReaderWriterFactory.CreateJsonWriter(stream, new UTF8Encoding(false), ownsStream: false))
        {
            writer.WriteStartElement("root");
            writer.WriteAttributeString("type", "object");
            WriteNumber(writer, "protocol", 1);
            WriteString(writer, "project", project);
            WriteString(writer, "item", item.ItemSpec);
            WriteString(writer, "source", source);
            WriteString(writer, "name", metadata["Name"]);
            WriteString(writer, "outputDirectory", outputDirectory);
            WriteObject(writer, "metadata", metadata);
            WriteObject(writer, "properties", options.Select(option => new KeyValuePair<string, string>(option.ItemSpec, option.GetMetadata("Value"))).Where(option => option.Value.Length > 0));
            writer.WriteEndElement();
        }

        return Encoding.UTF8.GetString(stream.ToArray());
    }

    /// <summary>Adds the id of the process whose end shall end the worker.</summary>
    public static string WithParent(string json, int processId) => FormattableString.Invariant($"{json.Substring(0, json.Length - 1)},\"parentProcessId\":{processId}}}");

    private static string Absolute(string projectDirectory, string path) => Path.GetFullPath(Path.Combine(projectDirectory, path));

    private static bool IsOption(string name) => !ForeignMetadata.Contains(name) && !name.StartsWith("DefiningProject", StringComparison.OrdinalIgnoreCase);

    private static void WriteObject(XmlDictionaryWriter writer, string name, IEnumerable<KeyValuePair<string, string>> values)
    {
        writer.WriteStartElement(name);
        writer.WriteAttributeString("type", "object");
        foreach (KeyValuePair<string, string> value in values)
        {
            WriteString(writer, value.Key, value.Value);
        }

        writer.WriteEndElement();
    }

    private static void WriteString(XmlDictionaryWriter writer, string name, string value)
    {
        writer.WriteStartElement(name);
        writer.WriteAttributeString("type", "string");
        writer.WriteString(value);
        writer.WriteEndElement();
    }

    private static void WriteNumber(XmlDictionaryWriter writer, string name, int value)
    {
        writer.WriteStartElement(name);
        writer.WriteAttributeString("type", "number");
        writer.WriteValue(value);
        writer.WriteEndElement();
    }
}
