using Microsoft.Build.Framework;
using Task = Microsoft.Build.Utilities.Task;

namespace ModelPort.Build;

/// <summary>
/// Looks at the items before any worker starts: names, options, and the files each port depends on, so that MSBuild's own Inputs and Outputs decide what is stale.
/// Ports that no item asks for any more are deleted here.
/// </summary>
[MSBuildMultiThreadableTask]
public sealed class PlanModelPorts : Task
{
    /// <summary>The ModelPort items.</summary>
    [Required]
    public ITaskItem[] Items { get; set; } = [];

    /// <summary>The absolute path of the project file.</summary>
    [Required]
    public string Project { get; set; } = "";

    /// <summary>The absolute path of the folder that holds one folder a port.</summary>
    [Required]
    public string PortsDirectory { get; set; } = "";

    /// <summary>What tells this inner build from the project's others.</summary>
    [Required]
    public string Owner { get; set; } = "";

    /// <summary>The absolute path of ModelPort.Tool.dll.</summary>
    public string ToolPath { get; set; } = "";

    /// <summary>Settings of the build, as <see cref="PortOptions"/> reads them.</summary>
    public ITaskItem[] Options { get; set; } = [];

    /// <summary>The ports: the item is the name; metadata OutputDirectory, Stamp and Files (the paths of the source and of what the metadata name).</summary>
    [Output]
    public ITaskItem[] Ports { get; private set; } = [];

    /// <summary>The files each port depends on; metadata Port (its name) and Stamp.</summary>
    [Output]
    public ITaskItem[] Inputs { get; private set; } = [];

    /// <summary>Whether this inner build used ports before that it uses no more.</summary>
    [Output]
    public bool Dropped { get; private set; }

    /// <inheritdoc/>
    public override bool Execute()
    {
        if (Items.Length > 0 && !File.Exists(ToolPath))
        {
            Log.WorkerMissing(Project, ToolPath);
            return false;
        }

        Dictionary<string, ITaskItem> named = NameItems();
        if (Log.HasLoggedErrors)
        {
            return false;
        }

        try
        {
            PortClaims claims = new(PortsDirectory, Owner);
            Dropped = claims.Claim(named.Keys);
            foreach (string folder in claims.DeleteUnclaimed())
            {
                Log.LogMessage(MessageImportance.Low, "Deleted '{0}': no ModelPort item asks for it any more.", folder);
            }

            string[] tools = named.Count == 0 ? [] : [.. PortInputs.OfTools(ToolPath)];
            foreach (KeyValuePair<string, ITaskItem> pair in named)
            {
                Plan(pair.Key, pair.Value, tools);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Log.RecordFailed(PortsDirectory, e.Message);
        }

        return !Log.HasLoggedErrors;
    }

    private Dictionary<string, ITaskItem> NameItems()
    {
        Dictionary<string, ITaskItem> named = new(StringComparer.OrdinalIgnoreCase);
        foreach (ITaskItem item in Items)
        {
            string name = PortName.Of(item);
            if (!PortName.IsValid(name))
            {
                Log.InvalidName(Project, item.ItemSpec, name);
            }
            else if (named.TryGetValue(name, out ITaskItem first))
            {
                Log.DuplicateName(Project, name, first.ItemSpec, item.ItemSpec);
            }
            else
            {
                named.Add(name, item);
            }
        }

        return named;
    }

    private void Plan(string name, ITaskItem item, string[] tools)
    {
        PortOptions options = new(item, Options, Project);
        string outputDirectory = Path.Combine(PortsDirectory, name) + Path.DirectorySeparatorChar;
        List<string> sources = PortInputs.Of(options);

        // The names of the files belong to the options, so that a file added with an old time, or taken away, counts.
        string stamp = PortLedger.PathOf(outputDirectory, Hashes.Short(string.Join("\0", [.. options.Identity, .. sources, .. tools])));
        PortLedger? ledger = PortLedger.TryRead(stamp);
        if (ledger?.Holds() != true && File.Exists(stamp))
        {
            File.Delete(stamp);
        }

        Ports = [.. Ports, Escaped.Item(name, ("OutputDirectory", outputDirectory), ("Stamp", stamp), ("Files", string.Join("\n", sources)))];
        HashSet<string> inputs = new(sources, StringComparer.Ordinal);
        inputs.UnionWith(tools);
        inputs.UnionWith(ledger?.Inputs ?? []);
        Inputs = [.. Inputs, .. inputs.Select(file => Escaped.Item(file, ("Port", name), ("Stamp", stamp)))];
    }
}
