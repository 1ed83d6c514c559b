namespace ModelPort.Parity.Tasks;

/// <summary>What source and port know: their answers to the questions of one task.</summary>
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

    /// <summary>Share of the questions that the source answers right, in percent.</summary>
    public required double SourceAccuracy { get; init; }

    /// <summary>Standard error of <see cref="SourceAccuracy"/>, in points.</summary>
    public required double SourceAccuracyError { get; init; }

    /// <summary>Share of the questions that the port answers right, in percent.</summary>
    public required double Accuracy { get; init; }

    /// <summary>Standard error of <see cref="Accuracy"/>, in points.</summary>
    public required double AccuracyError { get; init; }

    /// <summary>The source's accuracy less the port's, in points; below zero when the port is better.</summary>
    public required double AccuracyDrop { get; init; }

    /// <summary>Standard error of <see cref="AccuracyDrop"/>, in points, from the paired answers.</summary>
    public required double AccuracyDropError { get; init; }

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
        var (sourceAccuracy, sourceError) = Percent(source.Select(a => a ? 1 : 0));
        var (accuracy, error) = Percent(port.Select(a => a ? 1 : 0));
        var (drop, dropError) = Percent(source.Zip(port, (s, p) => (s ? 1 : 0) - (p ? 1 : 0)));
        return new TaskParity
        {
            File = task.Name,
            Sha256 = task.Sha256,
            Kind = task.Kind,
            Score = task.Kind == TaskKind.MultipleChoice ? task.Settings.Score : null,
            Questions = task.Questions.Count,
            Total = task.Total,
            SourceAccuracy = sourceAccuracy,
            SourceAccuracyError = sourceError,
            Accuracy = accuracy,
            AccuracyError = error,
            AccuracyDrop = drop,
            AccuracyDropError = dropError,
            Lost = lost.Length,
            Gained = gained,
            LostLines = [.. lost.Take(MostLines)],
            Significance = McNemar.Of(lost.Length, gained),
        };
    }

    /// <summary>A mean in percent with its standard error, sqrt((mean of squares - square of mean) / (n - 1)).</summary>
    private static (double Mean, double Error) Percent(IEnumerable<int> values)
    {
        int[] all = [.. values];
        var mean = all.Average();
        return (100 * mean, all.Length < 2 ? 0 : 100 * Math.Sqrt((all.Average(v => v * v) - mean * mean) / (all.Length - 1)));
    }
}
