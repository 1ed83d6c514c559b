using ModelPort.Caching;
using ModelPort.Checkpoints;
using ModelPort.Diagnostics;
using ModelPort.Manifests;
using ModelPort.Parity;
using ModelPort.Planning;
using ModelPort.Runtime;

namespace ModelPort.Packages;

/// <summary>A checkpoint that the release before was ported from.</summary>
internal sealed class CheckpointBaseline : IBaselineSource
{
    private readonly PortRequest _request;
    private readonly Checkpoint _checkpoint;
    private readonly ContentStore _store;
    private readonly PortContext _context;
    private readonly EvaluationData _data;
    private readonly MeasurementStage _stage;

    /// <summary>Opens it.</summary>
    /// <param name="request">Source and data.</param>
    /// <param name="observer">Told progress.</param>
    /// <param name="cancellation">Stops the work.</param>
    /// <exception cref="ModelPortException">Any error that is found before weights are read.</exception>
    public CheckpointBaseline(PortRequest request, IPortObserver observer, CancellationToken cancellation)
    {
        _request = request;
        _checkpoint = Checkpoint.Open(request.Source);
        try
        {
            _store = ContentStore.Open(request.Store, null, observer, cancellation);
            _context = PortPipeline.Context(request, _checkpoint, _store, observer, cancellation);
            _data = EvaluationData.Open(request, Planner.Plan(_checkpoint, request with { Calibration = null }).ParameterCount);
            _stage = new MeasurementStage(_context, _data);
            Sha256 = _context.Source.Require().Value;
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public string Sha256 { get; }

    /// <inheritdoc/>
    public string Path => _checkpoint.Folder;

    /// <inheritdoc/>
    public string Data => string.Join(", ", _data.Tasks.Select(t => t.Name).Prepend(_data.Text.Name));

    /// <inheritdoc/>
    public BaselineNumbers? Stored(PortedFile file) => _stage.Stored(BaselineMeasurement.IdentityOf(file)) is { } measured ? Of(measured) : null;

    /// <inheritdoc/>
    public BaselineNumbers Measure(PortedFile file, string path, string name)
    {
        var outcome = PortValidation.Run(path, _request, _context.Observer, _context.Cancellation);
        var (text, windows, backend) = (outcome.Basis.Text, outcome.Basis.Windows, outcome.Basis.CpuBackend);
        var basis = new EvaluationRecord(text.Name, text.Sha256, windows.Length, windows.FirstScored, windows.Count, windows.Count * windows.Rows, backend, null);
        return Of(_stage.Keep(BaselineMeasurement.IdentityOf(file), name, new MeasuredPort(basis, outcome.Port)));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _store?.Dispose();
        _checkpoint.Dispose();
    }

    private static BaselineNumbers Of(MeasuredPort measured) => new(measured.Basis.Positions, measured.Port.Figures);
}
