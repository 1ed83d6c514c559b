using ModelPort.Planning;

namespace ModelPort.Porting;

/// <summary>
/// The source as GGUF at its own precision, which llama.cpp runs where something is computed or measured with it. It is written once, in the pass that makes
/// the ports if that is soon enough; where it is itself asked for it becomes that output, else it is gone at the end.
/// </summary>
/// <param name="context">What stages share.</param>
/// <param name="plan">The plan.</param>
/// <param name="ports">Makes files.</param>
internal sealed class SourceModel(PortContext context, PortPlan plan, PortStage ports) : IDisposable
{
    private readonly Lazy<OutputPlan> _plan = new(() => plan.Outputs.FirstOrDefault(o => IsOwn(context, o))
        ?? Planner.Plan(context.Checkpoint, context.Request.ForSource(Planner.OwnPrecision(context.Checkpoint)) with { Strict = false, StrictPrecision = false }).Outputs[0]);

    private OutputFiles? _files;
    private bool _isReleased;

    /// <summary>Whether it has been written.</summary>
    public bool IsWritten { get; set; }

    /// <summary>Whether an output is the source at its own precision.</summary>
    public bool Is(OutputPlan output) => IsOwn(context, output);

    /// <summary>The path that llama.cpp is given; the files are written now unless they were before.</summary>
    public string Written()
    {
        if (!IsWritten)
        {
            ports.Make(plan, [Begin()], null);
            IsWritten = true;
        }

        return _files!.TemporaryPath;
    }

    /// <summary>Its files, for the pass that writes them together with others.</summary>
    public OutputFiles Begin() => _files ??= plan.Outputs.Any(Is) ? ports.Create(_plan.Value) : ports.CreateScratch(_plan.Value);

    /// <summary>Hands its files over to the output that it is.</summary>
    public OutputFiles Release()
    {
        _isReleased = true;
        return Begin();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!_isReleased)
        {
            _files?.Dispose();
        }
    }

    private static bool IsOwn(PortContext context, OutputPlan output) => output.Precision == Planner.OwnPrecision(context.Checkpoint);
}
