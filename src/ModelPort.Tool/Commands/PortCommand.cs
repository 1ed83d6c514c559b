using System.CommandLine;
using ModelPort.Parity;
using ModelPort.Parity.Attribution;

namespace ModelPort.Tool.Commands;

/// <summary>modelport port: ports, measures and records.</summary>
internal static class PortCommand
{
    public static Command Create()
    {
        var options = new PortOptions();
        var output = new Option<string>("--output", "-o") { Description = "The folder for the ported files and modelport.json.", Required = true };
        var command = new Command("port", "Ports a checkpoint or an ONNX model, measures the port against its source, and writes both down.") { options.Source, output };
        options.AddTo(command);
        command.SetAction((parsed, cancellation) => ConsoleRun.Execute(() =>
        {
            var request = options.Read(parsed, parsed.GetValue(options.Source)!, parsed.GetValue(output)!);
            var outcome = ConsoleRun.WithProgress(observer => PortPipeline.Run(request, observer, cancellation));
            if (parsed.GetValue(options.Format) == "json")
            {
                Console.Write(outcome.Manifest.ToJson());
            }
            else
            {
                foreach (var port in outcome.Manifest.Outputs)
                {
                    Console.WriteLine(Summary.Line(outcome.Manifest, port));
                    Console.WriteLine(Gate.Line(outcome.Manifest, port));
                    if (AttributionText.Line(port.Attribution) is { } attribution)
                    {
                        Console.WriteLine(attribution);
                    }
                }

                if (outcome.ReportPath is { } report)
                {
                    Console.WriteLine($"report: {report}");
                }

                Console.WriteLine(outcome.Ported ? $"written to {request.OutputDirectory}" : $"nothing to do: {request.OutputDirectory} is up to date");
            }

            foreach (var missed in outcome.Missed)
            {
                Console.Error.WriteLine(request.Parity == ParityMode.Warn ? Diagnostics.Diagnose.BudgetMissedWarning(missed) : missed);
            }

            return outcome.Missed.Count > 0 && request.Parity == ParityMode.Error ? ExitCode.BudgetMissed : ExitCode.Done;
        }));
        return command;
    }
}
