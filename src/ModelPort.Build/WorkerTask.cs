using System.Diagnostics;
using System.Text;
using Microsoft.Build.Framework;
using Microsoft.Build.Utilities;

namespace ModelPort.Build;

/// <summary>
/// Starts the worker with a request file and turns the JSON lines it writes into messages, warnings and errors. The worker does everything that has to do with models, in a process
/// of its own, so that a build never dies with a model.
/// </summary>
public abstract class WorkerTask : ToolTask
{
    private const int RuntimeMissingExitCode = 150;
    private const int LastLines = 20;

    private readonly Queue<string> _lastErrorLines = new();
    private string _requestPath = "";

    /// <summary>Makes the task; MSBuild's own reading of tool output stays off, because ordinary lines about models look like errors to it.</summary>
    protected WorkerTask()
    {
        YieldDuringToolExecution = true;
    }

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

    /// <summary>The file or folder that errors without one are about.</summary>
    private protected abstract string Subject { get; }

    /// <summary>A switch that the worker gets behind its request file; empty for none.</summary>
    private protected virtual string Switch => "";

    /// <summary>What the worker gave as its result; null until it did.</summary>
    private protected WorkerLine? Result { get; private set; }

    /// <summary>Whether the build was cancelled.</summary>
    private protected bool IsCanceled { get; private set; }

    /// <inheritdoc/>
    public override void Cancel()
    {
        IsCanceled = true;
        base.Cancel();
    }

    /// <summary>Runs the worker.</summary>
    /// <param name="requestPath">Where the request goes; it is deleted afterwards.</param>
    /// <param name="request">The request.</param>
    /// <returns>Whether the worker did what was asked.</returns>
    private protected bool Work(string requestPath, string request)
    {
        _requestPath = requestPath;
        Log.LogMessage(MessageImportance.Low, "{0}", request);
        WholeFile.Write(_requestPath, request);
        try
        {
            return base.Execute() && !IsCanceled;
        }
        finally
        {
            File.Delete(_requestPath);
        }
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
        line.AppendSwitch(Switch);
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
        if (!Log.HasLoggedErrors && !IsCanceled)
        {
            string lastLines = string.Join(Environment.NewLine, _lastErrorLines);
            if (ExitCode == RuntimeMissingExitCode)
            {
                Log.RuntimeMissing(Project, DotNetHost, lastLines);
            }
            else
            {
                Log.WorkerDied(Subject, ExitCode, lastLines);
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
                Result = line;
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
        string file = line.Text("file").Length > 0 ? line.Text("file") : Subject;
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
}
