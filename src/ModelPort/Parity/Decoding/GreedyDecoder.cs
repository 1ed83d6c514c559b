using System.Numerics.Tensors;
using ModelPort.Engines.LlamaCpp;

namespace ModelPort.Parity.Decoding;

/// <summary>Continues several prompts at once, each with the token that the model ranks first (of equals, the one with the smallest id).</summary>
internal static class GreedyDecoder
{
    // Each sequence needs a cache of its own; more of them save little on processors.
    private const int MostTogether = 16;
    private const int MostCacheTokens = 8192;

    // llama.cpp's threads meet after every product of matrices, and wait for each other by spinning: one that has less to do than this in a step only delays it.
    private const double LeastWork = 50e6;

    /// <summary>Continues prompts.</summary>
    /// <param name="model">The model.</param>
    /// <param name="prompts">The prompts' tokens, none of them empty.</param>
    /// <param name="mostTokens">A continuation ends after so many tokens at the latest.</param>
    /// <param name="isEnd">Whether a continuation ends with these tokens, before it has as many.</param>
    /// <param name="threads">Threads that compute.</param>
    /// <param name="progress">Told how many prompts are done.</param>
    /// <param name="cancellation">Stops the work.</param>
    /// <returns>The tokens of each continuation, the token that ends generation included where one came.</returns>
    public static List<int>[] Continue(
        LlamaModel model,
        IReadOnlyList<int[]> prompts,
        int mostTokens,
        Func<List<int>, bool> isEnd,
        int threads,
        Action<int> progress,
        CancellationToken cancellation)
    {
        var continuations = prompts.Select(_ => new List<int>()).ToArray();
        var longest = prompts.Max(p => p.Length) + mostTokens;
        var together = Math.Min(prompts.Count, Math.Clamp(MostCacheTokens / longest, 1, MostTogether));
        using var context = new LlamaContext(model, new LlamaContextOptions
        {
            ContextLength = together * longest,
            Sequences = together,
            Threads = ThreadsFor(model, together, threads),
        });
        using var queue = new TokenQueue(context, model.VocabularySize, cancellation);
        for (var first = 0; first < prompts.Count; first += together)
        {
            context.Clear();
            var going = Enumerable.Range(first, Math.Min(together, prompts.Count - first)).ToList();
            foreach (var prompt in going)
            {
                for (var i = 0; i < prompts[prompt].Length; i++)
                {
                    queue.Add(prompts[prompt][i], i, prompt - first, i < prompts[prompt].Length - 1 ? null : Reader(prompt));
                }
            }

            queue.Flush();
            while (going.RemoveAll(HasEnded) is var _ && going.Count > 0)
            {
                foreach (var prompt in going)
                {
                    queue.Add(continuations[prompt][^1], prompts[prompt].Length + continuations[prompt].Count - 1, prompt - first, Reader(prompt));
                }

                queue.Flush();
            }

            progress(Math.Min(first + together, prompts.Count));
        }

        return continuations;

        NextReader Reader(int prompt) => logits => continuations[prompt].Add(TensorPrimitives.IndexOfMax(logits));

        bool HasEnded(int prompt)
        {
            var tokens = continuations[prompt];
            return tokens.Count == mostTokens || model.Vocabulary.IsEndOfGeneration(tokens[^1]) || isEnd(tokens);
        }
    }

    // A step multiplies and adds each weight once for each sequence.
    private static int ThreadsFor(LlamaModel model, int sequences, int threads) =>
        (int)Math.Clamp(2.0 * model.ParameterCount * sequences / LeastWork, 1, Math.Min(threads, Environment.ProcessorCount));
}
