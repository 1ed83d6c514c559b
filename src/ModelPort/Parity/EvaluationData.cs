using ModelPort.Parity.Tasks;

namespace ModelPort.Parity;

/// <summary>What source and ports are measured on.</summary>
/// <param name="Text">The text: the user's, or the one that ships with ModelPort. It is always measured.</param>
/// <param name="Tasks">The user's tasks.</param>
public sealed record EvaluationData(EvaluationText Text, IReadOnlyList<TaskFile> Tasks)
{
    /// <summary>Reads what a request names.</summary>
    /// <exception cref="Diagnostics.ModelPortException">A file is missing, unreadable or malformed.</exception>
    public static EvaluationData Open(PortRequest request) =>
        new(EvaluationText.Open(request.Evaluation), [.. request.Tasks.Select(t => TaskFile.Open(t, request.EvaluationQuestions))]);
}
