using System.Collections.Immutable;
using ModelPort.Diagnostics;
using ModelPort.Engines.OnnxRuntime;
using ModelPort.Onnx.Calibration;
using ModelPort.Onnx.Data;
using ModelPort.Onnx.Transforms;
using ModelPort.Parity;

namespace ModelPort.Onnx;

/// <summary>A port of an ONNX model that is planned.</summary>
/// <param name="Precision">Its precision.</param>
/// <param name="FileName">The name of its file.</param>
/// <param name="Plan">What is done with each node; null for the model as it is.</param>
/// <param name="Attempt">Tells ports apart that are made at the same place, one of which will stay.</param>
internal sealed record OnnxOutput(OnnxPrecision Precision, string FileName, OnnxTransformPlan? Plan, int Attempt = 0)
{
    /// <summary>
    /// How far the runtime may rewrite the port while it is measured: as it does for an application, unless it is made for other hardware, whose rewriting is not
    /// that of this processor.
    /// </summary>
    public GraphOptimization Optimization => OptimizationOf(Precision == OnnxPrecision.FP8, Plan is null || Plan.Request.Hardware.IsX64);

    /// <summary>The same of a file that is there already.</summary>
    /// <param name="isFloat8">Whether its precision is FP8.</param>
    /// <param name="isX64">Whether it is made for processors as this.</param>
    public static GraphOptimization OptimizationOf(bool isFloat8, bool isX64) => isFloat8 || !isX64 ? GraphOptimization.None : GraphOptimization.All;

    /// <summary>The name of the file for weights, where they do not stand in the model's.</summary>
    public string ExternalName => FileName + ".data";
}

/// <summary>An ONNX model, what is asked of it, the data for it, and the plan: all that is known before weights are read.</summary>
internal sealed class OnnxInput : IDisposable
{
    private static readonly Metric[] s_searched = [Metric.AccuracyDrop, Metric.Accuracy, Metric.LargestOutputDifference, Metric.CosineSimilarity];

    private OnnxInput(PortRequest request, OnnxSource source)
    {
        (Request, Source) = (request, source);
    }

    /// <summary>What the user asks for.</summary>
    public PortRequest Request { get; }

    /// <summary>What the user asks for that only such models can be asked.</summary>
    public OnnxOptions Options => Request.Onnx!;

    /// <summary>The source.</summary>
    public OnnxSource Source { get; }

    /// <summary>What is measured on; null when nothing is measured.</summary>
    public SampleSet? Evaluation { get; private set; }

    /// <summary>What ranges are measured on; null when none are.</summary>
    public SampleSet? Calibration { get; private set; }

    /// <summary>The user's limits on how far a port may be from its source, for which nodes are left in float; none where nothing is measured.</summary>
    public IReadOnlyList<Budget> SearchLimits => Evaluation is null ? [] : [.. Request.Budgets.Where(b => s_searched.Contains(b.Kind.Metric))];

    /// <summary>Samples in a run for which times are taken: what the user gave, or what measurements take.</summary>
    public IReadOnlyList<int> ServedSizes => Options.BatchSizes.Count > 0 ? Options.BatchSizes : [(int)Evaluation!.Batch];

    /// <summary>The ports.</summary>
    public ImmutableArray<OnnxOutput> Outputs { get; private set; } = [];

    /// <summary>What the user should know before any work is done.</summary>
    public IReadOnlyList<Diagnostic> Warnings { get; private set; } = [];

    /// <summary>Every file that the result depends on.</summary>
    public IReadOnlyList<string> Files => [.. Source.Files.Select(f => f.Path), .. Evaluation?.Files ?? [], .. Calibration?.Files ?? []];

    /// <summary>Opens a model and its data, and plans its ports.</summary>
    /// <param name="request">What the user asks for.</param>
    /// <param name="isComplete">Whether data that are needed and not given are an error; for a plan alone they are none.</param>
    /// <exception cref="ModelPortException">Any error that is found before weights are read.</exception>
    /// <exception cref="Formats.InvalidModelFileException">A file is damaged.</exception>
    public static OnnxInput Open(PortRequest request, bool isComplete = true)
    {
        var input = new OnnxInput(request, OnnxSource.Open(request.Source));
        try
        {
            input.Open(isComplete);
            return input;
        }
        catch
        {
            input.Dispose();
            throw;
        }
    }

    /// <summary>Opens a model and its data to measure files that were made of it already: nothing is planned, calibrated or made.</summary>
    /// <param name="request">Source and data; what it asks of ports says nothing about these.</param>
    /// <exception cref="ModelPortException">Any error that is found before weights are read.</exception>
    public static OnnxInput OpenToMeasure(PortRequest request) => Open(request with
    {
        Onnx = request.Onnx! with { Precisions = [OnnxPrecision.FP32], KeepInFloat = [], Optimize = GraphOptimization.None },
        Calibration = null,
        Parity = ParityMode.Error,
    });

    /// <summary>Plans a port that leaves some nodes in float.</summary>
    /// <param name="precision">Its precision.</param>
    /// <param name="keep">Labels of the nodes.</param>
    /// <exception cref="ModelPortException">MP2100: nothing is left to convert; or another error of the plan.</exception>
    public OnnxTransformPlan Plan(OnnxPrecision precision, ImmutableHashSet<string> keep) =>
        OnnxTransform.Plan(Source.Model, new OnnxTransformRequest(precision) { Hardware = Options.Hardware, KeepInFloat = keep, KeepInputsAndOutputs = !Options.HalfInputsAndOutputs });

    /// <inheritdoc/>
    public void Dispose()
    {
        Calibration?.Dispose();
        Evaluation?.Dispose();
        foreach (var output in Outputs)
        {
            output.Plan?.Model.Dispose();
        }

        Source.Dispose();
    }

    // Only the ends of values in a Scan are known.
    private IEnumerable<Diagnostic> InScan(OnnxOutput output)
    {
        if (output is { Precision.Ranges: RangeUse.Required, Plan: { } plan } && Options.Method != RangeMethod.MinMax)
        {
            var index = plan.Model.Index();
            var inside = index.Bodies.Where(InnerValues.IsInScan).SelectMany(index.In).Select(value => value.Name).ToHashSet(StringComparer.Ordinal);
            if (plan.Ranges.Where(inside.Contains).ToArray() is { Length: > 0 } values)
            {
                yield return Diagnose.ScanRanges(Source.Model.Path, output.Precision.Name, values, Options.Method.ToString());
            }
        }
    }

    private void Open(bool isComplete)
    {
        var warnings = new List<Diagnostic>();
        ModelRunner.Check(Source.Model.Path, Source.Signature, Options.State);
        Outputs = [.. Options.Precisions.Select(p => new OnnxOutput(
            p,
            $"{Request.Name}-{p.Name}{OnnxOptions.Extension}",
            p == OnnxPrecision.FP32 ? null : Plan(p, Options.KeepInFloat)))];
        if (Outputs.FirstOrDefault(o => o.Precision.Ranges == RangeUse.Required) is { } ranged && Request.Calibration is null && isComplete)
        {
            throw new ModelPortException(Diagnose.DataMissing(Request.OptionsFile, "Calibration", $"{ranged.Precision} needs the ranges of the model's values"));
        }

        var state = Options.State.Select(p => p.Input).ToArray();
        if (Request.Calibration is { } calibration)
        {
            if (Outputs.All(o => o.Precision.Ranges == RangeUse.None))
            {
                warnings.Add(Diagnose.CalibrationWithoutUse(Request.OptionsFile, string.Join(", ", Options.Precisions)));
            }
            else
            {
                Calibration = SampleSet.Open(calibration, Source.Signature, state);
                warnings.AddRange(Outputs.SelectMany(InScan));
            }
        }

        if (Request.Parity != ParityMode.Off && (isComplete || Request.Evaluation is not null))
        {
            Evaluation = SampleSet.Open(
                Request.Evaluation ?? throw new ModelPortException(Diagnose.DataMissing(Request.OptionsFile, "Evaluation", "a port is measured against its source on inputs of the model")),
                Source.Signature,
                state);
            if (Evaluation.Unused.Count > 0)
            {
                warnings.Add(Diagnose.DataUnused(Evaluation.Path, Evaluation.Unused));
            }
        }

        CheckSizes();
        Warnings = warnings;
    }

    // A state belongs to one sequence, and a batch would be several.
    private void CheckSizes()
    {
        if (Options.BatchSizes.Count > 0 && Options.State.Count > 0)
        {
            throw new ModelPortException(Diagnose.BatchSizeUnfit(Request.OptionsFile, Options.BatchSizes[0], "StatePairs carry the state of one sequence from run to run", "no BatchSizes beside StatePairs"));
        }

        if (Evaluation is { } data && Options.BatchSizes.FirstOrDefault(size => !data.Takes(size)) is > 0 and var unfit)
        {
            throw new ModelPortException(Diagnose.BatchSizeUnfit(
                Request.OptionsFile,
                unfit,
                $"a run of the model takes {data.Batch} {(data.Batch == 1 ? "sample" : "samples")} ({string.Join("; ", Source.Signature.Inputs.Select(i => i.ToString()))})",
                data.Batch.ToString(System.Globalization.CultureInfo.InvariantCulture) + ", or a model whose inputs have an open first dimension"));
        }
    }
}
