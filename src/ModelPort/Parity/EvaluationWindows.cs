namespace ModelPort.Parity;

/// <summary>
/// How a text is cut into windows that are evaluated each by itself. The default is llama-perplexity's: windows of 512 tokens without overlap, the
/// first token replaced by BOS where the model adds one, and only the second half scored, so that every scored token has at least half a window
/// before it.
/// </summary>
/// <param name="Length">Tokens in a window.</param>
/// <param name="FirstScored">The first position whose prediction of the next token is scored.</param>
/// <param name="ReplaceFirstWithBos">Whether each window begins with BOS in place of its first token, where the model adds BOS.</param>
public sealed record EvaluationWindows(int Length, int FirstScored, bool ReplaceFirstWithBos)
{
    /// <summary>The windows of llama-perplexity, shortened for models made for less.</summary>
    /// <param name="trainingContext">Positions the model was made for.</param>
    public static EvaluationWindows Default(int trainingContext)
    {
        return OfLength(Math.Min(512, Math.Max(trainingContext, 2)));
    }

    /// <summary>Windows of a length, of which the second half is scored.</summary>
    public static EvaluationWindows OfLength(int length) => new(length, length / 2, true);

    /// <summary>Predictions scored in a window: one for each position from <see cref="FirstScored"/> whose next token is in the window.</summary>
    public int ScoredPerWindow => Length - 1 - FirstScored;

    /// <summary>The whole windows of a text; what is left over at its end is not used.</summary>
    /// <param name="tokens">The text.</param>
    /// <param name="bos">The BOS token, or null when the model adds none.</param>
    /// <param name="mostTokens">At most this many tokens are used.</param>
    public IReadOnlyList<int[]> Cut(int[] tokens, int? bos, int mostTokens)
    {
        var windows = new List<int[]>();
        for (var start = 0; start + Length <= Math.Min(tokens.Length, mostTokens); start += Length)
        {
            var window = tokens[start..(start + Length)];
            if (ReplaceFirstWithBos && bos is { } first)
            {
                window[0] = first;
            }

            windows.Add(window);
        }

        return windows;
    }
}
