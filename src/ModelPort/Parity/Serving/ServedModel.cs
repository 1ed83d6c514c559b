using System.Diagnostics;
using System.Numerics.Tensors;
using ModelPort.Engines.LlamaCpp;
using ModelPort.Parity.Decoding;

namespace ModelPort.Parity.Serving;

/// <summary>A model in this process, which should run nothing else: its memory is the growth of the process.</summary>
/// <param name="request">What to run.</param>
internal sealed class ServedModel(ServingRequest request) : IServedModel, IDisposable
{
    private readonly LlamaRuntime _runtime = LlamaRuntime.Load();
    private readonly long _before = ProcessMemory.Resident();
    private readonly LlamaBatch _one = new(1);
    private LlamaModel? _model;
    private LlamaContext? _context;
    private LlamaBatch? _prompt;

    /// <inheritdoc/>
    public double Load()
    {
        Unload();
        var start = Stopwatch.GetTimestamp();
        _model = LlamaModel.Load(_runtime, request.Model);
        var prompt = Prompt(_model);
        _context = new LlamaContext(_model, new LlamaContextOptions
        {
            ContextLength = prompt.Length + request.Tokens,
            Threads = Math.Min(request.Threads, Environment.ProcessorCount),
        });
        var elapsed = Stopwatch.GetElapsedTime(start);
        _prompt = new LlamaBatch(prompt.Length);
        for (var i = 0; i < prompt.Length; i++)
        {
            _prompt.Add(prompt[i], i, 0, i == prompt.Length - 1);
        }

        return elapsed.TotalMilliseconds;
    }

    /// <inheritdoc/>
    public ServedRound Run()
    {
        _context!.Clear();
        var times = new double[request.Tokens];
        var start = Stopwatch.GetTimestamp();
        var next = Next(_prompt!);
        var first = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        for (var i = 0; i < times.Length; i++)
        {
            start = Stopwatch.GetTimestamp();
            _one.Clear();
            _one.Add(next, _prompt!.Count + i, 0, wantLogits: true);
            next = Next(_one);
            times[i] = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        }

        return new ServedRound(_prompt!.Count, first, times);
    }

    /// <inheritdoc/>
    public long PeakBytes() => ProcessMemory.Peak() - _before;

    /// <inheritdoc/>
    public void Dispose()
    {
        Unload();
        _one.Dispose();
    }

    private int Next(LlamaBatch batch)
    {
        _context!.Decode(batch);
        return TensorPrimitives.IndexOfMax(_context.Logits(batch.Count - 1));
    }

    // Real text, as the experts of a mixture are chosen by what is said; repeated when it is short.
    private int[] Prompt(LlamaModel model)
    {
        var tokens = PromptTokens.Of(model.Vocabulary, request.Text);
        var length = Math.Max(1, Math.Min(request.PromptTokens, model.TrainingContextLength - request.Tokens));
        return [.. Enumerable.Range(0, length).Select(i => tokens[i % tokens.Length])];
    }

    private void Unload()
    {
        _prompt?.Dispose();
        _context?.Dispose();
        _model?.Dispose();
    }
}
