using System.Globalization;
using ModelPort.Caching;
using ModelPort.Calibration;
using ModelPort.Choosing;
using ModelPort.Diagnostics;
using ModelPort.Manifests;
using ModelPort.Parity;
using ModelPort.Planning;
using ModelPort.Porting;
using ModelPort.Reports;

namespace ModelPort;

/// <summary>
/// One run of the pipeline inside the output folder's lock. Each stage's result is taken from where it is: the folder, the store, or the work itself, which
/// is done by one build at a time while others that want the same wait.
/// </summary>
internal sealed class PortRun : IPortRun
{
    private readonly PortContext _context;
    private readonly CalibrationStage _calibration;
    private readonly ChoiceStage _choice;
    private readonly PortStage _ports;
    private readonly MeasurementStage _measurement;
    private readonly Verdicts _verdicts;
    private readonly Lazy<StageKey> _planKey;
    private readonly Lazy<StageKey> _sourceKey;
    private readonly SourceModel _sourceModel;
    private readonly SharedWork _work;
    private PortPlan _plan;
    private bool _isNoted;

    /// <summary>Prepares a run.</summary>
    /// <param name="context">What stages share.</param>
    /// <param name="plan">The plan.</param>
    /// <param name="calibration">What weighs columns, if anything.</param>
    /// <param name="data">What is measured on.</param>
    public PortRun(PortContext context, PortPlan plan, CalibrationInput? calibration, EvaluationData data)
    {
        _context = context;
        _plan = plan;
        _calibration = new CalibrationStage(context, calibration, plan);
        _choice = new ChoiceStage(context, plan, calibration);
        _ports = new PortStage(context);
        _measurement = new MeasurementStage(context, data);
        _verdicts = new Verdicts(context, Judge.Defaults);
        _sourceModel = new SourceModel(context, plan, _ports);
        _sourceKey = new(() => StageKeys.OfSource(context.Checkpoint));
        _planKey = new(() => StageKeys.OfPlan(plan, context.Request, _calibration.Parts, _choice.Parts, context.Engine));
        _work = new SharedWork(context.Store, () => _planKey.Value, context.Request.Name, () => LookBefore(null));
    }

    private bool ToMeasure => _context.Request.Parity != ParityMode.Off;

    /// <inheritdoc/>
    public IReadOnlyList<string> Inputs =>
        [.. _context.Checkpoint.Files.Select(f => f.Path), .. new[] { _context.Request.Calibration, _context.Request.Evaluation, _context.Request.Checkpoint.ReferenceOutputs }.OfType<string>(), .. _context.Request.Checkpoint.Tasks];

    /// <summary>The plan with all that is computed for it, without a port.</summary>
    public PortPlan Plan()
    {
        LookBefore(null);
        Complete(null);
        return _plan;
    }

    /// <inheritdoc/>
    public IReadOnlyList<string> Why(Manifest earlier)
    {
        _context.Source.Require();
        var key = PortKey();
        var port = PortChanges(earlier, key);
        return [.. port.Concat(port.Count > 0 ? [] : _context.FilesChanged(earlier)).Concat(!ToMeasure || port.Count > 0 ? [] : ReportChanged(earlier, key, out _))];
    }

    /// <inheritdoc/>
    public IReadOnlyList<string> WhyPortedAgain(Manifest earlier)
    {
        _context.Source.Require();
        return PortChanges(earlier, PortKey());
    }

    /// <inheritdoc/>
    public RunResult Everything(Manifest? earlier)
    {
        LookBefore(earlier);
        if (earlier is not null && AsLeft(earlier) is { } asLeft)
        {
            return asLeft;
        }

        var importance = Complete(earlier);
        var ports = Once(() => Found(earlier), () => Ported(importance));
        try
        {
            Diagnostic[] losses = [.. ports.SelectMany(p => p.Warnings).Distinct()];
            Array.ForEach(losses, _context.Warn);
            var measured = ToMeasure ? Measured(ports, out var isNew) : Unmeasured(ports.Length, out isNew);
            var writer = new ManifestWriter(_context, _plan);
            OutputRecord[] outputs = [.. ports.Zip(measured, (p, m) => _verdicts.Judged(writer.Output(p, m?.Port)))];
            foreach (var port in ports)
            {
                port.Commit();
            }

            var key = PortKey();
            var manifest = writer.Write(
                _context.Source.Known!,
                outputs,
                losses,
                importance is null ? null : _calibration.Record(importance),
                measured[0]?.Basis,
                key,
                ToMeasure ? _measurement.Key(key) : null);
            return new RunResult(manifest, ToMeasure ? new ParityReport(ParityReport.CurrentSchema, manifest, [.. measured.Select(m => m!.Port.Positions)]) : null, ports.Any(p => !p.IsKept), isNew);
        }
        finally
        {
            foreach (var port in ports)
            {
                port.Dispose();
            }
        }
    }

    /// <inheritdoc/>
    public IReadOnlyList<Diagnostic> Missed(Manifest manifest) => _verdicts.Missed(manifest);

    /// <inheritdoc/>
    public void Dispose()
    {
        _sourceModel.Dispose();
        _work.Dispose();
    }

    private StageKey PortKey() => StageKeys.OfPort(_plan, _context.Source.Known!, _context.Request, _calibration.Parts, _choice.Parts, _context.Engine);

    // Where something was made of this source before, it is worth reading first; else it is hashed by the pass that ports it.
    private void LookBefore(Manifest? earlier)
    {
        if (_context.Source.Known is null && (earlier is not null || (_context.Store.IsOn && _context.Store.TryGetRecord(_sourceKey.Value) is not null)))
        {
            _context.Source.Require();
        }
    }

    /// <summary>What an earlier run left in the folder, when it is all that is wanted.</summary>
    private RunResult? AsLeft(Manifest earlier)
    {
        var key = PortKey();
        ParityReport? report = null;
        if (Told(PortChanges(earlier, key)) || Told(_context.FilesChanged(earlier)) || (ToMeasure && Told(ReportChanged(earlier, key, out report))))
        {
            return null;
        }

        return _verdicts.AsLeft(earlier, report);
    }

    private static IReadOnlyList<string> PortChanges(Manifest earlier, StageKey now) => KeyChange.Reasons("ported again", earlier.Keys.Port, earlier.Keys.PortParts, now);

    private bool Told(IReadOnlyList<string> changes)
    {
        foreach (var change in changes)
        {
            _context.Observer.Detail($"{_context.Request.Name}: {change}");
        }

        return changes.Count > 0;
    }

    private IReadOnlyList<string> ReportChanged(Manifest earlier, StageKey port, out ParityReport? report)
    {
        report = ParityReport.TryRead(Path.Combine(_context.Request.OutputDirectory, ParityReport.FileName), earlier);
        var changes = KeyChange.Reasons("measured again", earlier.Keys.Parity, earlier.Keys.ParityParts, _measurement.Key(port));
        return changes.Count > 0 ? changes
            : report is null ? [$"measured again because {ParityReport.FileName} is not as it was left"]
            : !_measurement.IsServedHere(earlier) ? ["measured again because times are of another machine"]
            : !_measurement.IsAttributed(earlier) ? ["measured again because nobody measured what each layer costs"]
            : [];
    }

    /// <summary>Completes the plan: with an importance matrix, and with types that are chosen for a size.</summary>
    private Importance? Complete(Manifest? earlier)
    {
        var importance = _calibration.Given;
        if (_calibration.IsComputed)
        {
            importance = Once(() => _calibration.Kept(earlier, _context.Source.Known), () => _calibration.Compute(_sourceModel.Written(), _context.Source.Known!));
        }

        var errors = _choice.IsNeeded
            ? Once(() => _choice.Kept(_context.Source.Known, _calibration.Parts), () => _choice.Compute(_sourceModel.Written(), _context.Source.Known!, _calibration.Parts, importance))
            : null;
        if ((importance is not null && _calibration.IsComputed) || errors is not null)
        {
            _plan = Replanned(importance, errors);
        }

        return importance;
    }

    // The plan with all that was computed for it: the matrix's numbers in the headers and what it leaves out in the warnings, and the types that were chosen.
    private PortPlan Replanned(Importance? importance, ErrorTable? errors)
    {
        var replanned = Planner.Plan(_context.Checkpoint, _context.Request, importance, errors);
        foreach (var mix in replanned.Outputs.Select(o => o.Mix).OfType<Mix>())
        {
            _context.Observer.Detail(string.Create(CultureInfo.InvariantCulture, $"{_context.Request.Name}: types chosen for {Sizes.Bytes(mix.LimitBytes)}; expected divergence {mix.Divergence:0.00000} nats, at most {100 * mix.Gap:0.00} % above the best mix"));
        }

        foreach (var warning in replanned.Warnings.Except(_plan.Warnings))
        {
            _context.Observer.Warn(warning);
        }

        return replanned with { Warnings = [.. _plan.Warnings.Union(replanned.Warnings)] };
    }

    /// <summary>All outputs, when none has to be ported: those of the folder, if it has all of the same run, else those of the store.</summary>
    private ReadyPort[]? Found(Manifest? earlier)
    {
        if (_context.Source.Known is not { } source)
        {
            return null;
        }

        var isSame = earlier?.Keys.Port == PortKey().Value;
        var found = _plan.Outputs.Select(o => (isSame ? _ports.Left(o, earlier!) : null) ?? _ports.Stored(_plan, o, source, _calibration.Parts)).TakeWhile(p => p is not null).ToArray();
        if (found.Length == _plan.Outputs.Count)
        {
            return found!;
        }

        Array.ForEach(found, p => p!.Dispose());
        return null;
    }

    /// <summary>Ports what neither the folder nor the store has, and the source beside it when it will be measured, in one pass.</summary>
    private ReadyPort[] Ported(Importance? importance)
    {
        var ready = new Dictionary<string, ReadyPort>(StringComparer.Ordinal);
        var files = new List<OutputFiles>();
        try
        {
            if (_context.Source.Known is { } source)
            {
                foreach (var port in _plan.Outputs.Where(o => !_sourceModel.IsWritten || !_sourceModel.Is(o)).Select(o => _ports.Stored(_plan, o, source, _calibration.Parts)).OfType<ReadyPort>())
                {
                    ready.Add(port.Plan.FileName, port);
                }
            }

            foreach (var output in _plan.Outputs.Where(o => !ready.ContainsKey(o.FileName)))
            {
                files.Add(_sourceModel.Is(output) ? _sourceModel.Release() : _ports.Create(output));
            }

            var pass = files.Where(f => !_sourceModel.IsWritten || !_sourceModel.Is(f.Plan)).ToList();
            if (ToMeasure && !_sourceModel.IsWritten && !_plan.Outputs.Any(_sourceModel.Is))
            {
                pass.Add(_sourceModel.Begin());
            }

            var losses = pass.Count == 0 ? [] : _ports.Make(_plan, pass, importance);
            _sourceModel.IsWritten |= pass.Any(p => _sourceModel.Is(p.Plan));
            foreach (var file in files)
            {
                ready.Add(file.Plan.FileName, _ports.Keep(_plan, file, losses, _calibration.Parts));
            }

            return [.. _plan.Outputs.Select(o => ready[o.FileName])];
        }
        catch
        {
            foreach (var file in files.Concat<IDisposable>(ready.Values))
            {
                file.Dispose();
            }

            throw;
        }
    }

    private MeasuredPort?[] Measured(ReadyPort[] ports, out bool isNew)
    {
        var anew = false;
        var measured = Once(() => ports.Select(_measurement.Stored).ToArray() is var all && all.All(m => m is not null) ? all : null, () =>
        {
            var all = ports.Select(_measurement.Stored).ToArray();
            var missing = Enumerable.Range(0, ports.Length).Where(i => all[i] is null).ToArray();
            var own = ports.FirstOrDefault(p => _sourceModel.Is(p.Plan))?.CurrentPath ?? _sourceModel.Written();
            foreach (var (index, port) in missing.Zip(_measurement.Measure(_plan, own, [.. missing.Select(i => ports[i])])))
            {
                all[index] = port;
            }

            anew = true;
            return all;
        });
        isNew = anew;
        return measured;
    }

    private static MeasuredPort?[] Unmeasured(int count, out bool isNew)
    {
        isNew = false;
        return new MeasuredPort?[count];
    }

    // Whoever comes after this knows then that something was made of the source, and reads it first.
    private T Once<T>(Func<T?> find, Func<T> make)
        where T : class => _work.Once(find, () =>
        {
            var made = make();
            if (!_isNoted && _context.Store.IsOn)
            {
                _isNoted = true;
                _context.Store.PutRecord(StoreRecord.Of(_sourceKey.Value, _context.Request.Name, new Dictionary<string, StoredObject>()));
            }

            return made;
        });
}
