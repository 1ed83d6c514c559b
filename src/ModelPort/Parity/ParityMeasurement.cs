using System.Globalization;
using ModelPort.Diagnostics;
using ModelPort.Engines.LlamaCpp;

namespace ModelPort.Parity;

/// <summary>What was measured of one port.</summary>
/// <param name="Metrics">Its closeness to the source on the evaluation text.</param>
/// <param name="TokensPerSecond">Prompt tokens a second, on the machine and with the threads of this build.</param>
/// <param name="SourceTokensPerSecond">The same of the source at its own precision.</param>
/// <param name="Reference">Closeness to the reference outputs, when they were given.</param>
public sealed record PortParity(ParityMetrics Metrics, double TokensPerSecond, double SourceTokensPerSecond, ReferenceParity? Reference);

/// <summary>Closeness to logits that the framework of origin computed.</summary>
/// <param name="Source">Of the source at its own precision on this engine: what the change of runtime costs.</param>
/// <param name="Port">Of the port: what runtime and precision cost together.</param>
public sealed record ReferenceParity(ParityMetrics Source, ParityMetrics Port);

/// <summary>What a measurement was made on.</summary>
/// <param name="Text">The evaluation text.</param>
/// <param name="Windows">How it was cut.</param>
/// <param name="WindowCount">How many windows were evaluated.</param>
/// <param name="CpuBackend">The variant of llama.cpp's CPU back-end; the last digits of the figures depend on it.</param>
public sealed record MeasurementBasis(EvaluationText Text, EvaluationWindows Windows, int WindowCount, string CpuBackend);

/// <summary>Runs source and ports on the same windows, one after the other, and compares their logits. Memory does not grow with the text.</summary>
public static class ParityMeasurement
{
    private const int FewestPositions = 100;

    /// <summary>Measures ports against their source.</summary>
    /// <param name="sourcePath">The source as GGUF at its own precision.</param>
    /// <param name="portPaths">The ports.</param>
    /// <param name="request">Threads, text length and reference outputs.</param>
    /// <param name="text">The evaluation text.</param>
    /// <param name="observer">Told the tokens done.</param>
    /// <param name="cancellation">Stops the work.</param>
    /// <exception cref="ModelPortException">MP1020: EvaluationTokens is too small; MP3002: not measurable; MP3003: the text is too short; MP3004: reference outputs do not fit.</exception>
    /// <exception cref="Engines.EngineException">llama.cpp refused a file or failed.</exception>
    public static (MeasurementBasis Basis, IReadOnlyList<PortParity> Ports) Measure(
        string sourcePath,
        IReadOnlyList<string> portPaths,
        PortRequest request,
        EvaluationText text,
        IPortObserver observer,
        CancellationToken cancellation)
    {
        var runtime = LlamaRuntime.Load();
        using var source = new Evaluator(runtime, sourcePath, request.Threads, request.EvaluationWindow, exact: false, cancellation);
        var ports = new List<Evaluator>();
        try
        {
            ports.AddRange(portPaths.Select(p => new Evaluator(runtime, p, request.Threads, source.Length, exact: false, cancellation)));
            var windows = EvaluationWindows.OfLength(source.Length);
            var cut = Cut(source, ports, windows, request, text);
            var statistics = Compare(source, ports, windows, cut, observer, cancellation);
            var references = request.ReferenceOutputs is { } path
                ? ReferenceOutputs.Compare(runtime, path, sourcePath, portPaths, request.Threads, cancellation)
                : null;
            var results = ports.Select((p, i) => new PortParity(ParityMetrics.Of(statistics[i]), p.TokensPerSecond, source.TokensPerSecond, references?[i])).ToArray();
            return (new MeasurementBasis(text, windows, cut.Count, runtime.CpuBackend), results);
        }
        finally
        {
            ports.ForEach(p => p.Dispose());
        }
    }

    private static IReadOnlyList<int[]> Cut(Evaluator source, List<Evaluator> ports, EvaluationWindows windows, PortRequest request, EvaluationText text)
    {
        var vocabulary = source.Model.Vocabulary;
        var tokens = vocabulary.Tokenize(text.Text, addSpecial: true, parseSpecial: false);
        if (ports.Any(p => !p.Model.Vocabulary.Tokenize(text.Text, addSpecial: true, parseSpecial: false).SequenceEqual(tokens)))
        {
            throw new ModelPortException(Diagnose.Unmeasurable(text.Path, "source and port split the evaluation text into different tokens"));
        }

        var cut = windows.Cut(tokens, vocabulary.AddBos && vocabulary.Bos >= 0 ? vocabulary.Bos : null, request.EvaluationTokens);
        var needed = (FewestPositions + windows.ScoredPerWindow - 1) / windows.ScoredPerWindow;
        if (cut.Count >= needed)
        {
            return cut;
        }

        throw new ModelPortException(tokens.Length >= needed * windows.Length
            ? Diagnose.InvalidOption(text.Path, "EvaluationTokens", request.EvaluationTokens.ToString(CultureInfo.InvariantCulture), $"at least {needed * windows.Length}, for a figure that means something")
            : Diagnose.EvaluationTooShort(text.Path, tokens.Length, needed * windows.Length));
    }

    private static List<PositionStatistics>[] Compare(
        Evaluator source,
        List<Evaluator> ports,
        EvaluationWindows windows,
        IReadOnlyList<int[]> cut,
        IPortObserver observer,
        CancellationToken cancellation)
    {
        var statistics = ports.Select(_ => new List<PositionStatistics>()).ToArray();
        var total = (long)cut.Count * windows.Length * (1 + ports.Count);
        var comparer = new LogitComparer(source.Model.VocabularySize, windows.ScoredPerWindow);
        foreach (var window in cut)
        {
            source.Decode(window, windows.FirstScored, cancellation);
            comparer.KeepSource(source, windows.FirstScored);
            for (var i = 0; i < ports.Count; i++)
            {
                ports[i].Decode(window, windows.FirstScored, cancellation);
                statistics[i].AddRange(comparer.Compare(ports[i], window, windows.FirstScored));
                observer.Progress(new PortProgress("parity", source.Tokens + ports.Sum(p => p.Tokens), total, "windows of evaluation text"));
            }
        }

        return statistics;
    }
}
