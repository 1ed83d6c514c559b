using ModelPort.Diagnostics;
using ModelPort.Manifests;
using ModelPort.Parity;
using ModelPort.Planning;
using ModelPort.Reports;
using ModelPort.Tests.Support;

namespace ModelPort.Tests.Reports;

/// <summary>A port of the sample that was really measured, and its report.</summary>
public class SampleReport : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly Func<PortRequest, PortRequest> _change;

    public SampleReport()
        : this(request => request)
    {
    }

    internal SampleReport(Func<PortRequest, PortRequest> change)
    {
        _change = change;
        Run();
    }

    public string Folder => _folder.Path;

    public string JsonPath => Path.Combine(Folder, ParityReport.FileName);

    public string PagePath => Path.Combine(Folder, ParityReport.PageName);

    internal ParityReport Report => ParityReport.TryRead(JsonPath, Manifest.TryRead(Path.Combine(Folder, Manifest.FileName))!)!;

    internal PortOutcome Run(params Budget[] budgets) => PortPipeline.Run(
        _change(new PortRequest
        {
            Source = Repository.Sample,
            Name = "wordnet-llama",
            OutputDirectory = Folder,
            Checkpoint = new CheckpointOptions { Precisions = Precision.ParseList("Q4_K_M;Q8_0", ""), EvaluationTokens = 1024, EvaluationWindow = 128 },
            Budgets = budgets,
            Threads = 1,
        }),
        new QuietObserver(),
        TestContext.Current.CancellationToken);

    public void Dispose()
    {
        _folder.Dispose();
        GC.SuppressFinalize(this);
    }
}

/// <summary>The same at one precision, whose layers were measured too.</summary>
public sealed class AttributedReport() : SampleReport(request => request.With(c => c with { Precisions = Precision.ParseList("Q4_K_M", "") }) with { Attribute = true });
