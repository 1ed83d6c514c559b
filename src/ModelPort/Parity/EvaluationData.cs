using ModelPort.Parity.Tasks;

namespace ModelPort.Parity;

/// <summary>What source and ports are measured on.</summary>
/// <param name="Text">The text: the user's, or the one that ships with ModelPort. It is always measured.</param>
/// <param name="Tokens">At most this many tokens of the text are measured.</param>
/// <param name="Tasks">The user's tasks.</param>
public sealed record EvaluationData(EvaluationText Text, int Tokens, IReadOnlyList<TaskFile> Tasks)
{
    /// <summary>Reads what a request names.</summary>
    /// <param name="request">The request.</param>
    /// <param name="parameters">Values of all tensors of the source, which decide how much is measured when the user does not.</param>
    /// <exception cref="Diagnostics.ModelPortException">A file is missing, unreadable or malformed.</exception>
    public static EvaluationData Open(PortRequest request, long parameters) =>
        new(
            EvaluationText.Open(request.Evaluation),
            request.Checkpoint.EvaluationTokens ?? Math.Max(EvaluationLength.Of(parameters), request.Checkpoint.EvaluationWindow ?? 0),
            [.. request.Checkpoint.Tasks.Select(t => TaskFile.Open(t, request.Checkpoint.EvaluationQuestions))]);
}
