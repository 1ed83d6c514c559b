using System.Text;
using ModelPort.Caching;
using ModelPort.Calibration;
using ModelPort.Checkpoints;
using ModelPort.Diagnostics;
using ModelPort.Engines;
using ModelPort.Formats.Gguf;
using ModelPort.Planning;
using ModelPort.Porting;

namespace ModelPort.Choosing;

/// <summary>
/// The stage that measures what types lose, where types are to be chosen for a size. The table is kept beside the port's records and in the store, and says what
/// it was measured from, so that another size, or another type decided by hand, needs no measurement.
/// </summary>
/// <param name="context">What stages share.</param>
/// <param name="plan">The plan, whose types are still open.</param>
/// <param name="calibration">What weighs columns, if anything; a text is what sensitivities are measured on, too.</param>
internal sealed class ChoiceStage(PortContext context, PortPlan plan, CalibrationInput? calibration)
{
    private const string ObjectName = "table";

    private readonly SensitivityInput _text = calibration is CalibrationText text ? new SensitivityInput(text.Name, text.Path, text.Sha256, text.Text) : SensitivityInput.Default();

    /// <summary>Whether there is anything to choose.</summary>
    public bool IsNeeded { get; } = plan.Outputs.Any(o => o.IsOpen);

    /// <summary>What chosen types depend on beside the source and what weighs columns; nothing when none are chosen.</summary>
    public IReadOnlyList<KeyPart> Parts => IsNeeded ? [.. TableParts, new("Size", context.Request.Checkpoint.Target!.ToString())] : [];

    private IEnumerable<KeyPart> TableParts =>
        [new("Sensitivity's text", _text.Sha256), new("Sensitivity's engine", StageKeys.Engine(context.Engine).Value), new("Sensitivity's CPU back-end", context.CpuBackend)];

    private string TablePath => Path.Combine(context.Request.OutputDirectory, $"{context.Request.Name}.errors.json");

    /// <summary>The table that an earlier run measured from the same, from beside the records or from the store; null when there is none.</summary>
    /// <param name="source">The source's content, where it is known already.</param>
    /// <param name="importance">What the importance matrix depends on.</param>
    public ErrorTable? Kept(SourceHash? source, IReadOnlyList<KeyPart> importance)
    {
        if (!IsNeeded)
        {
            return null;
        }

        if (File.Exists(TablePath) && ErrorTable.TryRead(TablePath, Key(source ??= context.Source.Require(), importance).Value) is { } beside)
        {
            return beside;
        }

        return source is not null && context.TryTake(Key(source, importance), ObjectName, TablePath) ? ErrorTable.TryRead(TablePath, Key(source, importance).Value) : null;
    }

    /// <summary>Measures, and keeps the table.</summary>
    /// <param name="modelPath">The source as GGUF at its own precision.</param>
    /// <param name="source">The source's content.</param>
    /// <param name="weights">What the importance matrix depends on.</param>
    /// <param name="importance">What weighs columns; null for nothing.</param>
    /// <exception cref="ModelPortException">MP2031: llama.cpp cannot run the model; MP3003: the text is too short; MP2001, MP2002: the table cannot be written.</exception>
    public ErrorTable Compute(string modelPath, SourceHash source, IReadOnlyList<KeyPart> weights, Importance? importance)
    {
        var key = Key(source, weights);
        var tensors = plan.Tensors.Where(t => TensorRoles.IsQuantisable(t.Name, t.Shape.AsSpan())).ToArray();
        using var model = GgufShards.Open(modelPath);
        var measured = new ErrorMeasurement(model, context.Request, importance is null ? null : Weights(importance), context.Observer, context.Cancellation).Run(tensors);
        var (text, sensitivities) = Sensitivities(modelPath, measured);
        var table = new ErrorTable(key.Value, text, [.. measured.Select((m, i) => new TensorErrors(m.Tensor.Name, sensitivities[i], m.Tensor.RowCount, m.MeasuredRows, m.Errors))]);
        OutputFile.WriteAll(TablePath, Encoding.UTF8.GetBytes(table.ToJson()));
        context.Keep(key, ObjectName, TablePath);
        return table;
    }

    private StageKey Key(SourceHash source, IReadOnlyList<KeyPart> importance) => StageKeys.OfErrors(StageKeys.OfModel(plan, source), importance, TableParts);

    private (SensitivityText Text, IReadOnlyList<double> Values) Sensitivities(string modelPath, IReadOnlyList<MeasuredTensor> measured)
    {
        try
        {
            return new SensitivityMeasurement(context.Request, _text, context.Observer, context.Cancellation).Run(modelPath, measured);
        }
        catch (EngineException e) when (e.Fault is EngineFault.ModelRefused or EngineFault.DecodeFailed or EngineFault.TokenizeFailed)
        {
            throw new ModelPortException(Diagnose.ChoiceFailed(context.Checkpoint.Folder, e.Found, string.Join(" ", e.NativeLog)), e);
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
