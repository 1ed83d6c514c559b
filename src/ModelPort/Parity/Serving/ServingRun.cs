using ModelPort.Diagnostics;

namespace ModelPort.Parity.Serving;

/// <summary>Starts the processes of source and port, and measures them.</summary>
/// <param name="request">The source and the threads.</param>
/// <param name="text">The text that prompts are taken from.</param>
/// <param name="cpuBackend">The variant of llama.cpp's CPU back-end.</param>
/// <param name="observer">Told the turns done.</param>
/// <param name="cancellation">Ends the processes.</param>
internal sealed class ServingRun(PortRequest request, EvaluationText text, string cpuBackend, IPortObserver observer, CancellationToken cancellation)
{
    // Enough for the prompt in any language.
    private const int TextPerToken = 16;

    /// <summary>Measures one of several ports against the source; two models are loaded at a time.</summary>
    /// <param name="sourcePath">The source as GGUF.</param>
    /// <param name="portPaths">The ports.</param>
    /// <param name="port">Which of them.</param>
    /// <exception cref="ModelPortException">MP3002: a process does not start, or ends.</exception>
    public (ServingRecord Record, IReadOnlyList<Figure> Figures) Measure(string sourcePath, IReadOnlyList<string> portPaths, int port)
    {
        using var source = Start(sourcePath);
        using var other = Start(portPaths[port]);
        var turns = port * ServingMeasurement.TurnsOfBoth;
        return ServingMeasurement.Measure(
            source,
            other,
            Hardware.Here(request.Threads, cpuBackend),
            () => observer.Progress(new PortProgress("serving", ++turns, portPaths.Count * ServingMeasurement.TurnsOfBoth, "turns of source and port")));
    }

    private ServingProcess Start(string path)
    {
        var some = text.Beginning(TextPerToken * ServingMeasurement.PromptTokens);
        return new ServingProcess(new ServingRequest(path, request.Threads, some, ServingMeasurement.PromptTokens, ServingMeasurement.TokensPerRound), request.Source, cancellation);
    }
}
