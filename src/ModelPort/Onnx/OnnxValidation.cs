using ModelPort.Caching;
using ModelPort.Checkpoints;
using ModelPort.Diagnostics;
using ModelPort.Engines;
using ModelPort.Formats.Onnx;
using ModelPort.Manifests;
using ModelPort.Onnx.Parity;
using ModelPort.Onnx.Rewriting;
using ModelPort.Onnx.Transforms;
using ModelPort.Parity;
using ModelPort.Parity.Attribution;
using ModelPort.Parity.Serving;
using ModelPort.Parity.Tasks;

namespace ModelPort.Onnx;

/// <summary>What a validation of an ONNX file found.</summary>
/// <param name="Source">The source's identity.</param>
/// <param name="Basis">What it was measured on.</param>
/// <param name="Kernels">Which operators it has, and which of them run.</param>
/// <param name="Figures">Every number.</param>
/// <param name="Tasks">How its answers differ from its source's; empty without labels of classes.</param>
/// <param name="Serving">How times were taken; null when nobody asked for them.</param>
/// <param name="Attribution">What each layer costs; null when nobody asked for it.</param>
/// <param name="Layers">The nodes that add most error, the worst first, where a budget is missed; empty where none is, and where no node keeps its name.</param>
/// <param name="Budgets">The budgets it was judged by.</param>
public sealed record OnnxValidationOutcome(
    SourceHash Source,
    EvaluationRecord Basis,
    KernelRecord Kernels,
    IReadOnlyList<Figure> Figures,
    IReadOnlyList<TaskParity> Tasks,
    ServingRecord? Serving,
    AttributionRecord? Attribution,
    IReadOnlyList<LayerError> Layers,
    IReadOnlyList<BudgetResult> Budgets)
{
    /// <summary>Whether all budgets are kept.</summary>
    public bool Kept => Budgets.All(b => b.Passes);
}

/// <summary>Measures an ONNX file that exists already, whoever made it, against the model that it was made of.</summary>
public static class OnnxValidation
{
    /// <summary>Measures and judges.</summary>
    /// <param name="portPath">The ONNX file.</param>
    /// <param name="request">Source, evaluation, budgets; a precision that is named gives the default budgets, and the output directory is where temporary files may lie.</param>
    /// <param name="observer">Told progress and warnings.</param>
    /// <param name="cancellation">Stops the work.</param>
    /// <exception cref="ModelPortException">Any error but a missed budget; MP3043: the file takes or gives something else than its source.</exception>
    /// <exception cref="Formats.InvalidModelFileException">A file is damaged.</exception>
    public static OnnxValidationOutcome Run(string portPath, PortRequest request, IPortObserver observer, CancellationToken cancellation)
    {
        if (!File.Exists(portPath))
        {
            throw new ModelPortException(Diagnose.FileMissing(portPath, "a ported ONNX file"));
        }

        var named = request.Onnx!;
        using var input = OnnxInput.OpenToMeasure(request);
        using var port = OnnxSource.Open(portPath);
        Compare(input.Source, port, observer);
        foreach (var warning in input.Warnings)
        {
            observer.Warn(warning);
        }

        Directory.CreateDirectory(request.OutputDirectory);
        try
        {
            using var store = ContentStore.Open(request.Store with { Directory = null }, null, observer, cancellation);
            var context = OnnxContext.Of(input, store, observer, cancellation);
            var isFloat8 = named.NamesPrecision && named.Precisions.Contains(OnnxPrecision.FP8);
            var file = new OnnxPortFile(port.Model.Path, "", Path.GetFileName(portPath), OnnxOutput.OptimizationOf(isFloat8, named.Hardware.IsX64));
            var stage = OnnxMeasurementStage.OfFiles(context, input);
            var measured = stage.Measure(file);
            measured = stage.IsServed(file) ? measured.With(stage.Serve(file)) : measured;
            Figure Size(Subject of, long bytes) => Figure.For(Metric.FileSize, of, null, bytes / 1e6);
            var figures = ServingCost.Apply([.. measured.Figures, Size(Subject.Source, input.Source.Bytes), Size(Subject.Port, port.Bytes)], request.HourlyCost);
            var defaults = named is { NamesPrecision: true, Precisions: [var precision] } ? OnnxBudgets.Defaults(precision.Name, measured.Tasks.Count > 0) : [];
            var budgets = Judge.Check(figures, Judge.Applicable(request.Budgets, defaults), request.StrictParity);
            var kernels = new KernelStage(input).Record(port.Model, port.Census, file.Name, file.Optimization, isFloat8);
            foreach (var slower in measured.Warnings(context.SourcePath, file.Name, kernels))
            {
                observer.Warn(slower);
            }

            return new OnnxValidationOutcome(
                context.Source.Require(), measured.Basis, kernels, figures, measured.Tasks, measured.Serving is { } serving ? serving with { HourlyCost = request.HourlyCost } : null,
                request.Attribute ? stage.Attribute(file) : null,
                budgets.All(b => b.Passes) ? [] : [.. Worst(context, input, file).Take(WorstNodes.MostNamed)], budgets);
        }
        catch (EngineException e)
        {
            throw new ModelPortException(Diagnose.From(e, portPath), e);
        }
    }

    private static void Compare(OnnxSource source, OnnxSource port, IPortObserver observer)
    {
        var compared = SignatureComparison.Of(source.Signature, port.Signature);
        if (compared.Differences.Count > 0)
        {
            throw new ModelPortException(Diagnose.SignatureDiffers(port.Model.Path, source.Model.Path, compared.Differences));
        }

        if (compared.Narrower.Count > 0)
        {
            observer.Warn(Diagnose.SignatureNarrower(port.Model.Path, compared.Narrower));
        }
    }

    // Other tools leave names as they are, so that the source as it is serves for comparison.
    private static IReadOnlyList<LayerError> Worst(RunContext context, OnnxInput input, OnnxPortFile port)
    {
        var plan = OnnxTransform.Plan(input.Source.Model, new OnnxTransformRequest(OnnxPrecision.FP32));
        using var _ = plan.Model;
        return WorstNodes.Of(context, input, plan, port.Name, () => OnnxModel.Open(port.Path));
    }
}
