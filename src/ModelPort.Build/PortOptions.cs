using Microsoft.Build.Framework;

namespace ModelPort.Build;

/// <summary>
/// What a project asks of one port. Values stay as MSBuild had them, except that paths become absolute; what they mean, and whether the names are known, is
/// the worker's to judge.
/// </summary>
internal sealed class PortOptions
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

    private readonly List<string> _identity = [];
    private readonly List<string> _paths = [];

    /// <summary>Reads an item and the settings of the build.</summary>
    /// <param name="item">The ModelPort item.</param>
    /// <param name="settings">
    /// Settings of the build: the item is the name, the metadatum Value the value. Where IsPath is true, the value is a path, an address (with ://) or
    /// <c>none</c>. Where IsMeans is true, it only says how the work is done, so that another value makes no port stale.
    /// </param>
    /// <param name="project">The absolute path of the project file.</param>
    public PortOptions(ITaskItem item, IEnumerable<ITaskItem> settings, string project)
    {
        string directory = Path.GetDirectoryName(project);
        Project = project;
        Item = item.ItemSpec;
        Name = PortName.Of(item);
        Source = PortName.SourceOf(item);
        Identify(Item, Source);
        Metadata.Add("Name", Name);
        foreach (string name in item.CloneCustomMetadata().Keys)
        {
            string value = IsOption(name) ? item.GetMetadata(name) : "";
            if (value.Length > 0)
            {
                Metadata[name] = Value(directory, name, value, (ITaskItem2)item);
            }
        }

        foreach (KeyValuePair<string, string> option in Metadata)
        {
            Identify(option.Key, option.Value);
        }

        Identify("", project);
        foreach (ITaskItem setting in settings)
        {
            string value = setting.GetMetadata("Value");
            if (value.Length > 0)
            {
                value = setting.GetMetadata("IsPath") == "true" && IsPath(value) ? Absolute(directory, value) : value;
                Properties.Add(new(setting.ItemSpec, value));
                if (setting.GetMetadata("IsMeans") != "true")
                {
                    Identify(setting.ItemSpec, value);
                }
            }
        }
    }

    /// <summary>The absolute path of the project file.</summary>
    public string Project { get; }

    /// <summary>The item's Include.</summary>
    public string Item { get; }

    /// <summary>The port's name.</summary>
    public string Name { get; }

    /// <summary>The absolute path of the source.</summary>
    public string Source { get; }

    /// <summary>Every custom metadatum with a value that is not of foreign make, in the order of their names, and the name in any case.</summary>
    public SortedList<string, string> Metadata { get; } = new(StringComparer.Ordinal);

    /// <summary>The settings of the build that have a value.</summary>
    public List<KeyValuePair<string, string>> Properties { get; } = [];

    /// <summary>The files and folders that the metadata name.</summary>
    public IReadOnlyList<string> Paths => _paths;

    /// <summary>Everything that makes the port another one when it changes.</summary>
    public IReadOnlyList<string> Identity => _identity;

    private void Identify(string name, string value)
    {
        _identity.Add(name);
        _identity.Add(value);
    }

    private string Value(string directory, string name, string value, ITaskItem2 item)
    {
        if (PathMetadata.Contains(name))
        {
            string path = Absolute(directory, value);
            _paths.Add(path);
            return path;
        }

        if (PathListMetadata.Contains(name))
        {
            List<string> paths = [.. PathList.Read(item.GetMetadataValueEscaped(name)).Select(path => Absolute(directory, path))];
            _paths.AddRange(paths);
            return PathList.Write(paths);
        }

        return value;
    }

    private static string Absolute(string directory, string path) => Path.GetFullPath(Path.Combine(directory, path));

    private static bool IsPath(string value) => !value.Contains("://") && !value.Equals("none", StringComparison.OrdinalIgnoreCase);

    private static bool IsOption(string name) => !ForeignMetadata.Contains(name) && !name.StartsWith("DefiningProject", StringComparison.OrdinalIgnoreCase);
}
