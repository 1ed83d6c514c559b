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
        Checkpoint = new CheckpointOptions { Precisions = Precision.ParseList(precisions, "") },
        Parity = ParityMode.Off,
    };

    /// <summary>The same request with other options of its checkpoint.</summary>
    public static PortRequest With(this PortRequest request, Func<CheckpointOptions, CheckpointOptions> change) => request with { Checkpoint = change(request.Checkpoint) };

    /// <summary>Ports a checkpoint to some precisions; returns the files by precision, of several the first. A matrix can be given, but is not computed.</summary>
    public static Dictionary<string, string> Make(string source, string precisions, string output, Func<PortRequest, PortRequest>? change = null)
    {
        var request = Request(source, precisions, output);
        request = change?.Invoke(request) ?? request;
        using var checkpoint = Checkpoint.Open(source);
        var importance = CalibrationInput.Open(request)?.Importance;
        var plan = Planner.Plan(checkpoint, request, importance);
        var files = plan.Outputs.Select(o => OutputFiles.Create(o, output)).ToArray();
        Porter.Run(plan, files, request, new QuietObserver(), TestContext.Current.CancellationToken, importance);
        foreach (var file in files.SelectMany(f => f.Files))
        {
            file.Commit();
            file.Dispose();
        }

        return files.ToDictionary(f => f.Plan.Precision.Name, f => f.Files[0].Path);
    }
}
