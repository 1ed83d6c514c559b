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

    /// <summary>The ported files; metadata Link (where they go beside the application) and Port (the port's name).</summary>
    [Output]
    public ITaskItem[] Outputs { get; private set; } = [];

    /// <summary>The files that the ports were made from.</summary>
    [Output]
    public ITaskItem[] Inputs { get; private set; } = [];

    /// <summary>The stamps of the ports.</summary>
    [Output]
    public ITaskItem[] Stamps { get; private set; } = [];

    /// <inheritdoc/>
    public override bool Execute()
    {
        foreach (string name in Items.Select(PortName.Of).Where(PortName.IsValid))
        {
            string outputDirectory = Path.Combine(PortsDirectory, name) + Path.DirectorySeparatorChar;
            if (PortLedger.Latest(outputDirectory) is { } ledger)
            {
                Outputs = [.. Outputs, .. ledger.Outputs.Where(File.Exists).Select(output => Escaped.Item(output, ("Link", LinkOf(name, output.Substring(outputDirectory.Length))), ("Port", name)))];
                Inputs = [.. Inputs, .. ledger.Inputs.Select(input => Escaped.Item(input))];
                Stamps = [.. Stamps, Escaped.Item(ledger.Path)];
            }
        }

        return true;
    }

    private static string LinkOf(string name, string file) => Path.Combine("models", name, file);
}
