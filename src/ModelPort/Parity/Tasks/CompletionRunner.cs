using System.Globalization;
using ModelPort.Diagnostics;
using ModelPort.Engines.LlamaCpp;
using ModelPort.Parity.Decoding;

namespace ModelPort.Parity.Tasks;

/// <summary>Finds a model's own continuations of the prompts of a task.</summary>
/// <param name="model">The model.</param>
/// <param name="task">A task of completion.</param>
/// <param name="threads">Threads that compute.</param>
internal sealed class CompletionRunner(LlamaModel model, TaskFile task, int threads)
{
    private const int MostPromptTokens = 32768;

    /// <summary>
    /// The greedy continuations, cut where the first of the task's stop texts begins. A continuation also ends at a token that ends generation, and after
    /// the task's number of tokens. White space around it is removed.
    /// </summary>
    /// <param name="progress">Told the questions done.</param>
    /// <param name="cancellation">Stops the work.</param>
    /// <exception cref="ModelPortException">MP1051: a question is longer than the model's context.</exception>
    public string[] Complete(Action<int> progress, CancellationToken cancellation)
    {
        int[][] prompts = [.. task.Questions.Select(Prompt)];
        var continuations = GreedyDecoder.Continue(model, prompts, task.Settings.MaxTokens, tokens => StopOf(Text(tokens)) >= 0, threads, progress, cancellation);
        return [.. continuations.Select(tokens => Cut(Text(tokens)).Trim())];
    }

    private string Text(List<int> tokens) =>
        model.Vocabulary.Detokenize([.. model.Vocabulary.IsEndOfGeneration(tokens[^1]) ? tokens[..^1] : tokens], unparseSpecial: true);

    private string Cut(string text) => StopOf(text) is var stop && stop < 0 ? text : text[..stop];

    private int StopOf(string text) =>
        task.Settings.Stop.Select(s => text.IndexOf(s, StringComparison.Ordinal)).Where(i => i >= 0).DefaultIfEmpty(-1).Min();

    private int[] Prompt(TaskQuestion question)
    {
        var tokens = PromptTokens.Of(model.Vocabulary, question.Prompt);
        var most = Math.Min(model.TrainingContextLength, MostPromptTokens);
        return tokens.Length == 0 ? throw Fault("no token in its prompt", "a text that the tokenizer splits into one token or more")
            : tokens.Length + task.Settings.MaxTokens <= most ? tokens
            : throw Fault(
                string.Create(CultureInfo.InvariantCulture, $"{tokens.Length} tokens and room for {task.Settings.MaxTokens} more"),
                string.Create(CultureInfo.InvariantCulture, $"at most {most} together, the context of the model"));

        ModelPortException Fault(string found, string expected) => new(Diagnose.QuestionUnfit(task.Path, question.Line, found, expected));
    }
}
