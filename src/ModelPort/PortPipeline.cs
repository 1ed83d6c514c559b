using System.Text;
using ModelPort.Caching;
using ModelPort.Caching.Remote;
using ModelPort.Calibration;
using ModelPort.Checkpoints;
using ModelPort.Diagnostics;
using ModelPort.Engines.LlamaCpp;
using ModelPort.Manifests;
using ModelPort.Onnx;
using ModelPort.Packages;
using ModelPort.Parity;
using ModelPort.Planning;
using ModelPort.Porting;
using ModelPort.Reports;

namespace ModelPort;

/// <summary>What a run ended with.</summary>
/// <param name="Manifest">The manifest, also when a budget is missed.</param>
/// <param name="ManifestPath">Where it lies.</param>
/// <param name="OutputPaths">The ported files, and the reports on them.</param>
/// <param name="ReportPath">The report for readers; null when nothing is measured.</param>
/// <param name="InputPaths">Every file the result depends on.</param>
/// <param name="Missed">An error for each budget that is missed; empty when all are kept.</param>
/// <param name="Ported">Whether files were written; false when they were there already.</param>
/// <param name="Measured">Whether parity was measured in this run.</param>
/// <param name="ClassPath">The source of a class with the port's path and numbers; null where nobody asked for one.</param>
public sealed record PortOutcome(
    Manifest Manifest,
    string ManifestPath,
    IReadOnlyList<string> OutputPaths,
    string? ReportPath,
    IReadOnlyList<string> InputPaths,
    IReadOnlyList<Diagnostic> Missed,
    bool Ported,
    bool Measured,
    string? ClassPath);

/// <summary>The one road: checkpoint, plan, port, parity, manifest. Does only what has not been done for the same content and options.</summary>
public static class PortPipeline
{
    /// <summary>
    /// Plans a port. Where types are chosen for a size, what that needs is measured, which reads weights; the files that are needed for it are temporary.
    /// </summary>
    /// <param name="checkpoint">The source.</param>
    /// <param name="request">What the user asks for; its output directory is not touched.</param>
    /// <param name="observer">Told progress.</param>
    /// <param name="cancellation">Stops the work.</param>
    /// <exception cref="ModelPortException">Any error that is found before weights are read, or while they are measured.</exception>
    public static PortPlan Plan(Checkpoint checkpoint, PortRequest request, IPortObserver observer, CancellationToken cancellation)
    {
        var calibration = CalibrationInput.Open(request);
        var plan = Planner.Plan(checkpoint, request, calibration?.Importance);
        if (!plan.Outputs.Any(o => o.IsOpen))
        {
            return plan;
        }

        var scratch = Directory.CreateTempSubdirectory("modelport-");
        try
        {
            using var store = ContentStore.Open(request.Store, null, new Unwarned(observer), cancellation);
            var context = Context(request with { OutputDirectory = scratch.FullName }, checkpoint, store, new Unwarned(observer), cancellation);
            using var run = new PortRun(context, plan, calibration, EvaluationData.Open(request, plan.ParameterCount));
            return run.Plan();
        }
        finally
        {
            scratch.Delete(recursive: true);
        }
    }

    /// <summary>Compares what an earlier run recorded with what a run would be today.</summary>
    /// <param name="checkpoint">The source, which is read unless its content is remembered.</param>
    /// <param name="request">What the user asks for; its output directory is where the earlier run ported to.</param>
    /// <param name="observer">Told progress.</param>
    /// <param name="cancellation">Stops the reading.</param>
    /// <returns>What would be done again and why; nothing when all is up to date; null when there is no manifest.</returns>
    /// <exception cref="ModelPortException">Any error that is found before weights are read.</exception>
    public static IReadOnlyList<string>? Why(Checkpoint checkpoint, PortRequest request, IPortObserver observer, CancellationToken cancellation) =>
        Compared(checkpoint, request, observer, (run, earlier) => run.Why(earlier), cancellation);

    /// <summary>Compares what an earlier run recorded of an ONNX model with what a run would be today.</summary>
    /// <param name="model">The source and what is asked of it; its output directory is where the earlier run ported to.</param>
    /// <param name="observer">Told progress.</param>
    /// <param name="cancellation">Stops the reading.</param>
    /// <returns>What would be done again and why; nothing when all is up to date; null when there is no manifest.</returns>
    internal static IReadOnlyList<string>? Why(OnnxInput model, IPortObserver observer, CancellationToken cancellation) => Compared(model, observer, (run, earlier) => run.Why(earlier), cancellation);

    /// <summary>Compares the ported files that an earlier run left with what they would be today; their numbers may be of any data.</summary>
    /// <param name="request">What the user asks for; its output directory is where the earlier run ported to.</param>
    /// <param name="observer">Told progress.</param>
    /// <param name="cancellation">Stops the reading.</param>
    /// <returns>Why they would be ported again; nothing when they are up to date; null when there is no manifest.</returns>
    /// <exception cref="ModelPortException">Any error that is found before weights are read.</exception>
    internal static IReadOnlyList<string>? WhyPortedAgain(PortRequest request, IPortObserver observer, CancellationToken cancellation)
    {
        if (request.Onnx is not null)
        {
            using var model = OnnxInput.Open(request);
            return Compared(model, observer, (run, earlier) => run.WhyPortedAgain(earlier), cancellation);
        }

        using var checkpoint = Checkpoint.Open(request.Source);
        return Compared(checkpoint, request, observer, (run, earlier) => run.WhyPortedAgain(earlier), cancellation);
    }

    private static IReadOnlyList<string>? Compared(OnnxInput model, IPortObserver observer, Func<IPortRun, Manifest, IReadOnlyList<string>> compare, CancellationToken cancellation)
    {
        if (Manifest.TryRead(Path.Combine(model.Request.OutputDirectory, Manifest.FileName)) is not { } earlier)
        {
            return null;
        }

        using var store = ContentStore.Open(model.Request.Store, null, observer, cancellation);
        using var run = new OnnxRun(model, store, new Unwarned(observer), cancellation);
        return compare(run, earlier);
    }

    private static IReadOnlyList<string>? Compared(Checkpoint checkpoint, PortRequest request, IPortObserver observer, Func<IPortRun, Manifest, IReadOnlyList<string>> compare, CancellationToken cancellation)
    {
        if (Manifest.TryRead(Path.Combine(request.OutputDirectory, Manifest.FileName)) is not { } earlier)
        {
            return null;
        }

        var calibration = CalibrationInput.Open(request);
        using var store = ContentStore.Open(request.Store, null, observer, cancellation);
        var plan = Planner.Plan(checkpoint, request, calibration?.Importance);
        using var run = new PortRun(Context(request, checkpoint, store, new Unwarned(observer), cancellation), plan, calibration, EvaluationData.Open(request, plan.ParameterCount));
        return compare(run, earlier);
    }

    /// <summary>Ports, measures and records.</summary>
    /// <param name="request">What the user asks for.</param>
    /// <param name="observer">Told warnings and progress.</param>
    /// <param name="cancellation">Stops the work; nothing half-written stays.</param>
    /// <exception cref="ModelPortException">Any error; a missed budget is none, but part of the outcome.</exception>
    public static PortOutcome Run(PortRequest request, IPortObserver observer, CancellationToken cancellation)
    {
        if (request.Onnx is not null)
        {
            using var model = OnnxInput.Open(request);
            return Run(request, store => new OnnxRun(model, store, observer, cancellation), observer, cancellation);
        }

        using var checkpoint = Checkpoint.Open(request.Source);
        var calibration = CalibrationInput.Open(request);
        var plan = Planner.Plan(checkpoint, request, calibration?.Importance);
        var data = EvaluationData.Open(request, plan.ParameterCount);
        if (calibration?.Sha256 == data.Text.Sha256 && request.Parity != ParityMode.Off)
        {
            plan = plan.With(Diagnose.SameText(data.Text.Path), request);
        }

        foreach (var warning in plan.Warnings)
        {
            observer.Warn(warning);
        }

        return Run(request, store => new PortRun(Context(request, checkpoint, store, observer, cancellation), plan, calibration, data), observer, cancellation);
    }

    private static PortOutcome Run(PortRequest request, Func<ContentStore, IPortRun> begin, IPortObserver observer, CancellationToken cancellation)
    {
        using var held = OutputLock.Take(request.OutputDirectory, observer, cancellation);
        OutputFile.DeleteLeftOvers(request.OutputDirectory, butResumable: true);
        try
        {
            return Recorded(request, begin, observer, cancellation);
        }
        finally
        {
            // What a killed run left and this one had no use for.
            OutputFile.DeleteLeftOvers(request.OutputDirectory, butResumable: false);
        }
    }

    private static PortOutcome Recorded(PortRequest request, Func<ContentStore, IPortRun> begin, IPortObserver observer, CancellationToken cancellation)
    {
        var manifestPath = Path.Combine(request.OutputDirectory, Manifest.FileName);
        var earlier = Manifest.TryRead(manifestPath);
        using var remote = RemoteLayer.Open(request, observer);
        using var store = ContentStore.Open(request.Store, remote, observer, cancellation);
        using var run = begin(store);
        var (manifest, report, ported, measured) = run.Everything(earlier);
        var reports = WriteReports(report, request.OutputDirectory);
        OutputFile.WriteAll(manifestPath, Encoding.UTF8.GetBytes(manifest.ToJson()));
        DeleteReplaced(earlier, manifest, request.OutputDirectory);
        return new PortOutcome(
            manifest,
            manifestPath,
            [.. manifest.Outputs.SelectMany(o => o.Files).Select(f => Path.Combine(request.OutputDirectory, f.Name)), .. reports],
            reports.Length == 0 ? null : reports[^1],
            run.Inputs,
            run.Missed(manifest),
            ported,
            measured,
            WriteClass(manifest, request));
    }

    private static string? WriteClass(Manifest manifest, PortRequest request)
    {
        var path = Path.Combine(request.OutputDirectory, ModelsClass.FileName);
        if (!request.HasClass)
        {
            File.Delete(path);
            return null;
        }

        OutputFile.Update(path, Encoding.UTF8.GetBytes(ModelsClass.OfPort(manifest)));
        return path;
    }

    // Of a precision that is cut into other files than before, those of the earlier run would be taken for it.
    private static void DeleteReplaced(Manifest? earlier, Manifest manifest, string folder)
    {
        var precisions = manifest.Outputs.Select(o => o.Precision).ToHashSet(StringComparer.Ordinal);
        var before = earlier?.Outputs.Where(o => precisions.Contains(o.Precision)).SelectMany(o => o.Files) ?? [];
        foreach (var file in before.ExceptBy(manifest.Outputs.SelectMany(o => o.Files).Select(f => f.Name), f => f.Name).Where(f => f.Name == Path.GetFileName(f.Name)))
        {
            FileTransfer.TryDelete(Path.Combine(folder, file.Name));
        }
    }

    // The report of an earlier measurement would speak for a port that nobody measured.
    private static string[] WriteReports(ParityReport? report, string folder)
    {
        string[] paths = [Path.Combine(folder, ParityReport.FileName), Path.Combine(folder, ParityReport.PageName)];
        if (report is null)
        {
            Array.ForEach(paths, File.Delete);
            return [];
        }

        OutputFile.WriteAll(paths[0], Encoding.UTF8.GetBytes(report.ToJson()));
        OutputFile.WriteAll(paths[1], Encoding.UTF8.GetBytes(ReportPage.Of(report)));
        return paths;
    }

    /// <summary>What the stages of a run share.</summary>
    internal static PortContext Context(PortRequest request, Checkpoint checkpoint, ContentStore store, IPortObserver observer, CancellationToken cancellation)
    {
        var runtime = LlamaRuntime.Load();
        var hashes = new HashMemo(store);
        var source = new SourceIdentity(checkpoint.Folder, checkpoint.Files, hashes, request.Threads, observer, cancellation);
        return new PortContext(request, checkpoint, source, hashes, new EngineRecord("llama.cpp", runtime.Version, runtime.Commit), runtime.CpuBackend, store, observer, cancellation);
    }

    /// <summary>Passes on all but warnings, which are in the plan.</summary>
    private sealed class Unwarned(IPortObserver observer) : IPortObserver
    {
        public void Warn(Diagnostic warning)
        {
        }

        public void Progress(PortProgress progress) => observer.Progress(progress);

        public void Detail(string text) => observer.Detail(text);
    }
}
