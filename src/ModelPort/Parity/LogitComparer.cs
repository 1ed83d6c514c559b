namespace ModelPort.Parity;

/// <summary>Keeps the source's logits of one window and compares those of a port with them, on all cores.</summary>
/// <param name="vocabularySize">Logits in a row.</param>
/// <param name="rows">Rows in a window.</param>
internal sealed class LogitComparer(int vocabularySize, int rows)
{
    private readonly float[][] _source = [.. Enumerable.Range(0, rows).Select(_ => new float[vocabularySize])];

    /// <summary>Copies the source's logits from a position on; the engine reuses their memory.</summary>
    public void KeepSource(Evaluator source, int firstScored)
    {
        for (var row = 0; row < rows; row++)
        {
            source.Logits(firstScored + row).CopyTo(_source[row]);
        }
    }

    /// <summary>Compares a port's logits of the same window, position by position.</summary>
    public PositionStatistics[] Compare(Evaluator port, int[] window, int firstScored)
    {
        var statistics = new PositionStatistics[rows];
        Parallel.For(
            0,
            rows,
            () => new float[2 * vocabularySize],
            (row, _, scratch) =>
            {
                var position = firstScored + row;
                var next = position + 1 < window.Length ? window[position + 1] : -1;
                statistics[row] = PositionStatistics.Compare(_source[row], port.Logits(position), next, scratch);
                return scratch;
            },
            _ => { });
        return statistics;
    }
}
