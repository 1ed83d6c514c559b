using System.Globalization;
using ModelPort.Diagnostics;
using ModelPort.Engines.LlamaCpp;
using ModelPort.Parity.Decoding;

namespace ModelPort.Parity.Tasks;

/// <summary>
/// Finds the log-probabilities that a model gives to the choices of questions. A prompt is evaluated once, however many choices continue it, and as many
/// questions as the cache holds are decoded together.
/// </summary>
internal sealed class ChoiceScorer
{
    // Beyond the first few the cache of all of them only costs time, as attention looks over all of it.
    private const int FewestCacheTokens = 2048;
    private const int MostQuestionTokens = 32768;
    private const int MostSequences = 64;

    private readonly LlamaModel _model;
    private readonly TaskFile _task;
    private readonly int _threads;
    private readonly int _sequences;

    /// <summary>A scorer for the questions of a task.</summary>
    /// <param name="model">The model.</param>
    /// <param name="task">A task of multiple choice.</param>
    /// <param name="threads">Threads that compute.</param>
    public ChoiceScorer(LlamaModel model, TaskFile task, int threads)
    {
        _model = model;
        _task = task;
        _threads = threads;
        // llama.cpp keeps room for a row of logits for each sequence.
        _sequences = Math.Min(MostSequences, TokenQueue.MostRows(model.VocabularySize));
    }

    /// <summary>The log-probabilities of each question's choices, in nats: the sum over the choice's tokens, or their mean, as the task says.</summary>
    /// <param name="progress">Told the questions done.</param>
    /// <param name="cancellation">Stops the work.</param>
    /// <exception cref="ModelPortException">MP1051: a question is longer than the model's context.</exception>
    public double[][] Score(Action<int> progress, CancellationToken cancellation)
    {
        Part[] parts = [.. _task.Questions.Cast<ChoiceQuestion>().SelectMany(Parts)];
        using var context = new LlamaContext(_model, new LlamaContextOptions
        {
            ContextLength = Math.Max(FewestCacheTokens, parts.Max(p => p.Cells)),
            Sequences = _sequences,
            Shared = true,
            Threads = Math.Min(_threads, Environment.ProcessorCount),
        });
        using var queue = new TokenQueue(context, _model.VocabularySize, cancellation);
        var (cells, sequences) = (0, 0);
        foreach (var part in parts)
        {
            if (cells + part.Cells > context.ContextLength || sequences + part.Sequences > _sequences)
            {
                queue.Flush();
                context.Clear();
                (cells, sequences) = (0, 0);
            }

            part.Ask(queue, sequences);
            (cells, sequences) = (cells + part.Cells, sequences + part.Sequences);
            progress(part.Question + 1);
        }

        queue.Flush();
        return Collect(parts);
    }

    private double[][] Collect(Part[] parts) => [.. parts
        .GroupBy(p => p.Question)
        .OrderBy(g => g.Key)
        .Select(g => g.SelectMany(p => p.Choices.Select((c, i) => _task.Settings.Score == ChoiceScore.Mean ? p.LogProbabilities[i] / c.Length : p.LogProbabilities[i])).ToArray())];

    /// <summary>A question, in several parts when it has more choices than there are sequences.</summary>
    private IEnumerable<Part> Parts(ChoiceQuestion question, int index)
    {
        var prompt = PromptTokens.Of(_model.Vocabulary, question.Prompt);
        int[][] choices = [.. question.Choices.Select(c => _model.Vocabulary.Tokenize(c, addSpecial: false, parseSpecial: false))];
        var length = prompt.Length + choices.Max(c => c.Length);
        var most = Math.Min(_model.TrainingContextLength, MostQuestionTokens);
        return prompt.Length == 0 || choices.Any(c => c.Length == 0) ? throw Fault("no token in its prompt or in a choice", "texts that the tokenizer splits into one token or more")
            : length > most ? throw Fault(
                string.Create(CultureInfo.InvariantCulture, $"{length} tokens"),
                string.Create(CultureInfo.InvariantCulture, $"at most {most}, the context of the model"))
            : choices.Chunk(_sequences).Select(c => new Part(index, prompt, c));

        ModelPortException Fault(string found, string expected) => new(Diagnose.QuestionUnfit(_task.Path, question.Line, found, expected));
    }

    /// <summary>A prompt with the choices that are evaluated together.</summary>
    private sealed class Part(int question, int[] prompt, int[][] choices)
    {
        /// <summary>The question's place among those asked.</summary>
        public int Question => question;

        /// <summary>The choices' tokens.</summary>
        public int[][] Choices => choices;

        /// <summary>Sums of log-probabilities, by choice.</summary>
        public double[] LogProbabilities { get; } = new double[choices.Length];

        /// <summary>Sequences it takes: one for each choice of several tokens, as the first token of a choice is read after the prompt.</summary>
        public int Sequences => Math.Max(1, choices.Count(c => c.Length > 1));

        /// <summary>Tokens it puts into the cache; the last token of a choice predicts nothing.</summary>
        public int Cells => prompt.Length + choices.Sum(c => c.Length - 1);

        /// <summary>Queues the prompt and its choices.</summary>
        public void Ask(TokenQueue queue, int firstSequence)
        {
            for (var i = 0; i < prompt.Length; i++)
            {
                queue.AddShared(prompt[i], i, firstSequence, Sequences, i < prompt.Length - 1 ? null : logits =>
                {
                    var norm = LogProbability.Norm(logits);
                    for (var c = 0; c < choices.Length; c++)
                    {
                        LogProbabilities[c] += logits[choices[c][0]] - norm;
                    }
                });
            }

            var sequence = firstSequence;
            for (var c = 0; c < choices.Length; c++)
            {
                for (var i = 0; i < choices[c].Length - 1; i++)
                {
                    var (choice, next) = (c, choices[c][i + 1]);
                    queue.Add(choices[c][i], prompt.Length + i, sequence, logits => LogProbabilities[choice] += logits[next] - LogProbability.Norm(logits));
                }

                sequence += choices[c].Length > 1 ? 1 : 0;
            }
        }
    }
}
