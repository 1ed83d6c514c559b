using Microsoft.Build.Framework;

namespace ModelPort.Build;

/// <summary>Ports one model, and records what came of it.</summary>
[MSBuildMultiThreadableTask]
public sealed class PortModel : WorkerTask
{
    private ITaskItem? _port;
    private PortOptions? _options;

    /// <summary>The planned ports, as <see cref="PlanModelPorts"/> made them.</summary>
    [Required]
    public ITaskItem[] Ports { get; set; } = [];

    /// <summary>The ModelPort items that they were planned from.</summary>
    [Required]
    public ITaskItem[] Items { get; set; } = [];

    /// <summary>Settings of the build, as <see cref="PortOptions"/> reads them.</summary>
    public ITaskItem[] Options { get; set; } = [];

    /// <summary>The name of the port to make.</summary>
    [Required]
    public string Port { get; set; } = "";

    /// <inheritdoc/>
    private protected override string Subject => _options!.Source;

    private string OutputDirectory => _port!.GetMetadata("OutputDirectory");

    /// <inheritdoc/>
    public override bool Execute()
    {
        _port = Ports.Single(port => port.ItemSpec == Port);
        _options = new PortOptions(Items.First(item => PortName.Of(item).Equals(Port, StringComparison.OrdinalIgnoreCase)), Options, Project);
        DateTime began = DateTime.UtcNow;
        try
        {
            Directory.CreateDirectory(OutputDirectory);
            string folder = OutputDirectory.TrimEnd(Path.DirectorySeparatorChar);
            WholeFile.DeleteLeftovers(OutputDirectory);
            WholeFile.DeleteLeftovers(Path.GetDirectoryName(folder));
            return Work(WholeFile.TemporaryName(folder + ".request"), WorkerRequest.ToJson(_options, OutputDirectory, WholeFile.ProcessId)) && Record(began);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Log.RecordFailed(OutputDirectory, e.Message);
            return false;
        }
    }

    private bool Record(DateTime began)
    {
        if (Result is null)
        {
            Log.ResultInvalid(Subject, "it gave no result");
            return false;
        }

        List<string> outputs = [.. Result.Texts("outputs").Append(Result.Text("manifest")).Where(path => path.Length > 0).Distinct(StringComparer.Ordinal)];
        List<string> sources = [.. new[] { Result.Text("class") }.Where(path => path.Length > 0)];
        string? wrong = outputs.Concat(sources).FirstOrDefault(path => !path.StartsWith(OutputDirectory, StringComparison.Ordinal) || Path.GetFullPath(path) != path || !File.Exists(path));
        if (outputs.Count == 0 || wrong != null)
        {
            Log.ResultInvalid(Subject, wrong is null ? "its result names no output" : $"'{wrong}' is no file in '{OutputDirectory}'");
            return false;
        }

        IEnumerable<string> read = _port!.GetMetadata("Files").Split('\n').Concat(Result.Texts("inputs")).Where(File.Exists).Distinct(StringComparer.Ordinal);
        PortLedger.Write(_port.GetMetadata("Stamp"), outputs, sources, read, began);
        return true;
    }
}
