using ModelPort.Checkpoints;
using ModelPort.Diagnostics;
using ModelPort.Engines;
using ModelPort.Formats;
using ModelPort.Formats.Gguf;
using ModelPort.Parity;
using ModelPort.Parity.Attribution;
using ModelPort.Parity.Behaviour;
using ModelPort.Parity.Serving;
using ModelPort.Planning;
using ModelPort.Porting;

namespace ModelPort;

/// <summary>What a validation found.</summary>
/// <param name="Source">The source's identity.</param>
/// <param name="Basis">What it was measured on.</param>
/// <param name="Port">What was measured.</param>
/// <param name="Budgets">The budgets it was judged by.</param>
public sealed record ValidationOutcome(SourceHash Source, MeasurementBasis Basis, PortMeasurement Port, IReadOnlyList<BudgetResult> Budgets)
{
    /// <summary>Whether all budgets are kept and the port behaves as its source.</summary>
    public bool Kept => Budgets.All(b => b.Passes) && !Port.Behaviour.Failures.Any();

    /// <summary>The layers that are to blame for missed budgets, as sentences.</summary>
    public IReadOnlyList<string> Blames { get; } = Port.Attribution is not { } attribution ? [] :
        [.. Budgets.Where(b => b.Verdict == BudgetVerdict.Missed).Select(b => AttributionText.Blame(attribution, Metric.All[b.Metric])).Where(b => b.Length > 0).Distinct()];
}

/// <summary>Measures a GGUF file that exists already, whoever made it, against a checkpoint.</summary>
public static class PortValidation
{
    /// <summary>Measures and judges.</summary>
    /// <param name="portPath">The GGUF file, or any one of several that belong together.</param>
    /// <param name="request">Source, evaluation, budgets; the output directory is where the source's temporary GGUF may lie.</param>
    /// <param name="observer">Told progress.</param>
    /// <param name="cancellation">Stops the work.</param>
    /// <exception cref="ModelPortException">Any error but a missed budget.</exception>
    public static ValidationOutcome Run(string portPath, PortRequest request, IPortObserver observer, CancellationToken cancellation) =>
        Run([portPath], request, observer, cancellation)[0];

    /// <summary>Measures and judges several ports of one source, which is evaluated once for all.</summary>
    /// <param name="portPaths">The GGUF files; of several that belong together any one.</param>
    /// <param name="request">Source, evaluation, budgets; the output directory is where the source's temporary GGUF may lie.</param>
    /// <param name="observer">Told progress.</param>
    /// <param name="cancellation">Stops the work.</param>
    /// <returns>An outcome for each file.</returns>
    /// <exception cref="ModelPortException">Any error but a missed budget.</exception>
    public static IReadOnlyList<ValidationOutcome> Run(IReadOnlyList<string> portPaths, PortRequest request, IPortObserver observer, CancellationToken cancellation)
    {
        portPaths = [.. portPaths.Select(FirstOf)];
        using var checkpoint = Checkpoint.Open(request.Source);
        var own = Planner.OwnPrecision(checkpoint);
        var plan = Planner.Plan(checkpoint, request.ForSource(own));
        var data = EvaluationData.Open(request, plan.ParameterCount);
        using var source = OutputFiles.CreateScratch(plan.Outputs[0], request.OutputDirectory);
        var result = Porter.Run(plan, [source], request, observer, cancellation);
        try
        {
            var (basis, ports) = new ParityMeasurement(request, checkpoint, data, observer, cancellation).Measure(source.TemporaryPath, portPaths);
            return [.. ports.Zip(portPaths, (port, path) => Judged(path, port, result.Source, basis, checkpoint, request, observer))];
        }
        catch (EngineException e) when (e.Fault == EngineFault.ModelRefused && e.Path is { } path && portPaths.Contains(path))
        {
            throw new ModelPortException(Diagnose.ModelRefused(path, e.Found, string.Join(" ", e.NativeLog)), e);
        }
        catch (EngineException e)
        {
            throw new ModelPortException(Diagnose.From(e, e.Path is { } path && portPaths.Contains(path) ? path : portPaths[0]), e);
        }
    }

    private static ValidationOutcome Judged(
        string portPath, PortMeasurement port, SourceHash source, MeasurementBasis basis, Checkpoint checkpoint, PortRequest request, IPortObserver observer)
    {
        var figures = ServingCost.Apply([.. port.Figures, Figure.For(Metric.FileSize, Subject.Port, null, SizeOf(portPath) / 1e6)], request.HourlyCost);
        foreach (var warning in port.Tokenizer?.Warnings(checkpoint.Folder, portPath) ?? [])
        {
            observer.Warn(warning);
        }

        foreach (var warning in port.Behaviour.Findings.Where(f => f.Level == FindingLevel.Warning))
        {
            observer.Warn(warning.ToDiagnostic(portPath)!);
        }

        var budgets = request.Checkpoint.Precisions is [var precision] && precision != Precision.Auto ? Judge.Applicable(precision, request.Budgets, port.Tokenizer) : request.Budgets;
        return new ValidationOutcome(source, basis, port with { Figures = figures }, Judge.Check(figures, budgets, request.StrictParity));
    }

    private static long SizeOf(string path)
    {
        using var port = GgufShards.Open(path);
        return port.FileLength;
    }

    // llama.cpp is given the first of several files. It says little about a damaged one; the reader names the fault.
    private static string FirstOf(string path)
    {
        if (!File.Exists(path))
        {
            throw new ModelPortException(Diagnose.FileMissing(path, "a ported GGUF file"));
        }

        try
        {
            using var port = GgufShards.Open(path);
            return port.Path;
        }
        catch (InvalidModelFileException e)
        {
            throw new ModelPortException(Diagnose.From(e, path), e);
        }
    }
}
