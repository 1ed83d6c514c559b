using System.Text;
using ModelPort.Caching;
using ModelPort.Calibration;
using ModelPort.Checkpoints;
using ModelPort.Diagnostics;
using ModelPort.Engines;
using ModelPort.Formats.Gguf;
using ModelPort.Manifests;
using ModelPort.Planning;
using ModelPort.Porting;

namespace ModelPort.Choosing;

/// <summary>
/// The stage that measures what types lose, where types are to be chosen for a size. The table is kept beside the port's records and says what it was
/// measured from, so that another size, or another type decided by hand, needs no measurement.
/// </summary>
/// <param name="request">The request.</param>
/// <param name="plan">The plan, whose types are still open.</param>
/// <param name="calibration">What weighs columns, if anything; a text is what sensitivities are measured on, too.</param>
/// <param name="engine">The engine.</param>
/// <param name="observer">Told progress.</param>
/// <param name="cancellation">Stops the work.</param>
internal sealed class ChoiceStage(PortRequest request, PortPlan plan, CalibrationInput? calibration, EngineRecord engine, IPortObserver observer, CancellationToken cancellation)
{
    private readonly SensitivityInput _text = calibration is CalibrationText text ? new SensitivityInput(text.Name, text.Path, text.Sha256, text.Text) : SensitivityInput.Default();

    /// <summary>Whether there is anything to choose.</summary>
    public bool IsNeeded { get; } = plan.Outputs.Any(o => o.IsOpen);

    private string TablePath => Path.Combine(request.OutputDirectory, $"{request.Name}.errors.json");

    /// <summary>The key of the table; empty when none is needed.</summary>
    /// <param name="source">The source's content.</param>
    /// <param name="calibrationKey">The key of the importance matrix; empty for none.</param>
    public string Key(SourceHash source, string calibrationKey) => IsNeeded ? StageKeys.OfErrors(source, calibrationKey, _text.Sha256, engine) : "";

    /// <summary>The table that an earlier run measured from the same; null when there is none.</summary>
    /// <param name="source">The source's content, where it is known already.</param>
    /// <param name="calibrationKey">The key of the importance matrix.</param>
    public ErrorTable? Kept(SourceHash? source, Func<SourceHash, string> calibrationKey)
    {
        if (!IsNeeded || !File.Exists(TablePath))
        {
            return null;
        }

        source ??= SourceHash.Compute(plan.Checkpoint.Files, request.Threads, observer, cancellation);
        return ErrorTable.TryRead(TablePath, Key(source, calibrationKey(source)));
    }

    /// <summary>Measures, and keeps the table.</summary>
    /// <param name="modelPath">The source as GGUF at its own precision.</param>
    /// <param name="key">The key of the table.</param>
    /// <param name="importance">What weighs columns; null for nothing.</param>
    /// <exception cref="ModelPortException">MP2031: llama.cpp cannot run the model; MP3003: the text is too short; MP2001, MP2002: the table cannot be written.</exception>
    public ErrorTable Compute(string modelPath, string key, Importance? importance)
    {
        var tensors = plan.Tensors.Where(t => TensorRoles.IsQuantisable(t.Name, t.Shape.AsSpan())).ToArray();
        using var model = GgufFile.Open(modelPath);
        var measured = new ErrorMeasurement(model, request, importance is null ? null : Weights(importance), observer, cancellation).Run(tensors);
        var (text, sensitivities) = Sensitivities(modelPath, measured);
        var table = new ErrorTable(key, text, [.. measured.Select((m, i) => new TensorErrors(m.Tensor.Name, sensitivities[i], m.Tensor.RowCount, m.MeasuredRows, m.Errors))]);
        OutputFile.WriteAll(TablePath, Encoding.UTF8.GetBytes(table.ToJson()));
        return table;
    }

    private (SensitivityText Text, IReadOnlyList<double> Values) Sensitivities(string modelPath, IReadOnlyList<MeasuredTensor> measured)
    {
        try
        {
            return new SensitivityMeasurement(request, _text, observer, cancellation).Run(modelPath, measured);
        }
        catch (EngineException e) when (e.Fault is EngineFault.ModelRefused or EngineFault.DecodeFailed or EngineFault.TokenizeFailed)
        {
            throw new ModelPortException(Diagnose.ChoiceFailed(plan.Checkpoint.Folder, e.Found, string.Join(" ", e.NativeLog)), e);
        }
    }

    private static ColumnWeights Weights(Importance importance) => (tensor, matrix, weights) =>
    {
        if (importance.EntryOf(tensor) is not { } entry)
        {
            return false;
        }

        entry.CopyWeights((long)matrix * weights.Length, weights);
        return true;
    };
}
