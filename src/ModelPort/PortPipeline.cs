using System.Text;
using ModelPort.Caching;
using ModelPort.Calibration;
using ModelPort.Checkpoints;
using ModelPort.Diagnostics;
using ModelPort.Engines.LlamaCpp;
using ModelPort.Manifests;
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
public sealed record PortOutcome(
    Manifest Manifest,
    string ManifestPath,
    IReadOnlyList<string> OutputPaths,
    string? ReportPath,
    IReadOnlyList<string> InputPaths,
    IReadOnlyList<Diagnostic> Missed,
    bool Ported,
    bool Measured);

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
            return new PortRun(request with { OutputDirectory = scratch.FullName }, plan, calibration, EvaluationData.Open(request, plan.ParameterCount), Engine(), new Unwarned(observer), cancellation).Plan();
        }
        finally
        {
            scratch.Delete(recursive: true);
        }
    }

    /// <summary>Ports, measures and records.</summary>
    /// <param name="request">What the user asks for.</param>
    /// <param name="observer">Told warnings and progress.</param>
    /// <param name="cancellation">Stops the work; nothing half-written stays.</param>
    /// <exception cref="ModelPortException">Any error; a missed budget is none, but part of the outcome.</exception>
    public static PortOutcome Run(PortRequest request, IPortObserver observer, CancellationToken cancellation)
    {
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

        using var held = OutputLock.Take(request.OutputDirectory, observer, cancellation);
        OutputFile.DeleteLeftOvers(request.OutputDirectory);
        var manifestPath = Path.Combine(request.OutputDirectory, Manifest.FileName);
        var earlier = Manifest.TryRead(manifestPath);
        var run = new PortRun(request, plan, calibration, data, Engine(), observer, cancellation);
        var (manifest, report, ported, measured) = earlier is null ? run.Everything() : run.WhatIsMissing(earlier);
        var reports = WriteReports(report, request.OutputDirectory);
        OutputFile.WriteAll(manifestPath, Encoding.UTF8.GetBytes(manifest.ToJson()));
        return new PortOutcome(
            manifest,
            manifestPath,
            [.. manifest.Outputs.Select(o => Path.Combine(request.OutputDirectory, o.File)), .. reports],
            reports.Length == 0 ? null : reports[^1],
            run.Inputs,
            run.Missed(manifest),
            ported,
            measured);
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

    private static EngineRecord Engine()
    {
        var runtime = LlamaRuntime.Load();
        return new EngineRecord("llama.cpp", runtime.Version, runtime.Commit);
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
