using System.Numerics.Tensors;
using ModelPort.Engines.LlamaCpp;
using ModelPort.Parity.Decoding;

namespace ModelPort.Parity.Behaviour;

/// <summary>
/// Continues prompts with the source, and follows its continuations with the ports: while a port ranks the source's tokens first it would have written them
/// itself, so that one batch shows where the two part, and no port has to write token by token. One model is used at a time: the source, then each port, then
/// the source again, which is asked for the probability of what the ports would have written instead.
/// </summary>
internal sealed class ContinuationMeasurement
{
    /// <summary>Tokens of the evaluation text in a prompt.</summary>
    public const int PromptLength = 16;

    private readonly IReadOnlyList<int[]> _prompts;
    private readonly List<int>[] _continuations;
    private readonly int _tokens;
    private readonly int _threads;
    private readonly CancellationToken _cancellation;
    private readonly List<Parting?[]> _partings = [];

    /// <summary>Continues prompts with the source.</summary>
    /// <param name="source">The source.</param>
    /// <param name="prompts">The prompts, from <see cref="Cut"/>; at least one.</param>
    /// <param name="tokens">Tokens of a continuation, at most.</param>
    /// <param name="threads">Threads that compute.</param>
    /// <param name="cancellation">Stops the work.</param>
    public ContinuationMeasurement(LlamaModel source, IReadOnlyList<int[]> prompts, int tokens, int threads, CancellationToken cancellation)
    {
        (_prompts, _tokens, _threads, _cancellation) = (prompts, tokens, threads, cancellation);
        _continuations = GreedyDecoder.Continue(source, prompts, tokens, _ => false, threads, _ => { }, cancellation);
    }

    private delegate void PlaceReader(int prompt, int prefix, ReadOnlySpan<float> logits);

    /// <summary>Prompts at even distances in a text, each with BOS before it where the model adds one.</summary>
    /// <param name="text">The text's tokens, without BOS; at least <see cref="PromptLength"/>.</param>
    /// <param name="bos">The BOS token, or null when the model adds none.</param>
    /// <param name="prompts">How many.</param>
    public static IReadOnlyList<int[]> Cut(ReadOnlySpan<int> text, int? bos, int prompts)
    {
        var cut = new List<int[]>();
        for (var i = 0; i < prompts; i++)
        {
            var tokens = text.Slice((int)((long)i * (text.Length - PromptLength) / Math.Max(1, prompts - 1)), PromptLength);
            cut.Add(bos is { } first ? [first, .. tokens] : [.. tokens]);
        }

        return cut;
    }

    /// <summary>Follows the source's continuations with a port.</summary>
    public void Follow(LlamaModel port)
    {
        var partings = new Parting?[_prompts.Count];
        Evaluate(port, (_, _) => true, (prompt, prefix, logits) =>
        {
            var expected = _continuations[prompt][prefix];
            if (partings[prompt] is null && TensorPrimitives.IndexOfMax(logits) is var found && found != expected)
            {
                var norm = LogProbability.Norm(logits);
                partings[prompt] = new Parting(prefix, expected, found, Math.Exp(logits[expected] - norm), Math.Exp(logits[found] - norm));
            }
        });
        _partings.Add(partings);
    }

    /// <summary>Sums up.</summary>
    /// <param name="load">Loads the source again; not called when no port parts from it.</param>
    /// <returns>One result for each port, in the order in which they followed.</returns>
    public IReadOnlyList<Continuations> Finish(Func<LlamaModel> load)
    {
        if (_partings.All(p => p.All(parting => parting is null)))
        {
            return [.. _partings.Select(p => Sum(new Divergence?[p.Length]))];
        }

        using var source = load();
        var probabilities = SourceProbabilities(source);
        TokenProbabilities Token(int prompt, int prefix, int token, double inPort) =>
            new(token, source.Vocabulary.Detokenize([token], unparseSpecial: true), probabilities[(prompt, prefix, token)], inPort);
        return [.. _partings.Select(p => Sum([.. p.Select((parting, prompt) => parting is null ? null : new Divergence(
            prompt,
            parting.Prefix,
            Token(prompt, parting.Prefix, parting.Expected, parting.ExpectedProbability),
            Token(prompt, parting.Prefix, parting.Found, parting.FoundProbability)))]))];
    }

    private Continuations Sum(Divergence?[] divergences)
    {
        double[] prefixes = [.. divergences.Select((d, i) => (double)(d?.Prefix ?? _continuations[i].Count))];
        var mean = prefixes.Average();
        return new Continuations
        {
            Prompts = _prompts.Count,
            PromptTokens = PromptLength,
            Tokens = _tokens,
            Equal = 100.0 * divergences.Count(d => d is null) / divergences.Length,
            MeanPrefix = mean,
            MeanPrefixError = prefixes.Length < 2 ? 0 : Math.Sqrt(prefixes.Sum(p => (p - mean) * (p - mean)) / prefixes.Length / (prefixes.Length - 1)),
            LeastPrefix = (int)prefixes.Min(),
            Divergences = [.. divergences.OfType<Divergence>()],
        };
    }

    private Dictionary<(int Prompt, int Prefix, int Token), double> SourceProbabilities(LlamaModel source)
    {
        var wanted = _partings
            .SelectMany(p => p.Select((parting, prompt) => (Prompt: prompt, Parting: parting)))
            .Where(p => p.Parting is not null)
            .ToLookup(p => (p.Prompt, p.Parting!.Prefix), p => p.Parting!);
        var found = new Dictionary<(int, int, int), double>();
        Evaluate(source, (prompt, prefix) => wanted.Contains((prompt, prefix)), (prompt, prefix, logits) =>
        {
            var norm = LogProbability.Norm(logits);
            foreach (var token in wanted[(prompt, prefix)].SelectMany(p => new[] { p.Expected, p.Found }))
            {
                found[(prompt, prefix, token)] = Math.Exp(logits[token] - norm);
            }
        });
        return found;
    }

    /// <summary>Evaluates prompts with the source's continuations, each as far as somebody wants its logits.</summary>
    private void Evaluate(LlamaModel model, Func<int, int, bool> wants, PlaceReader read)
    {
        var lengths = _continuations.Select((c, prompt) => Enumerable.Range(0, c.Count).LastOrDefault(prefix => wants(prompt, prefix), -1) + 1).ToArray();
        var longest = Enumerable.Range(0, _prompts.Count).Max(i => _prompts[i].Length + lengths[i]);
        using var context = new LlamaContext(model, new LlamaContextOptions
        {
            ContextLength = longest * _prompts.Count,
            Sequences = _prompts.Count,
            Threads = Math.Min(_threads, Environment.ProcessorCount),
        });
        using var queue = new TokenQueue(context, model.VocabularySize, _cancellation);
        for (var prompt = 0; prompt < _prompts.Count; prompt++)
        {
            int[] tokens = lengths[prompt] == 0 ? [] : [.. _prompts[prompt], .. _continuations[prompt][..(lengths[prompt] - 1)]];
            for (var i = 0; i < tokens.Length; i++)
            {
                var (which, prefix) = (prompt, i - _prompts[prompt].Length + 1);
                queue.Add(tokens[i], i, prompt, prefix >= 0 && wants(prompt, prefix) ? logits => read(which, prefix, logits) : null);
            }
        }

        queue.Flush();
    }

    private sealed record Parting(int Prefix, int Expected, int Found, double ExpectedProbability, double FoundProbability);
}
