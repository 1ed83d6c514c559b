using Microsoft.Build.Framework;
using Task = Microsoft.Build.Utilities.Task;

namespace ModelPort.Build;

/// <summary>Reads what finished ports left behind. Changes nothing and fails on nothing, so that it also serves an IDE and a publish without a build.</summary>
[MSBuildMultiThreadableTask]
public sealed class CollectModelPorts : Task
{
    /// <summary>The ModelPort items.</summary>
    [Required]
    public ITaskItem[] Items { get; set; } = [];

    /// <summary>The absolute path of the folder that holds one folder a port.</summary>
    [Required]
    public string PortsDirectory { get; set; } = "";

    /// <summary>The absolute path of the project's output folder; empty when <see cref="Misplaced"/> is not asked for.</summary>
    public string OutputDirectory { get; set; } = "";

    /// <summary>Whether a file in the output folder may be a link of the ported one.</summary>
    public bool LinkOutputs { get; set; } = true;

    /// <summary>The ported files; metadata Link (where they go beside the application) and Port (the port's name).</summary>
    [Output]
    public ITaskItem[] Outputs { get; private set; } = [];

    /// <summary>Those of the ported files that are not in the output folder as they should be; the metadatum Destination is where they go.</summary>
    [Output]
    public ITaskItem[] Misplaced { get; private set; } = [];

    /// <summary>What the ports wrote for the compiler.</summary>
    [Output]
    public ITaskItem[] Sources { get; private set; } = [];

    /// <summary>The stamps of the ports.</summary>
    [Output]
    public ITaskItem[] Stamps { get; private set; } = [];

    /// <inheritdoc/>
    public override bool Execute()
    {
        List<ITaskItem> outputs = [];
        List<ITaskItem> misplaced = [];
        List<ITaskItem> sources = [];
        List<ITaskItem> stamps = [];
        foreach (ITaskItem item in Items)
        {
            string name = PortName.Of(item);
            string folder = Path.Combine(PortsDirectory, name) + Path.DirectorySeparatorChar;
            if (!PortName.IsValid(name) || PortLedger.Latest(folder) is not { } ledger)
            {
                continue;
            }

            stamps.Add(Escaped.Item(ledger.Path));
            sources.AddRange(ledger.Sources.Where(File.Exists).Select(source => Escaped.Item(source, ("Link", $"ModelPort/{name}.Models.cs"))));
            foreach (string output in ledger.Outputs)
            {
                FileInfo file = new(output);
                if (!file.Exists)
                {
                    continue;
                }

                string link = Path.Combine("models", name, output.Substring(folder.Length));
                outputs.Add(Escaped.Item(output, ("Link", link), ("Port", name)));
                string destination = Path.Combine(OutputDirectory, link);
                if (OutputDirectory.Length > 0 && !Placement.IsInPlace(file, new FileInfo(destination), LinkOutputs))
                {
                    misplaced.Add(Escaped.Item(output, ("Destination", destination)));
                }
            }
        }

        Outputs = [.. outputs];
        Misplaced = [.. misplaced];
        Sources = [.. sources];
        Stamps = [.. stamps];
        return true;
    }
}
