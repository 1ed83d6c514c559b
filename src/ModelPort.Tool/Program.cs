using System.CommandLine;
using ModelPort.Tool;
using ModelPort.Tool.Commands;

// Numbers and messages are the same everywhere.
System.Globalization.CultureInfo.DefaultThreadCurrentCulture = System.Globalization.CultureInfo.InvariantCulture;
System.Globalization.CultureInfo.CurrentCulture = System.Globalization.CultureInfo.InvariantCulture;

var root = new RootCommand("Ports trained models to other runtimes and precisions, and measures what the port costs.")
{
    InspectCommand.Create(),
    PlanCommand.Create(),
    PortCommand.Create(),
    ValidateCommand.Create(),
    CacheCommand.Create(),
    WorkerCommand.Create(),
    VerifyCommand.Create(),
    CompareCommand.Create(),
    ListCommand.Create(),
    ServingCommand.Create(),
};
var parsed = root.Parse(args);
var exitCode = await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = TimeSpan.FromSeconds(10) });
return parsed.Errors.Count > 0 ? ExitCode.Usage : exitCode;
