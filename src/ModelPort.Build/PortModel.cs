using System.Diagnostics;
using System.Text;
using Microsoft.Build.Framework;
using Microsoft.Build.Utilities;

namespace ModelPort.Build;

/// <summary>
/// Ports one model: starts the worker with a request file and turns the JSON lines it writes into messages, warnings and errors. The worker does everything that has to do
/// with models, in a process of its own, so that a build never dies with a model.
/// </summary>
[MSBuildMultiThreadableTask]
public sealed class PortModel : ToolTask
{
    private const int RuntimeMissingExitCode = 150;
    private const int LastLines = 20;

    private readonly Queue<string> _lastErrorLines = new();
    private ITaskItem? _port;
    private PortOptions? _options;
    private string _requestPath = "";
    private WorkerLine? _result;
    private bool _canceled;

    /// <summary>Makes the task; MSBuild's own reading of tool output stays off, because ordinary lines about models look like errors to it.</summary>
    public PortModel()
    {
        YieldDuringToolExecution = true;
    }

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

    /// <summary>The absolute path of the project file.</summary>
    [Required]
    public string Project { get; set; } = "";

    /// <summary>The absolute path of ModelPort.Tool.dll.</summary>
    [Required]
    public string WorkerPath { get; set; } = "";

    /// <summary>The dotnet host that runs the worker.</summary>
    public string DotNetHost { get; set; } = "";

    /// <inheritdoc/>
    protected override string ToolName => Path.DirectorySeparatorChar == '\\' ? "dotnet.exe" : "dotnet";

    /// <inheritdoc/>
    protected override Encoding StandardOutputEncoding => new UTF8Encoding(false);

    /// <inheritdoc/>
    protected override Encoding StandardErrorEncoding => new UTF8Encoding(false);

    /// <inheritdoc/>
    /// <remarks>Differs from that of standard error: the importance is all that tells the two streams apart in <see cref="LogEventsFromTextOutput"/>.</remarks>
    protected override MessageImportance StandardOutputLoggingImportance => MessageImportance.Normal;

    /// <inheritdoc/>
    protected override MessageImportance StandardErrorLoggingImportance => MessageImportance.Low;

    private string Source => _options!.Source;

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
            _requestPath = WholeFile.TemporaryName(folder + ".request");
            string request = WorkerRequest.ToJson(_options, OutputDirectory, WholeFile.ProcessId);
            Log.LogMessage(MessageImportance.Low, "{0}", request);
            WholeFile.Write(_requestPath, request);
            try
            {
                return base.Execute() && !_canceled && Record(began);
            }
            finally
            {
                File.Delete(_requestPath);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Log.RecordFailed(OutputDirectory, e.Message);
            return false;
        }
    }

    /// <inheritdoc/>
    public override void Cancel()
    {
        _canceled = true;
        base.Cancel();
    }

    /// <inheritdoc/>
    protected override string GenerateFullPathToTool() => DotNetHost;

    /// <inheritdoc/>
    protected override bool ValidateParameters()
    {
        if (!File.Exists(DotNetHost))
        {
            Log.HostMissing(Project);
            return false;
        }

        return true;
    }

    /// <inheritdoc/>
    protected override string GenerateCommandLineCommands()
    {
        CommandLineBuilder line = new();
        line.AppendSwitch("exec");
        line.AppendFileNameIfNotNull(WorkerPath);
        line.AppendSwitch("worker");
        line.AppendFileNameIfNotNull(_requestPath);
        return line.ToString();
    }

    /// <inheritdoc/>
    protected override ProcessStartInfo GetProcessStartInfo(string pathToTool, string commandLineCommands, string responseFileSwitch)
    {
        ProcessStartInfo start = base.GetProcessStartInfo(pathToTool, commandLineCommands, responseFileSwitch);

        // Otherwise the worker would share the terminal's input, or see it closed in a script.
        start.RedirectStandardInput = true;
        return start;
    }

    /// <inheritdoc/>
    protected override void LogToolCommand(string message) => Log.LogMessage(MessageImportance.Low, "{0}", message);

    /// <inheritdoc/>
    protected override void LogEventsFromTextOutput(string singleLine, MessageImportance messageImportance)
    {
        if (messageImportance == StandardErrorLoggingImportance)
        {
            _lastErrorLines.Enqueue(singleLine);
            if (_lastErrorLines.Count > LastLines)
            {
                _lastErrorLines.Dequeue();
            }
        }
        else if (WorkerLine.TryParse(singleLine) is { } line)
        {
            Take(line, singleLine);
            return;
        }

        Log.LogMessage(MessageImportance.Low, "{0}", singleLine);
    }

    /// <inheritdoc/>
    protected override bool HandleTaskExecutionErrors()
    {
        if (!Log.HasLoggedErrors && !_canceled)
        {
            string lastLines = string.Join(Environment.NewLine, _lastErrorLines);
            if (ExitCode == RuntimeMissingExitCode)
            {
                Log.RuntimeMissing(Project, DotNetHost, lastLines);
            }
            else
            {
                Log.WorkerDied(Source, ExitCode, lastLines);
            }
        }

        return false;
    }

    private void Take(WorkerLine line, string raw)
    {
        switch (line.Text("type"))
        {
            case "message":
                Log.LogMessage(ImportanceOf(line.Text("importance")), "{0}", line.Text("text"));
                break;
            case "progress":
                Log.LogMessage(MessageImportance.Low, "{0} {1}/{2} {3}", line.Text("stage"), line.Text("done"), line.Text("total"), line.Text("text"));
                break;
            case "diagnostic":
                LogDiagnostic(line);
                break;
            case "result":
                _result = line;
                break;
            default:
                Log.LogMessage(MessageImportance.Low, "{0}", raw);
                break;
        }
    }

    private static MessageImportance ImportanceOf(string text) => text switch
    {
        "high" => MessageImportance.High,
        "low" => MessageImportance.Low,
        _ => MessageImportance.Normal,
    };

    private void LogDiagnostic(WorkerLine line)
    {
        string file = line.Text("file").Length > 0 ? line.Text("file") : Source;
        string? helpLink = line.Text("helpLink").Length > 0 ? line.Text("helpLink") : null;

        // A warning that the user made an error must keep the port from being recorded, or the next build would pass.
        if (line.Text("severity") == "warning" && !(BuildEngine is IBuildEngine8 engine && engine.ShouldTreatWarningAsError(line.Text("code"))))
        {
            Log.LogWarning(null, line.Text("code"), null, helpLink, file, 0, 0, 0, 0, line.Text("message"));
        }
        else
        {
            Log.LogError(null, line.Text("code"), null, helpLink, file, 0, 0, 0, 0, line.Text("message"));
        }
    }

    private bool Record(DateTime began)
    {
        if (_result is null)
        {
            Log.ResultInvalid(Source, "it gave no result");
            return false;
        }

        List<string> outputs = [.. _result.Texts("outputs").Append(_result.Text("manifest")).Where(path => path.Length > 0).Distinct(StringComparer.Ordinal)];
        string? wrong = outputs.FirstOrDefault(path => !path.StartsWith(OutputDirectory, StringComparison.Ordinal) || Path.GetFullPath(path) != path || !File.Exists(path));
        if (outputs.Count == 0 || wrong != null)
        {
            Log.ResultInvalid(Source, wrong is null ? "its result names no output" : $"'{wrong}' is no file in '{OutputDirectory}'");
            return false;
        }

        IEnumerable<string> read = _port!.GetMetadata("Files").Split('\n').Concat(_result.Texts("inputs")).Where(File.Exists).Distinct(StringComparer.Ordinal);
        PortLedger.Write(_port.GetMetadata("Stamp"), outputs, read, began);
        return true;
    }
}
