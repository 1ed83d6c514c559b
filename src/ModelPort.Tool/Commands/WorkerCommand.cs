using System.CommandLine;
using ModelPort.Diagnostics;
using ModelPort.Parity;
using ModelPort.Parity.Attribution;

namespace ModelPort.Tool.Commands;

/// <summary>modelport worker: what the build starts. Reads a request file and speaks one JSON object a line.</summary>
internal static class WorkerCommand
{
    public static Command Create()
    {
        var request = new Argument<string>("request") { Description = "The request file that the build wrote." };
        var command = new Command("worker", "Carries out a request of the build.") { request };
        command.Hidden = true;
        command.SetAction((parsed, cancellation) => Task.Run(() => Run(parsed.GetValue(request)!, cancellation), CancellationToken.None));
        return command;
    }

    private static int Run(string path, CancellationToken cancellation)
    {
        var lines = new JsonLineObserver(Console.Out);
        WorkerRequest request;
        try
        {
            request = WorkerRequest.Read(path);
        }
        catch (ModelPortException e)
        {
            lines.Diagnostic(e.Diagnostic);
            return ExitCode.Of(e.Diagnostic);
        }

        using var orphaned = ParentWatch.Start(request.ParentProcessId, request.EndWithStandardInput);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation, orphaned.Token);
        try
        {
            return Port(request, lines, stop.Token);
        }
        catch (Exception e)
        {
            var diagnostic = Diagnose.From(e, request.Source);
            lines.Diagnostic(diagnostic);
            return ExitCode.Of(diagnostic);
        }
    }

    private static int Port(WorkerRequest sent, JsonLineObserver lines, CancellationToken cancellation)
    {
        var request = PortRequest.Parse(sent.Source, sent.OutputDirectory, sent.Metadata, sent.Properties, sent.Project);
        var outcome = PortPipeline.Run(request, lines, cancellation);
        foreach (var output in outcome.Manifest.Outputs)
        {
            lines.Message("high", Summary.Line(outcome.Manifest, output));
            lines.Message("high", Gate.Line(outcome.Manifest, output));
            if (AttributionText.Line(output.Attribution) is { } attribution)
            {
                lines.Message("high", attribution);
            }
        }

        if (outcome.ReportPath is { } report)
        {
            lines.Message("high", $"{outcome.Manifest.Name}: report in {report}");
        }

        foreach (var missed in outcome.Missed)
        {
            lines.Diagnostic(request.Parity == ParityMode.Warn ? Diagnose.BudgetMissedWarning(missed) : missed);
        }

        if (outcome.Missed.Count > 0 && request.Parity == ParityMode.Error)
        {
            return ExitCode.BudgetMissed;
        }

        lines.Result(outcome);
        return ExitCode.Done;
    }
}
