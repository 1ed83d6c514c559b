using System.Globalization;
using ModelPort.Caching;
using ModelPort.Checkpoints;
using ModelPort.Diagnostics;
using ModelPort.Engines.LlamaCpp;
using ModelPort.Formats.Gguf;
using ModelPort.Parity.Attribution;
using ModelPort.Parity.Behaviour;
using ModelPort.Parity.Serving;
using ModelPort.Parity.Tasks;
using ModelPort.Parity.Tokenizers;
using ModelPort.Porting;

namespace ModelPort.Parity;

/// <summary>What was measured of one port.</summary>
/// <param name="Figures">Every number, of the port and of what it compares with.</param>
/// <param name="Positions">What was found at positions of the evaluation text.</param>
public sealed record PortMeasurement(IReadOnlyList<Figure> Figures, PositionDigest Positions)
{
    /// <summary>How the answers of source and port to the questions of tasks differ.</summary>
    public IReadOnlyList<TaskParity> Tasks { get; init; } = [];

    /// <summary>How far the port splits text as the source does.</summary>
    public TokenizerComparison? Tokenizer { get; init; }

    /// <summary>How the port behaves.</summary>
    public BehaviourRecord Behaviour { get; init; } = new([], null);

    /// <summary>Where it differs from its source.</summary>
    public AttributionRecord? Attribution { get; init; }

    /// <summary>How times and memory were taken; null when nobody asked for them.</summary>
    public ServingRecord? Serving { get; init; }
}

/// <summary>What a measurement was made on.</summary>
/// <param name="Text">The evaluation text.</param>
/// <param name="Windows">How it was cut.</param>
/// <param name="CpuBackend">The variant of llama.cpp's CPU back-end; the last digits of the figures depend on it.</param>
public sealed record MeasurementBasis(EvaluationText Text, TokenWindows Windows, string CpuBackend);

/// <summary>
/// Runs the source once and records its logits, then runs one port after the other on the same tokens and compares. One model is loaded at a time, and
/// memory does not grow with the text but for a few numbers a position.
/// </summary>
/// <param name="request">Threads, text length, reference outputs, and the folder for the source's logits.</param>
/// <param name="checkpoint">The source's files.</param>
/// <param name="data">What is measured on.</param>
/// <param name="observer">Told the tokens done.</param>
/// <param name="cancellation">Stops the work.</param>
public sealed class ParityMeasurement(PortRequest request, Checkpoint checkpoint, EvaluationData data, IPortObserver observer, CancellationToken cancellation)
{
    private readonly LlamaRuntime _runtime = LlamaRuntime.Load();
    private long _done;
    private long _total;

    /// <summary>Where the source's logits are kept for other measurements; null for nowhere.</summary>
    internal SourceLogits? Kept { get; init; }

    /// <summary>SHA-256 of the ports, where a comparison that was broken off may be gone on with; empty where none is.</summary>
    internal IReadOnlyList<string> PortHashes { get; init; } = [];

    /// <summary>Measures ports against their source.</summary>
    /// <param name="sourcePath">The source as GGUF at its own precision.</param>
    /// <param name="portPaths">The ports.</param>
    /// <exception cref="ModelPortException">MP1020: EvaluationTokens is too small; MP3002: not measurable; MP3003: the text is too short; MP3004: reference outputs do not fit.</exception>
    /// <exception cref="Engines.EngineException">llama.cpp refused a file or failed.</exception>
    public (MeasurementBasis Basis, IReadOnlyList<PortMeasurement> Ports) Measure(string sourcePath, IReadOnlyList<string> portPaths)
    {
        using var source = Load(sourcePath);
        var sample = TextSample.Take(source.Model, data.Text, data.Tokens, request.Checkpoint.EvaluationWindow);
        var windows = sample.Windows;
        using var outputs = request.Checkpoint.ReferenceOutputs is { } path ? RecordedLogits.Open(path, source.Model.VocabularySize) : null;
        _total = (1L + portPaths.Count) * (windows.Tokens + (outputs?.Windows.Tokens ?? 0));
        using var recorded = Kept?.Find(windows) ?? Record(source, windows);
        using var logits = RecordedLogits.Open(recorded.Path, source.Model.VocabularySize);
        List<Figure> figures =
        [
            Figure.For(Metric.EvaluationTokensPerSecond, Subject.Source, null, recorded.TokensPerSecond),
            .. outputs is null ? [] : Against(outputs, source, Subject.Source),
        ];
        var tokenizer = TokenizerReference.Of(checkpoint, source.Model.VocabularySize, sample.Text, cancellation);
        var probes = new PortProbes(request, checkpoint, data.Tasks, portPaths.Count, observer, cancellation);
        probes.AskSource(source.Model, sample.Tokens);
        source.Dispose();
        PortMeasurement[] ports = [.. portPaths.Select((p, i) => MeasurePort(p, i, sample, tokenizer, logits, outputs, figures, probes))];
        var asked = probes.Finish(() => Load(sourcePath).Model);
        ports = [.. ports.Zip(asked, (p, a) => p with { Figures = [.. p.Figures, .. a.Figures], Tasks = a.Tasks, Behaviour = a.Behaviour with { Findings = [.. p.Behaviour.Findings, .. a.Behaviour.Findings] } })];
        var attribution = new AttributionMeasurement(request, _runtime, sample, observer, cancellation).Run(sourcePath, portPaths, [.. ports.Select(p => p.Figures)]);
        ports = [.. ports.Zip(attribution, (p, a) => p with { Attribution = a, Behaviour = p.Behaviour with { Findings = [.. p.Behaviour.Findings, .. AttributionText.Finding(a)] } })];
        if (request.MeasuresServing)
        {
            var serving = new ServingRun(request, data.Text, _runtime.CpuBackend, observer, cancellation);
            ports = [.. ports.Select((p, i) => serving.Measure(sourcePath, portPaths, i) is var served ? p with { Figures = [.. p.Figures, .. served.Figures], Serving = served.Record } : p)];
        }

        return (new MeasurementBasis(data.Text, windows, _runtime.CpuBackend), ports);
    }

    private SourceLogits.Recorded Record(Evaluator source, TokenWindows windows)
    {
        var speed = 0.0;
        var file = RecordedLogits.Record(
            Path.Combine(request.OutputDirectory, request.Name + "-source-logits.safetensors"),
            windows,
            source.Model.VocabularySize,
            request.Source,
            (reader, log) => speed = source.Run(windows, LlamaCacheType.F16, reader, Advance, cancellation, log),
            Kept?.Key(windows).Value);
        Kept?.Keep(windows, file, speed);
        return new SourceLogits.Recorded(file.TemporaryPath, speed, file);
    }

    private PortMeasurement MeasurePort(
        string path, int index, TextSample sample, TokenizerReference tokenizer, RecordedLogits source, RecordedLogits? outputs, IReadOnlyList<Figure> ofSource, PortProbes probes)
    {
        using var port = Load(path);
        if (port.Model.VocabularySize != source.VocabularySize)
        {
            throw new ModelPortException(Diagnose.Unmeasurable(path, string.Create(CultureInfo.InvariantCulture, $"the port's vocabulary has {port.Model.VocabularySize} tokens, its source's {source.VocabularySize}; it is a port of another model")));
        }

        using var file = GgufShards.Open(path);
        var split = TokenizerParity.Measure(tokenizer, port.Model.Vocabulary, file.Metadata, cancellation);
        var (positions, speed) = LogitComparison.Run(
            source, port, LlamaCacheType.F16, Advance, cancellation, Kept is null ? null : positions => PositionLog.Open(LogPath(index), LogKey(source.Windows, index), source.Windows, positions));
        probes.AskPort(port.Model);
        return new PortMeasurement(
            [
                PositionFigures.ReferencePerplexity(positions),
                .. PositionFigures.Of(positions, Subject.Port, Reference.Source),
                .. outputs is null ? [] : Against(outputs, port, Subject.Port),
                Figure.For(Metric.EvaluationTokensPerSecond, Subject.Port, null, speed),
                .. split.Agreement is { } agreement ? [Figure.For(Metric.TokenizerAgreement, Subject.Port, null, agreement)] : Array.Empty<Figure>(),
                .. ofSource,
            ],
            PositionDigest.Of(positions, source.Windows, t => port.Model.Vocabulary.Detokenize(t, unparseSpecial: true)))
        {
            Tokenizer = split,

            // Figures are of the source's tokens. They say nothing of a port that will be given others.
            Behaviour = new BehaviourRecord(sample.IsSplitAlikeBy(port.Model) ? [] : [BehaviourFinding.Of("evaluationText", Diagnose.TextSplitOtherwise("", split.Describe()))], null),
        };
    }

    private string LogPath(int index) => OutputFile.JournalNameOf(Path.Combine(request.OutputDirectory, $"{request.Name}-{PortHashes[index][..16]}.positions"));

    private string LogKey(TokenWindows windows, int index) => new StageKey("positions", [new("logits", Kept!.Key(windows).Value), new("port", PortHashes[index])]).Value;

    // Cache and attention are kept in F32, so that only weights and kernels differ from the framework of origin.
    private IEnumerable<Figure> Against(RecordedLogits outputs, Evaluator model, Subject of) =>
        PositionFigures.Of(LogitComparison.Run(outputs, model, LlamaCacheType.F32, Advance, cancellation).Positions, of, Reference.ReferenceOutputs).Where(f => f.Against is not null);

    private Evaluator Load(string path) => new(_runtime, path, request.Threads, request.MemoryBudget, cancellation);

    private void Advance(int tokens) => observer.Progress(new PortProgress("parity", Interlocked.Add(ref _done, tokens), _total, "windows of evaluation text"));
}
