using System.Diagnostics;
using Microsoft.Build.Framework;

namespace ModelPort.Build;

/// <summary>Ports one model, and records what came of it.</summary>
[MSBuildMultiThreadableTask]
public sealed class PortModel : WorkerTask
{
    private ITaskItem? _port;

    /// <summary>The planned ports, as <see cref="PlanModelPorts"/> made them.</summary>
    [Required]
    public ITaskItem[] Ports { get; set; } = [];

    /// <summary>The name of the port to make.</summary>
    [Required]
    public string Port { get; set; } = "";

    /// <inheritdoc/>
    private protected override string Subject => _port!.GetMetadata("Source");

    private string OutputDirectory => _port!.GetMetadata("OutputDirectory");

    /// <inheritdoc/>
    public override bool Execute()
    {
        _port = Ports.Single(port => port.ItemSpec == Port);
        DateTime began = DateTime.UtcNow;
        try
        {
            Directory.CreateDirectory(OutputDirectory);
            string requestPath = $"{OutputDirectory.TrimEnd(Path.DirectorySeparatorChar)}.{Guid.NewGuid():N}.request.json";
            return Work(requestPath, WorkerRequest.WithParent(_port.GetMetadata("Request"), CurrentProcessId())) && Record(began);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Log.RecordFailed(OutputDirectory, e.Message);
            return false;
        }
    }

    private static int CurrentProcessId()
    {
        using Process process = Process.GetCurrentProcess();
        return process.Id;
    }

    private bool Record(DateTime began)
    {
        if (Result is null)
        {
            Log.ResultInvalid(Subject, "it gave no result");
            return false;
        }

        List<string> outputs = [.. Result.Texts("outputs").Append(Result.Text("manifest")).Where(path => path.Length > 0).Distinct(StringComparer.Ordinal)];
        string? wrong = outputs.FirstOrDefault(path => !path.StartsWith(OutputDirectory, StringComparison.Ordinal) || Path.GetFullPath(path) != path || !File.Exists(path));
        if (outputs.Count == 0 || wrong != null)
        {
            Log.ResultInvalid(Subject, wrong is null ? "its result names no output" : $"'{wrong}' is no file in '{OutputDirectory}'");
            return false;
        }

        IEnumerable<string> read = _port!.GetMetadata("Files").Split('\n').Concat(Result.Texts("inputs")).Where(File.Exists).Distinct(StringComparer.Ordinal);
        PortLedger.Write(_port.GetMetadata("Stamp"), outputs, read, began);
        return true;
    }
}
