using System.CommandLine;
using ModelPort.Diagnostics;
using ModelPort.Packages;
using ModelPort.Parity;
using ModelPort.Parity.Attribution;

namespace ModelPort.Tool.Commands;

/// <summary>modelport worker: what the build starts. Reads a request file and speaks one JSON object a line.</summary>
internal static class WorkerCommand
{
    public static Command Create()
    {
        var request = new Argument<string>("request") { Description = "The request file that the build wrote." };
        var pack = new Option<bool>("--pack") { Description = "Make the content of a package of finished ports, instead of a port." };
        var command = new Command("worker", "Carries out a request of the build.") { request, pack };
        command.Hidden = true;
        command.SetAction((parsed, cancellation) => Task.Run(
            () =>
            {
                var lines = new JsonLineObserver(Console.Out);
                var path = parsed.GetValue(request)!;
                return parsed.GetValue(pack)
                    ? Run(lines, () => PackageWork.Read(path), w => w.Project, w => (w.ParentProcessId, false), (w, stop) => Pack(w, lines, stop), cancellation)
                    : Run(lines, () => WorkerRequest.Read(path), r => r.Source, r => (r.ParentProcessId, r.EndWithStandardInput), (r, stop) => Port(r, lines, stop), cancellation);
            },
            CancellationToken.None));
        return command;
    }

    private static int Run<T>(
        JsonLineObserver lines, Func<T> read, Func<T, string> file, Func<T, (int Process, bool EndWithStandardInput)> parent, Func<T, CancellationToken, int> work, CancellationToken cancellation)
    {
        var about = "";
        try
        {
            var request = read();
            about = file(request);
            var (process, endWithStandardInput) = parent(request);
            using var orphaned = ParentWatch.Start(process, endWithStandardInput);
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation, orphaned.Token);
            return work(request, stop.Token);
        }
        catch (Exception e)
        {
            var diagnostic = Diagnose.From(e, about);
            lines.Diagnostic(diagnostic);
            return ExitCode.Of(diagnostic);
        }
    }

    private static int Pack(PackageWork work, JsonLineObserver lines, CancellationToken cancellation)
    {
        var content = ModelPackage.Make(work.Request, lines, cancellation);
        foreach (var line in content.Notes)
        {
            lines.Message("high", line);
        }

        foreach (var refusal in content.Refusals)
        {
            lines.Diagnostic(refusal);
        }

        if (content.Refusals.Count > 0)
        {
            return ExitCode.BudgetMissed;
        }

        lines.Result(content);
        return ExitCode.Done;
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
