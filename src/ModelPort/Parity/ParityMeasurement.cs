using System.Buffers;
using System.Globalization;
using ModelPort.Checkpoints;
using ModelPort.Diagnostics;
using ModelPort.Engines.LlamaCpp;
using ModelPort.Parity.Behaviour;
using ModelPort.Parity.Serving;
using ModelPort.Parity.Tasks;

namespace ModelPort.Parity;

/// <summary>What was measured of one port.</summary>
/// <param name="Figures">Every number, of the port and of what it compares with.</param>
/// <param name="Positions">What was found at positions of the evaluation text.</param>
public sealed record PortMeasurement(IReadOnlyList<Figure> Figures, PositionDigest Positions)
{
    /// <summary>How the answers of source and port to the questions of tasks differ.</summary>
    public IReadOnlyList<TaskParity> Tasks { get; init; } = [];

    /// <summary>How the port behaves.</summary>
    public BehaviourRecord Behaviour { get; init; } = new([], null);

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
    private const int FewestPositions = 100;
    private const int DefaultWindow = 512;

    private readonly LlamaRuntime _runtime = LlamaRuntime.Load();
    private long _done;
    private long _total;

    /// <summary>Measures ports against their source.</summary>
    /// <param name="sourcePath">The source as GGUF at its own precision.</param>
    /// <param name="portPaths">The ports.</param>
    /// <exception cref="ModelPortException">MP1020: EvaluationTokens is too small; MP3002: not measurable; MP3003: the text is too short; MP3004: reference outputs do not fit.</exception>
    /// <exception cref="Engines.EngineException">llama.cpp refused a file or failed.</exception>
    public (MeasurementBasis Basis, IReadOnlyList<PortMeasurement> Ports) Measure(string sourcePath, IReadOnlyList<string> portPaths)
    {
        using var source = Load(sourcePath);
        var (tokens, windows) = Cut(source.Model);
        using var outputs = request.ReferenceOutputs is { } path ? RecordedLogits.Open(path, source.Model.VocabularySize) : null;
        _total = (1L + portPaths.Count) * (windows.Tokens + (outputs?.Windows.Tokens ?? 0));
        var speed = 0.0;
        using var record = RecordedLogits.Record(
            Path.Combine(request.OutputDirectory, request.Name + "-source-logits.safetensors"),
            windows,
            source.Model.VocabularySize,
            reader => speed = source.Run(windows, LlamaCacheType.F16, reader, Advance, cancellation));
        using var logits = RecordedLogits.Open(record.TemporaryPath, source.Model.VocabularySize);
        List<Figure> figures =
        [
            Figure.For(Metric.EvaluationTokensPerSecond, Subject.Source, null, speed),
            .. outputs is null ? [] : Against(outputs, source, Subject.Source),
        ];
        var probes = new PortProbes(request, checkpoint, data.Tasks, portPaths.Count, observer, cancellation);
        probes.AskSource(source.Model, tokens);
        source.Dispose();
        PortMeasurement[] ports = [.. portPaths.Select(p => MeasurePort(p, tokens, logits, outputs, figures, probes))];
        var asked = probes.Finish(() => Load(sourcePath).Model);
        ports = [.. ports.Zip(asked, (p, a) => p with { Figures = [.. p.Figures, .. a.Figures], Tasks = a.Tasks, Behaviour = a.Behaviour })];
        if (request.MeasuresServing)
        {
            var serving = new ServingRun(request, data.Text, _runtime.CpuBackend, observer, cancellation);
            ports = [.. ports.Select((p, i) => serving.Measure(sourcePath, portPaths, i) is var served ? p with { Figures = [.. p.Figures, .. served.Figures], Serving = served.Record } : p)];
        }

        return (new MeasurementBasis(data.Text, windows, _runtime.CpuBackend), ports);
    }

    private PortMeasurement MeasurePort(string path, int[] tokens, RecordedLogits source, RecordedLogits? outputs, IReadOnlyList<Figure> ofSource, PortProbes probes)
    {
        using var port = Load(path);
        if (!Tokenize(port.Model).AsSpan().SequenceEqual(tokens))
        {
            throw new ModelPortException(Diagnose.Unmeasurable(data.Text.Path, "source and port split the evaluation text into different tokens"));
        }

        var (positions, speed) = Compare(source, port, LlamaCacheType.F16);
        probes.AskPort(port.Model);
        return new PortMeasurement(
            [
                PositionFigures.ReferencePerplexity(positions),
                .. PositionFigures.Of(positions, Subject.Port, Reference.Source),
                .. outputs is null ? [] : Against(outputs, port, Subject.Port),
                Figure.For(Metric.EvaluationTokensPerSecond, Subject.Port, null, speed),
                .. ofSource,
            ],
            PositionDigest.Of(positions, source.Windows, t => port.Model.Vocabulary.Detokenize(t, unparseSpecial: true)));
    }

    // Cache and attention are kept in F32, so that only weights and kernels differ from the framework of origin.
    private IEnumerable<Figure> Against(RecordedLogits outputs, Evaluator model, Subject of) =>
        PositionFigures.Of(Compare(outputs, model, LlamaCacheType.F32).Positions, of, Reference.ReferenceOutputs).Where(f => f.Against is not null);

    private (PositionStatistics[] Positions, double Speed) Compare(RecordedLogits reference, Evaluator model, LlamaCacheType attention)
    {
        var windows = reference.Windows;
        var positions = new PositionStatistics[windows.Count * windows.Rows];
        var speed = model.Run(
            windows,
            attention,
            (window, row, logits) =>
            {
                var expected = ArrayPool<float>.Shared.Rent(logits.Length);
                reference.Read(window, row, expected.AsSpan(0, logits.Length));
                positions[window * windows.Rows + row] = PositionStatistics.Compare(expected.AsSpan(0, logits.Length), logits, windows.Next(window, row));
                ArrayPool<float>.Shared.Return(expected);
            },
            Advance,
            cancellation);
        return (positions, speed);
    }

    private Evaluator Load(string path) => new(_runtime, path, request.Threads, cancellation);

    private int[] Tokenize(LlamaModel model) => model.Vocabulary.Tokenize(data.Text.Text, addSpecial: true, parseSpecial: false);

    private (int[] Tokens, TokenWindows Windows) Cut(LlamaModel model)
    {
        var vocabulary = model.Vocabulary;
        var length = request.EvaluationWindow ?? Math.Min(DefaultWindow, Math.Max(model.TrainingContextLength, 2));
        var tokens = Tokenize(model);
        var windows = TokenWindows.Cut(tokens, length, vocabulary.AddBos && vocabulary.Bos >= 0 ? vocabulary.Bos : null, request.EvaluationTokens);
        var needed = (FewestPositions + windows.Rows - 1) / windows.Rows;
        if (windows.Count >= needed)
        {
            return (tokens, windows);
        }

        throw new ModelPortException(tokens.Length >= needed * length
            ? Diagnose.InvalidOption(data.Text.Path, "EvaluationTokens", request.EvaluationTokens.ToString(CultureInfo.InvariantCulture), $"at least {needed * length}, for a figure that means something")
            : Diagnose.EvaluationTooShort(data.Text.Path, tokens.Length, needed * length));
    }

    private void Advance(int tokens) => observer.Progress(new PortProgress("parity", _done += tokens, _total, "windows of evaluation text"));
}
