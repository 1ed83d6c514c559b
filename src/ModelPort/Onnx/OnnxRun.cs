using ModelPort.Caching;
using ModelPort.Diagnostics;
using ModelPort.Engines;
using ModelPort.Manifests;
using ModelPort.Onnx.Calibration;
using ModelPort.Onnx.Parity;
using ModelPort.Parity;
using ModelPort.Parity.Attribution;
using ModelPort.Reports;

namespace ModelPort.Onnx;

/// <summary>One run over an ONNX model: each stage's result is taken from the folder or the store, or made while other builds that want the same wait.</summary>
internal sealed class OnnxRun : IPortRun
{
    private readonly OnnxInput _input;
    private readonly RunContext _context;
    private readonly Lazy<OnnxKeys> _keys;
    private readonly OnnxPortStage _ports;
    private readonly OnnxMeasurementStage _measurement;
    private readonly NodeSearch _search;
    private readonly Verdicts _verdicts;
    private readonly Lazy<string?> _calibrationHash;
    private readonly Lazy<string?> _evaluationHash;
    private readonly SharedWork _work;
    private bool _isMeasured;

    /// <summary>Prepares a run.</summary>
    /// <param name="input">The model, its data, and the plan; stays open as long as this.</param>
    /// <param name="store">What was made before.</param>
    /// <param name="observer">Told warnings and progress.</param>
    /// <param name="cancellation">Stops the work.</param>
    /// <exception cref="EngineException">ONNX Runtime cannot be loaded.</exception>
    public OnnxRun(OnnxInput input, ContentStore store, IPortObserver observer, CancellationToken cancellation)
    {
        _input = input;
        _context = OnnxContext.Of(input, store, observer, cancellation);
        _calibrationHash = new(() => input.Calibration is { } data ? OnnxContext.HashOf(_context, data) : null);
        _evaluationHash = new(() => input.Evaluation is { } data ? OnnxContext.HashOf(_context, data) : null);
        _keys = new(() => new OnnxKeys(input, _context.Source.Require(), _calibrationHash.Value, _evaluationHash.Value, _context.Engine, _context.CpuBackend));
        _work = new SharedWork(store, () => Keys.Port, input.Request.Name);
        var ranges = new RangeStage(_context, input, _keys);
        _ports = new OnnxPortStage(_context, input, _keys, ranges);
        _measurement = new OnnxMeasurementStage(_context, input, _keys, _evaluationHash);
        _search = new NodeSearch(_context, input, _keys, _ports);
        _verdicts = new Verdicts(_context, OnnxBudgets.Defaults);
    }

    /// <inheritdoc/>
    public IReadOnlyList<string> Inputs => _input.Files;

    private bool ToMeasure => _input.Evaluation is not null;

    private OnnxKeys Keys => _keys.Value;

    /// <inheritdoc/>
    public IReadOnlyList<string> Why(Manifest earlier) => Changes(earlier, out _);

    /// <inheritdoc/>
    public IReadOnlyList<string> WhyPortedAgain(Manifest earlier) => KeyChange.Reasons("ported again", earlier.Keys.Port, earlier.Keys.PortParts, Keys.Port);

    /// <inheritdoc/>
    public RunResult Everything(Manifest? earlier)
    {
        foreach (var warning in _input.Warnings)
        {
            _context.Warn(warning);
        }

        ParityReport? report = null;
        IReadOnlyList<string>? changes = earlier is null ? null : Changes(earlier, out report);
        if (changes is [])
        {
            return _verdicts.AsLeft(earlier!, report);
        }

        foreach (var change in changes ?? [])
        {
            _context.Observer.Detail($"{_context.Request.Name}: {change}");
        }

        var ready = new List<ReadyModel>();
        try
        {
            foreach (var output in _input.Outputs.Select(_search.Chosen))
            {
                ready.Add(_work.Once(() => _ports.Found(output, earlier), () => _ports.Make(output)));
            }

            return Recorded(ready);
        }
        finally
        {
            ready.ForEach(r => r.Dispose());
        }
    }

    /// <inheritdoc/>
    public IReadOnlyList<Diagnostic> Missed(Manifest manifest) => _verdicts.Missed(manifest);

    /// <inheritdoc/>
    public void Dispose() => _work.Dispose();

    private RunResult Recorded(List<ReadyModel> ready)
    {
        var measured = ToMeasure ? Measured(ready) : new MeasuredModel?[ready.Count];
        var attributed = ToMeasure && _context.Request.Attribute ? [.. ready.Select(r => Attributed(r.File))] : new AttributionRecord?[ready.Count];
        Diagnostic[] warnings =
        [
            .. ready.SelectMany(r => r.Warnings.Concat(_search.Warnings(r))).Distinct(),
            .. ready.Zip(measured).SelectMany(m => m.Second?.Warnings(_context.SourcePath, m.First.Output.Precision.Name, m.First.Kernels) ?? []),
        ];
        Array.ForEach(warnings, _context.Warn);
        OutputRecord[] outputs = [.. ready.Zip(measured, attributed).Select(p => _search.Blamed(p.First, _verdicts.Judged(OnnxManifest.Output(_input, p.First, p.Second) with { Attribution = p.Third })))];
        foreach (var port in ready)
        {
            port.Commit();
        }

        var manifest = OnnxManifest.Write(_context, _input, outputs, [.. _input.Warnings, .. warnings], measured.FirstOrDefault()?.Basis, _calibrationHash.Value, Keys);
        return new RunResult(manifest, ToMeasure ? new ParityReport(ParityReport.CurrentSchema, manifest, []) : null, ready.Any(r => !r.IsKept), _isMeasured);
    }

    // A port that misses a limit gives way to one with some nodes in float, if that keeps it; times are taken of what stays.
    private MeasuredModel?[] Measured(List<ReadyModel> ready)
    {
        MeasuredModel Measure(ReadyModel port) => _work.Once(() => _measurement.Stored(port.File), () => New(_measurement.Measure(port.File)));
        var measured = new MeasuredModel?[ready.Count];
        for (var i = 0; i < ready.Count; i++)
        {
            var found = Measure(ready[i]);
            if (_search.IsNeeded(ready[i], found) && _search.Find(ready[i], Measure) is { } better)
            {
                ready[i].Dispose();
                (ready[i], found) = better;
            }

            measured[i] = _measurement.IsServed(ready[i].File) ? found.With(_work.Once(() => _measurement.StoredServing(ready[i].File), () => New(_measurement.Serve(ready[i].File)))) : found;
        }

        return measured;
    }

    private AttributionRecord Attributed(OnnxPortFile port) => _work.Once(() => _measurement.StoredAttribution(port), () => New(_measurement.Attribute(port)));

    private T New<T>(T found)
    {
        _isMeasured = true;
        return found;
    }

    private IReadOnlyList<string> Changes(Manifest earlier, out ParityReport? report)
    {
        report = ToMeasure ? ParityReport.TryRead(Path.Combine(_context.Request.OutputDirectory, ParityReport.FileName), earlier) : null;
        var changes = WhyPortedAgain(earlier);
        return changes.Count > 0 ? changes
            : _context.FilesChanged(earlier) is { Count: > 0 } files ? files
            : !ToMeasure ? []
            : KeyChange.Reasons("measured again", earlier.Keys.Parity, earlier.Keys.ParityParts, Keys.Parity) is { Count: > 0 } again ? again
            : !_measurement.IsServedHere(earlier) ? ["measured again because times are of another machine, or of other batch sizes, or were not taken"]
            : !_measurement.IsAttributed(earlier) ? ["measured again because nobody measured what each layer costs"]
            : report is null ? [$"measured again because {ParityReport.FileName} is not as it was left"]
            : [];
    }
}
