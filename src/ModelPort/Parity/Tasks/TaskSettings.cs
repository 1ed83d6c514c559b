using System.Text.Json.Serialization;

namespace ModelPort.Parity.Tasks;

/// <summary>What makes a choice the most probable.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<ChoiceScore>))]
public enum ChoiceScore
{
    /// <summary>The sum of its tokens' log-probabilities: the choice's own probability.</summary>
    [JsonStringEnumMemberName("sum")]
    Sum,

    /// <summary>The mean of its tokens' log-probabilities, which does not prefer short choices.</summary>
    [JsonStringEnumMemberName("mean")]
    Mean,
}

/// <summary>How a task finds a model's answers: the members of the first line of its file, all optional.</summary>
/// <param name="Score">Multiple choice: what makes a choice the most probable (<c>score</c>).</param>
/// <param name="Stop">Completion: texts that end a continuation and do not belong to it (<c>stop</c>, one or a list).</param>
/// <param name="MaxTokens">Completion: a continuation ends after so many tokens at the latest (<c>maxTokens</c>).</param>
public sealed record TaskSettings(ChoiceScore Score, IReadOnlyList<string> Stop, int MaxTokens)
{
    /// <summary>The settings of a file that has none: the sum; the end of the line, after 32 tokens at the latest.</summary>
    public static TaskSettings Default { get; } = new(ChoiceScore.Sum, ["\n"], 32);
}
