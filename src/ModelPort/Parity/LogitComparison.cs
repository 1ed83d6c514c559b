using System.Buffers;
using ModelPort.Engines.LlamaCpp;

namespace ModelPort.Parity;

/// <summary>Runs a model on the tokens of recorded logits and compares its own with them.</summary>
internal static class LogitComparison
{
    /// <summary>Compares every recorded position.</summary>
    /// <param name="reference">The recorded logits.</param>
    /// <param name="model">The model.</param>
    /// <param name="attention">How exact attention is.</param>
    /// <param name="progress">Told the tokens decoded since the last call.</param>
    /// <param name="cancellation">Stops the work.</param>
    /// <param name="open">Opens the log of positions that are compared already; null for none.</param>
    /// <returns>What was found at each position, window after window, and the tokens evaluated a second.</returns>
    public static (PositionStatistics[] Positions, double TokensPerSecond) Run(
        RecordedLogits reference,
        Evaluator model,
        LlamaCacheType attention,
        Action<int> progress,
        CancellationToken cancellation,
        Func<PositionStatistics[], PositionLog>? open = null)
    {
        var windows = reference.Windows;
        var positions = new PositionStatistics[windows.Count * windows.Rows];
        using var log = open?.Invoke(positions);
        var speed = model.Run(windows, attention, Compare, progress, cancellation, log);
        return (positions, speed);

        void Compare(int window, int row, ReadOnlySpan<float> logits)
        {
            var buffer = ArrayPool<float>.Shared.Rent(logits.Length);
            var expected = buffer.AsSpan(0, logits.Length);
            reference.Read(window, row, expected);
            positions[window * windows.Rows + row] = PositionStatistics.Compare(expected, logits, windows.Next(window, row));
            ArrayPool<float>.Shared.Return(buffer);
        }
    }
}
