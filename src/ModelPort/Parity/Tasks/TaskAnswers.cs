using ModelPort.Engines.LlamaCpp;

namespace ModelPort.Parity.Tasks;

/// <summary>Asks a model the questions of a task.</summary>
internal static class TaskAnswers
{
    /// <summary>Whether the model answers each question right.</summary>
    /// <param name="model">The model.</param>
    /// <param name="task">The task.</param>
    /// <param name="threads">Threads that compute.</param>
    /// <param name="progress">Told the questions done.</param>
    /// <param name="cancellation">Stops the work.</param>
    /// <exception cref="Diagnostics.ModelPortException">MP1051: a question is longer than the model's context.</exception>
    public static bool[] Of(LlamaModel model, TaskFile task, int threads, Action<int> progress, CancellationToken cancellation)
    {
        if (task.Kind == TaskKind.MultipleChoice)
        {
            var scores = new ChoiceScorer(model, task, threads).Score(progress, cancellation);
            return [.. task.Questions.Cast<ChoiceQuestion>().Select((q, i) => Best(scores[i]) == q.Answer)];
        }

        var texts = new CompletionRunner(model, task, threads).Complete(progress, cancellation);
        return [.. task.Questions.Cast<CompletionQuestion>().Select((q, i) => texts[i] == q.Completion.Trim())];
    }

    /// <summary>The first of the most probable choices; -1, which is never right, when a model's numbers are none.</summary>
    private static int Best(double[] scores) => Array.TrueForAll(scores, double.IsFinite) ? Array.IndexOf(scores, scores.Max()) : -1;
}
