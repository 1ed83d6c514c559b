namespace ModelPort.Parity.Tasks;

/// <summary>How the answers of source and port to the questions of one task differ; how many of them are right is among the figures.</summary>
public sealed record TaskParity
{
    private const int MostLines = 20;

    /// <summary>The file's name.</summary>
    public required string File { get; init; }

    /// <summary>SHA-256 of the file, in lower-case hex.</summary>
    public required string Sha256 { get; init; }

    /// <summary>What the task asks.</summary>
    public required TaskKind Kind { get; init; }

    /// <summary>Multiple choice: what made a choice the most probable.</summary>
    public ChoiceScore? Score { get; init; }

    /// <summary>Questions that were asked.</summary>
    public required int Questions { get; init; }

    /// <summary>Questions in the file.</summary>
    public required int Total { get; init; }

    /// <summary>Questions that only the source answers right.</summary>
    public required int Lost { get; init; }

    /// <summary>Questions that only the port answers right.</summary>
    public required int Gained { get; init; }

    /// <summary>The lines of the first 20 questions that only the source answers right.</summary>
    public required IReadOnlyList<int> LostLines { get; init; }

    /// <summary>Whether the change is more than chance: McNemar's test of <see cref="Lost"/> against <see cref="Gained"/>.</summary>
    public required McNemar Significance { get; init; }

    /// <summary>Compares answers.</summary>
    /// <param name="task">The task.</param>
    /// <param name="source">Whether the source answers each question right.</param>
    /// <param name="port">Whether the port does.</param>
    public static TaskParity Of(TaskFile task, bool[] source, bool[] port)
    {
        int[] lost = [.. task.Questions.Where((_, i) => source[i] && !port[i]).Select(q => q.Line)];
        var gained = port.Zip(source).Count(a => a is (true, false));
        return new TaskParity
        {
            File = task.Name,
            Sha256 = task.Sha256,
            Kind = task.Kind,
            Score = task.Kind == TaskKind.MultipleChoice ? task.Settings.Score : null,
            Questions = task.Questions.Count,
            Total = task.Total,
            Lost = lost.Length,
            Gained = gained,
            LostLines = [.. lost.Take(MostLines)],
            Significance = McNemar.Of(lost.Length, gained),
        };
    }
}
