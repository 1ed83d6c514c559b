namespace ModelPort.Parity.Tasks;

/// <summary>Counts right answers.</summary>
internal static class TaskFigures
{
    /// <summary>The accuracy of source and port, and its drop, whose error comes from the paired answers.</summary>
    /// <param name="task">The name of the task's file.</param>
    /// <param name="source">Whether the source answers each question right.</param>
    /// <param name="port">Whether the port does.</param>
    public static IEnumerable<Figure> Of(string task, bool[] source, bool[] port)
    {
        Figure Percent(Metric metric, Subject of, Reference? against, IEnumerable<int> values)
        {
            int[] all = [.. values];
            var mean = all.Average();
            // sqrt((mean of squares - square of mean) / (n - 1)), as for all other figures.
            var error = all.Length < 2 ? 0 : Math.Sqrt((all.Average(v => v * v) - mean * mean) / (all.Length - 1));
            return Figure.For(metric, of, against, 100 * mean, 100 * error) with { On = task };
        }

        yield return Percent(Metric.Accuracy, Subject.Source, null, source.Select(s => s ? 1 : 0));
        yield return Percent(Metric.Accuracy, Subject.Port, null, port.Select(p => p ? 1 : 0));
        yield return Percent(Metric.AccuracyDrop, Subject.Port, Reference.Source, source.Zip(port, (s, p) => (s ? 1 : 0) - (p ? 1 : 0)));
    }
}
