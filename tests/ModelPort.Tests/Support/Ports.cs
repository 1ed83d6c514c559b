using ModelPort.Calibration;
using ModelPort.Checkpoints;
using ModelPort.Diagnostics;
using ModelPort.Planning;
using ModelPort.Porting;

namespace ModelPort.Tests.Support;

/// <summary>Ports without measuring, for tests that look at bytes.</summary>
internal static class Ports
{
    public static PortRequest Request(string source, string precisions, string output = ".") => new()
    {
        Source = source,
        Name = PortRequest.DefaultName(source),
        OutputDirectory = output,
        Precisions = Precision.ParseList(precisions, ""),
        Parity = ParityMode.Off,
    };

    /// <summary>Ports a checkpoint to some precisions; returns the files by precision. A matrix can be given, but is not computed.</summary>
    public static Dictionary<string, string> Make(string source, string precisions, string output, Func<PortRequest, PortRequest>? change = null)
    {
        var request = Request(source, precisions, output);
        request = change?.Invoke(request) ?? request;
        using var checkpoint = Checkpoint.Open(source);
        var importance = CalibrationInput.Open(request)?.Importance;
        var plan = Planner.Plan(checkpoint, request, importance);
        var files = plan.Outputs.Select(o => (Plan: o, File: OutputFile.Create(Path.Combine(output, o.FileName), o.FileLength))).ToArray();
        Porter.Run(plan, files, request, new QuietObserver(), TestContext.Current.CancellationToken, importance);
        foreach (var (_, file) in files)
        {
            file.Commit();
            file.Dispose();
        }

        return files.ToDictionary(f => f.Plan.Precision.Name, f => f.File.Path);
    }
}
