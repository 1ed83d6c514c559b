using ModelPort.Checkpoints;
using ModelPort.Diagnostics;
using ModelPort.Engines.LlamaCpp;
using ModelPort.Formats.Gguf;
using ModelPort.Parity.Behaviour;
using ModelPort.Parity.Tasks;

namespace ModelPort.Parity;

/// <summary>What was asked of a port beside the evaluation text.</summary>
/// <param name="Figures">How many questions of tasks source and port answer right.</param>
/// <param name="Tasks">How their answers differ.</param>
/// <param name="Behaviour">How the port behaves.</param>
internal sealed record PortProbe(IReadOnlyList<Figure> Figures, IReadOnlyList<TaskParity> Tasks, BehaviourRecord Behaviour);

/// <summary>Asks source and ports, each while it is loaded, what the evaluation text does not show: the questions of tasks, and behaviour.</summary>
/// <param name="request">Threads, and how much is asked.</param>
/// <param name="checkpoint">The source's files.</param>
/// <param name="tasks">The tasks.</param>
/// <param name="ports">How many ports will be asked.</param>
/// <param name="observer">Told the questions done.</param>
/// <param name="cancellation">Stops the work.</param>
internal sealed class PortProbes(PortRequest request, Checkpoint checkpoint, IReadOnlyList<TaskFile> tasks, int ports, IPortObserver observer, CancellationToken cancellation)
{
    private readonly List<PortProbe> _ports = [];
    private bool[][] _answers = [];
    private ContinuationMeasurement? _continuations;
    private long _asked;

    /// <summary>Asks the source, which is the first to be asked.</summary>
    /// <param name="source">The source.</param>
    /// <param name="text">The tokens of the evaluation text.</param>
    public void AskSource(LlamaModel source, ReadOnlySpan<int> text)
    {
        _answers = Answers(source);
        var bos = source.Vocabulary is { AddBos: true, Bos: >= 0 and var id } ? id : (int?)null;
        var plain = bos is not null && text.Length > 0 && text[0] == bos ? text[1..] : text;
        if (request.Checkpoint.Continuations > 0 && plain.Length >= ContinuationMeasurement.PromptLength)
        {
            var prompts = ContinuationMeasurement.Cut(plain, bos, request.Checkpoint.Continuations);
            _continuations = new ContinuationMeasurement(source, prompts, request.Checkpoint.ContinuationTokens, request.Threads, cancellation);
        }
    }

    /// <summary>Asks a port.</summary>
    /// <param name="port">The port.</param>
    public void AskPort(LlamaModel port)
    {
        var answers = Answers(port);
        using var file = GgufShards.Open(port.Path);
        _ports.Add(new PortProbe(
            [.. tasks.SelectMany((t, i) => TaskFigures.Of(t.Name, _answers[i], answers[i]))],
            [.. tasks.Select((t, i) => TaskParity.Of(t, _answers[i], answers[i]))],
            new BehaviourRecord(BehaviourChecks.Make(checkpoint, file.Metadata, port.Vocabulary), null)));
        _continuations?.Follow(port);
    }

    /// <summary>Sums up.</summary>
    /// <param name="load">Loads the source again.</param>
    /// <returns>One result for each port, in the order in which they were asked.</returns>
    public IReadOnlyList<PortProbe> Finish(Func<LlamaModel> load)
    {
        var continuations = _continuations?.Finish(load);
        return [.. _ports.Select((p, i) => p with { Behaviour = p.Behaviour with { Continuations = continuations?[i] } })];
    }

    private bool[][] Answers(LlamaModel model)
    {
        var total = (1 + ports) * tasks.Sum(t => (long)t.Questions.Count);
        var answers = new List<bool[]>();
        foreach (var task in tasks)
        {
            answers.Add(TaskAnswers.Of(model, task, request.Threads, done => observer.Progress(new PortProgress("tasks", _asked + done, total, task.Name)), cancellation));
            _asked += task.Questions.Count;
        }

        return [.. answers];
    }
}
