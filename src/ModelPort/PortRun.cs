using System.Globalization;
using ModelPort.Caching;
using ModelPort.Calibration;
using ModelPort.Checkpoints;
using ModelPort.Choosing;
using ModelPort.Diagnostics;
using ModelPort.Engines.LlamaCpp;
using ModelPort.Formats.Gguf;
using ModelPort.Manifests;
using ModelPort.Parity;
using ModelPort.Parity.Behaviour;
using ModelPort.Parity.Serving;
using ModelPort.Planning;
using ModelPort.Porting;
using ModelPort.Reports;

namespace ModelPort;

/// <summary>What came of a run.</summary>
/// <param name="Manifest">The manifest.</param>
/// <param name="Report">The report; null when nothing is measured.</param>
/// <param name="Ported">Whether files were written; false when they were there already.</param>
/// <param name="Measured">Whether parity was measured in this run.</param>
internal sealed record RunResult(Manifest Manifest, ParityReport? Report, bool Ported, bool Measured);

/// <summary>One run of the pipeline inside the lock: decides which stages are needed, carries them out and writes down what came of them.</summary>
internal sealed class PortRun(
    PortRequest request, PortPlan plan, CalibrationInput? calibration, EvaluationData data, EngineRecord engine, IPortObserver observer, CancellationToken cancellation)
{
    private readonly CalibrationStage _calibration = new(request, calibration, plan, engine, observer, cancellation);
    private readonly ChoiceStage _choice = new(request, plan, calibration, engine, observer, cancellation);
    private readonly string? _referenceHash = request.ReferenceOutputs is { } path ? HashReference(path, cancellation) : null;

    /// <summary>Every file the result depends on.</summary>
    public IReadOnlyList<string> Inputs =>
        [.. plan.Checkpoint.Files.Select(f => f.Path), .. new[] { request.Calibration, request.Evaluation, request.ReferenceOutputs }.OfType<string>(), .. request.Tasks];

    /// <summary>Ports and measures.</summary>
    public RunResult Everything() => Everything(null, null);

    /// <summary>The plan with all that is computed for it, without a port.</summary>
    public PortPlan Plan()
    {
        var files = new Dictionary<string, OutputFile>(StringComparer.Ordinal);
        try
        {
            Prepare(files, null, null, toMeasure: false);
            return plan;
        }
        finally
        {
            foreach (var file in files.Values)
            {
                file.Dispose();
            }
        }
    }

    /// <summary>Looks at what an earlier run left, and does only what is missing.</summary>
    public RunResult WhatIsMissing(Manifest earlier)
    {
        var toMeasure = request.Parity != ParityMode.Off;
        var report = toMeasure ? ParityReport.TryRead(Path.Combine(request.OutputDirectory, ParityReport.FileName), earlier) : null;
        var hash = SourceHash.Compute(plan.Checkpoint.Files, request.Threads, observer, cancellation);
        var portKey = PortKey(hash);
        var measured = !toMeasure || (report is not null && earlier.Keys.Parity == StageKeys.OfParity(portKey, data, _referenceHash, request, engine) && IsServedHere(earlier) && IsAttributed(earlier));
        if (earlier.Keys.Port != portKey || !measured || !earlier.Outputs.All(IsWhole))
        {
            return Everything(earlier, hash);
        }

        observer.Detail($"{request.Name}: the same source and options were ported before; judging the recorded numbers");
        var manifest = earlier with { Outputs = [.. earlier.Outputs.Select(Judged)] };
        return new RunResult(manifest, report is null ? null : report with { Manifest = manifest }, false, false);
    }

    /// <summary>An error for each budget that is missed, and for each way in which a port behaves otherwise than its source.</summary>
    public IReadOnlyList<Diagnostic> Missed(Manifest manifest) =>
        [.. from output in manifest.Outputs
            from budget in output.Budgets
            where !budget.Passes
            select Gate.Failure(plan.Checkpoint.Folder, $"{request.Name} {output.Precision}", budget, output.Metrics, Gate.Data(manifest, output, budget), output.Attribution),
         .. from output in manifest.Outputs
            where output.Verdict == Verdict.Missed
            from failure in output.Behaviour?.Failures ?? []
            select failure.ToDiagnostic(Path.Combine(request.OutputDirectory, output.File))];

    private IReadOnlyList<Precision> Precisions => [.. plan.Outputs.Select(o => o.Precision)];

    // Times are of the machine that they were taken on.
    private bool IsServedHere(Manifest earlier) =>
        !request.MeasuresServing || earlier.Outputs.All(o => o.Serving?.Hardware == Hardware.Here(request.Threads, LlamaRuntime.Load().CpuBackend));

    private bool IsAttributed(Manifest earlier) => !request.Attribute || earlier.Outputs.All(o => o.Attribution?.Costs is not null);

    private string PortKey(SourceHash source)
    {
        var calibrationKey = _calibration.Key(source);
        return StageKeys.OfPort(source, request, Precisions, calibrationKey, _choice.Key(source, calibrationKey));
    }

    private RunResult Everything(Manifest? earlier, SourceHash? hash)
    {
        var toMeasure = request.Parity != ParityMode.Off;
        var files = new Dictionary<string, OutputFile>(StringComparer.Ordinal);
        try
        {
            foreach (var output in plan.Outputs.Where(o => !o.IsOpen))
            {
                files.Add(output.FileName, Create(output));
            }

            var (own, first, importance) = Prepare(files, earlier, hash, toMeasure);
            foreach (var output in plan.Outputs.Where(o => !files.ContainsKey(o.FileName)))
            {
                files.Add(output.FileName, Create(output));
            }

            var rest = plan.Outputs.Append(own).OfType<OutputPlan>().DistinctBy(o => o.FileName).Where(o => first is null || o.FileName != own!.FileName);
            var result = Porter.Run(plan, [.. rest.Select(o => (o, files[o.FileName]))], request, observer, cancellation, importance, first?.Source ?? hash);
            result = result with { Warnings = [.. first?.Warnings ?? [], .. result.Warnings] };
            foreach (var warning in result.Warnings)
            {
                Warn(warning);
            }

            var ports = plan.Outputs.Select(o => files[o.FileName]).ToArray();
            var hashes = ports.Select(f => f.Hash(cancellation)).ToArray();
            var (basis, parities) = toMeasure
                ? Measure(files[own!.FileName].TemporaryPath, [.. ports.Select(p => p.TemporaryPath)])
                : (null, new PortMeasurement?[ports.Length]);
            var outputs = plan.Outputs.Select((o, i) => Record(o, hashes[i], parities[i])).ToArray();
            foreach (var file in ports)
            {
                file.Commit();
            }

            var manifest = Write(result, outputs, basis, importance);
            return new RunResult(manifest, toMeasure ? new ParityReport(ParityReport.CurrentSchema, manifest, [.. parities.Select(p => p!.Positions)]) : null, true, toMeasure);
        }
        finally
        {
            foreach (var file in files.Values)
            {
                file.Dispose();
            }
        }
    }

    private OutputFile Create(OutputPlan output) => OutputFile.Create(Path.Combine(request.OutputDirectory, output.FileName), output.FileLength);

    /// <summary>Does what has to be done before the ports can be written, and completes the plan: computes the importance matrix, and chooses types.</summary>
    /// <param name="files">The files so far. The source as GGUF at its own precision is added, where something is computed or measured with it.</param>
    /// <param name="earlier">What an earlier run recorded.</param>
    /// <param name="hash">The source's content, where it is known already.</param>
    /// <param name="toMeasure">Whether ports will be measured against the source.</param>
    /// <returns>The plan of the source, what came of writing it when it is written already, and the matrix.</returns>
    private (OutputPlan? Own, PortResult? Written, Importance? Importance) Prepare(Dictionary<string, OutputFile> files, Manifest? earlier, SourceHash? hash, bool toMeasure)
    {
        var importance = _calibration.Given ?? _calibration.Kept(earlier, hash);
        var errors = _choice.Kept(hash, _calibration.Key);
        var toCalibrate = importance is null && _calibration.IsComputed;
        var toChoose = errors is null && _choice.IsNeeded;
        var own = toCalibrate || toChoose || toMeasure ? Baseline() : null;
        if (own is not null && !files.ContainsKey(own.FileName))
        {
            // Nobody asked for it: it is never given a name, and is gone afterwards.
            files.Add(own.FileName, OutputFile.CreateScratch(Path.Combine(request.OutputDirectory, own.FileName), own.FileLength));
        }

        PortResult? written = null;
        if (toCalibrate || toChoose)
        {
            written = Porter.Run(plan, [(own!, files[own!.FileName])], request, observer, cancellation, known: hash);
            var path = files[own.FileName].TemporaryPath;
            importance = toCalibrate ? _calibration.Compute(path, written.Source) : importance;
            errors = toChoose ? _choice.Compute(path, _choice.Key(written.Source, _calibration.Key(written.Source)), importance) : errors;
        }

        if ((importance is not null && _calibration.IsComputed) || errors is not null)
        {
            plan = Replanned(importance, errors);
        }

        return (own, written, importance);
    }

    // The plan with all that was computed for it: the matrix's numbers in the headers and what it leaves out in the warnings, and the types that were chosen.
    private PortPlan Replanned(Importance? importance, ErrorTable? errors)
    {
        var replanned = Planner.Plan(plan.Checkpoint, request, importance, errors);
        foreach (var mix in replanned.Outputs.Select(o => o.Mix).OfType<Mix>())
        {
            observer.Detail(string.Create(CultureInfo.InvariantCulture, $"{request.Name}: types chosen for {Sizes.Bytes(mix.LimitBytes)}; expected divergence {mix.Divergence:0.00000} nats, at most {100 * mix.Gap:0.00} % above the best mix"));
        }

        foreach (var warning in replanned.Warnings.Except(plan.Warnings))
        {
            observer.Warn(warning);
        }

        return replanned with { Warnings = [.. plan.Warnings.Union(replanned.Warnings)] };
    }

    private OutputPlan Baseline()
    {
        var own = Planner.OwnPrecision(plan.Checkpoint);
        return plan.Outputs.FirstOrDefault(o => o.Precision == own)
            ?? Planner.Plan(plan.Checkpoint, request with { Precisions = [own], Choice = TensorChoice.None, Calibration = null, Strict = false, StrictPrecision = false }).Outputs[0];
    }

    private (MeasurementBasis? Basis, PortMeasurement?[] Ports) Measure(string sourcePath, IReadOnlyList<string> portPaths)
    {
        try
        {
            var (basis, ports) = new ParityMeasurement(request, plan.Checkpoint, data, observer, cancellation).Measure(sourcePath, portPaths);
            return (basis, [.. ports]);
        }
        catch (Engines.EngineException e)
        {
            throw new ModelPortException(Diagnose.From(e, plan.Checkpoint.Folder), e);
        }
    }

    private OutputRecord Record(OutputPlan output, string hash, PortMeasurement? measured) => Judged(new OutputRecord
    {
        File = output.FileName,
        Precision = output.Precision.Name,
        Bytes = output.FileLength,
        Sha256 = hash,
        TensorTypes = output.TypeCounts.ToDictionary(t => GgmlTypes.Name(t.Key), t => t.Value),
        Fallbacks = [.. output.Fallbacks.Select(f => new FallbackRecord(f.Tensor, GgmlTypes.Name(f.Wanted), GgmlTypes.Name(f.Used)))],
        Mix = output.Mix is { } mix ? Record(mix, output.Yardstick) : null,
        Metrics = measured is null ? [] : [.. measured.Figures, Size(Subject.Source, plan.Checkpoint.WeightBytes), Size(Subject.Port, output.FileLength)],
        Tasks = measured?.Tasks ?? [],
        Tokenizer = measured?.Tokenizer,
        Behaviour = measured?.Behaviour,
        Attribution = measured?.Attribution,
        Serving = measured?.Serving,
        Budgets = [],
        Verdict = Verdict.NotMeasured,
    });

    private static MixRecord Record(Mix mix, Precision yardstick)
    {
        var tensors = mix.Table.Tensors.ToDictionary(t => t.Name, StringComparer.Ordinal);
        return new MixRecord(
            mix.LimitBytes, mix.Divergence, mix.LeastDivergence, yardstick.Name, mix.Table.Text,
            [.. mix.Tensors.Select(t => new MixTensorRecord(t.Tensor, GgmlTypes.Name(t.Type), t.Error, t.Sensitivity, tensors[t.Tensor].Rows, tensors[t.Tensor].MeasuredRows))]);
    }

    private OutputRecord Judged(OutputRecord record)
    {
        if (record.Metrics.Count == 0 || request.Parity == ParityMode.Off)
        {
            Warn(Diagnose.NotMeasured(plan.Checkpoint.Folder));
            return record with { Budgets = [], Verdict = Verdict.NotMeasured };
        }

        var precision = Precision.All.First(p => p.Name == (record.Mix?.Yardstick ?? record.Precision));
        record = record with { Metrics = ServingCost.Apply(record.Metrics, request.HourlyCost), Serving = record.Serving is { } serving ? serving with { HourlyCost = request.HourlyCost } : null };
        var budgets = Judge.Check(record.Metrics, Judge.Applicable(precision, request.Budgets, record.Tokenizer), request.StrictParity);
        foreach (var warning in record.Tokenizer?.Warnings(plan.Checkpoint.Folder, Path.Combine(request.OutputDirectory, record.File)) ?? [])
        {
            Warn(warning);
        }

        foreach (var warning in record.Behaviour?.Findings.Where(f => f.Level == FindingLevel.Warning) ?? [])
        {
            Warn(warning.ToDiagnostic(Path.Combine(request.OutputDirectory, record.File))!);
        }

        var kept = budgets.All(b => b.Passes) && record.Behaviour?.Failures.Any() != true;
        return record with { Budgets = budgets, Verdict = kept ? Verdict.Kept : Verdict.Missed };
    }

    private static Figure Size(Subject of, long bytes) => Figure.For(Metric.FileSize, of, null, bytes / 1e6);

    private bool IsWhole(OutputRecord output)
    {
        var path = Path.Combine(request.OutputDirectory, output.File);
        return File.Exists(path) && new FileInfo(path).Length == output.Bytes && SourceHash.OfFile(path, cancellation) == output.Sha256;
    }

    private Manifest Write(PortResult result, IReadOnlyList<OutputRecord> outputs, MeasurementBasis? basis, Importance? importance)
    {
        var checkpoint = plan.Checkpoint;
        var own = Planner.OwnPrecision(checkpoint);
        var portKey = PortKey(result.Source);
        return new Manifest
        {
            SchemaVersion = Manifest.CurrentSchema,
            Name = request.Name,
            ToolVersion = StageKeys.ToolVersion,
            Engine = engine,
            Source = new SourceRecord(
                result.Source.Value,
                checkpoint.ArchitectureName,
                plan.ParameterCount,
                own.Name,
                checkpoint.WeightBytes,
                checkpoint.Card is { Licenses.IsDefaultOrEmpty: false } card ? string.Join(", ", card.Licenses) : null,
                [.. checkpoint.Files.Select(f => new FileRecord(f.Name, f.Length, result.Source.Files[f.Name]))]),
            Layers = Precisions.Any(p => p != own) ? ["runtime", "precision"] : ["runtime"],
            Calibration = importance is null ? null : _calibration.Record(importance),
            Evaluation = basis is null
                ? null
                : new EvaluationRecord(basis.Text.Name, basis.Text.Sha256, basis.Windows.Length, basis.Windows.FirstScored, basis.Windows.Count, basis.Windows.Count * basis.Windows.Rows, basis.CpuBackend, _referenceHash),
            Outputs = outputs,
            Warnings = [.. plan.Warnings.Concat(result.Warnings).Select(w => new WarningRecord(w.Code, w.Message))],
            Keys = new KeyRecord(portKey, basis is null ? "" : StageKeys.OfParity(portKey, data, _referenceHash, request, engine)),
        };
    }

    private void Warn(Diagnostic warning)
    {
        // A port that nobody measured was asked for; everything else a strict build refuses.
        if (request.Strict && warning.Code != "MP3006")
        {
            throw new ModelPortException(Diagnose.Strict(warning, "ModelPortStrict"));
        }

        observer.Warn(warning);
    }

    private static string HashReference(string path, CancellationToken cancellation) =>
        File.Exists(path)
            ? SourceHash.OfFile(path, cancellation)
            : throw new ModelPortException(Diagnose.FileMissing(path, "the safetensors file of ReferenceOutputs"));
}
