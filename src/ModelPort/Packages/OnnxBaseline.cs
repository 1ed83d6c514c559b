using ModelPort.Caching;
using ModelPort.Diagnostics;
using ModelPort.Engines;
using ModelPort.Onnx;
using ModelPort.Onnx.Parity;
using ModelPort.Onnx.Transforms;
using ModelPort.Runtime;

namespace ModelPort.Packages;

/// <summary>An ONNX model that the release before was ported from.</summary>
internal sealed class OnnxBaseline : IBaselineSource
{
    private readonly OnnxInput _input;
    private readonly ContentStore _store;
    private readonly OnnxMeasurementStage _stage;

    /// <summary>Opens it.</summary>
    /// <param name="request">Source and data.</param>
    /// <param name="observer">Told progress.</param>
    /// <param name="cancellation">Stops the work.</param>
    /// <exception cref="ModelPortException">Any error that is found before weights are read.</exception>
    public OnnxBaseline(PortRequest request, IPortObserver observer, CancellationToken cancellation)
    {
        _input = OnnxInput.OpenToMeasure(request with { Onnx = request.Onnx! with { BatchSizes = [] } });
        try
        {
            _store = ContentStore.Open(request.Store, null, observer, cancellation);
            var context = OnnxContext.Of(_input, _store, observer, cancellation);
            _stage = OnnxMeasurementStage.OfFiles(context, _input);
            Sha256 = context.Source.Require().Value;
        }
        catch (EngineException e)
        {
            Dispose();
            throw new ModelPortException(Diagnose.From(e, request.Source), e);
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
    public string Path => _input.Source.Model.Path;

    /// <inheritdoc/>
    public string Data => _input.Evaluation!.Name;

    /// <inheritdoc/>
    public BaselineNumbers? Stored(PortedFile file) => _stage.Stored(Port(file, "", "")) is { } measured ? Of(measured) : null;

    /// <inheritdoc/>
    public BaselineNumbers Measure(PortedFile file, string path, string name) => Of(_stage.Measure(Port(file, path, name)));

    /// <inheritdoc/>
    public void Dispose()
    {
        _store?.Dispose();
        _input.Dispose();
    }

    // As it was measured then: a port for other hardware is not rewritten for this processor.
    private static OnnxPortFile Port(PortedFile file, string path, string name) => new(
        path,
        BaselineMeasurement.IdentityOf(file),
        name,
        OnnxOutput.OptimizationOf(file.Precision == OnnxPrecision.FP8.Name, file.HardwareTarget is not { } hardware || OnnxHardware.All.FirstOrDefault(h => h.Name == hardware)?.IsX64 == true));

    private static BaselineNumbers Of(MeasuredModel measured) => new(measured.Basis.Positions, measured.Figures);
}
