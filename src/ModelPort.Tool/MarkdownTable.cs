namespace ModelPort.Tool;

/// <summary>A table that reads well in a terminal and can be pasted into a release note.</summary>
internal static class MarkdownTable
{
    /// <summary>Writes the lines of a table.</summary>
    /// <param name="header">The names of the columns.</param>
    /// <param name="rows">The cells, row by row.</param>
    /// <param name="numbers">The columns that are aligned to the right.</param>
    public static IEnumerable<string> Of(string[] header, IReadOnlyList<string[]> rows, params int[] numbers)
    {
        int[] widths = [.. header.Select((name, i) => Math.Max(3, rows.Select(r => r[i].Length).Append(name.Length).Max()))];
        string Row(string[] cells) => "| " + string.Join(" | ", cells.Select((c, i) => numbers.Contains(i) ? c.PadLeft(widths[i]) : c.PadRight(widths[i]))) + " |";
        return [Row(header), Row([.. widths.Select((w, i) => numbers.Contains(i) ? new string('-', w - 1) + ":" : new string('-', w))]), .. rows.Select(Row)];
    }
}
