using System.CommandLine;
using ModelPort.Parity.Serving;

namespace ModelPort.Tool.Commands;

/// <summary>modelport serving: runs one model for the process that started it, which times it and asks for its memory. Ends when its input closes.</summary>
internal static class ServingCommand
{
    public static Command Create()
    {
        var command = new Command("serving", "Runs a model for the measurement of another process.") { Hidden = true };
        command.SetAction((_, _) => Task.Run(() =>
        {
            ServingHost.Run(Console.In, Console.Out);
            return ExitCode.Done;
        }));
        return command;
    }
}
