namespace ModelPort.Parity;

/// <summary>Windows of tokens that are evaluated each by itself, and the positions of each that are scored.</summary>
/// <param name="tokens">The windows, all of one length.</param>
/// <param name="firstScored">The first position whose logits are compared.</param>
/// <param name="rows">How many positions from there are compared.</param>
public sealed class TokenWindows(IReadOnlyList<int[]> tokens, int firstScored, int rows)
{
    /// <summary>How many there are.</summary>
    public int Count => tokens.Count;

    /// <summary>Tokens in a window.</summary>
    public int Length { get; } = tokens.Count == 0 ? 0 : tokens[0].Length;

    /// <summary>Tokens of all windows.</summary>
    public long Tokens => (long)Count * Length;

    /// <summary>The first position of a window whose logits are compared.</summary>
    public int FirstScored => firstScored;

    /// <summary>How many positions of a window are compared.</summary>
    public int Rows => rows;

    /// <summary>A window's tokens.</summary>
    public ReadOnlySpan<int> this[int window] => tokens[window];

    /// <summary>The token that follows a compared position, or -1 at the end of the window.</summary>
    public int Next(int window, int row) => firstScored + row + 1 is var next && next < Length ? tokens[window][next] : -1;

    /// <summary>
    /// Cuts a text as llama-perplexity does: windows without overlap, the first token of each replaced by BOS where the model adds one, and only the
    /// second half scored, so that every scored token has at least half a window before it. What is left over at the end is not used.
    /// </summary>
    /// <param name="text">The text's tokens.</param>
    /// <param name="length">Tokens in a window.</param>
    /// <param name="bos">The BOS token, or null when the model adds none.</param>
    /// <param name="mostTokens">At most this many tokens are used.</param>
    public static TokenWindows Cut(ReadOnlySpan<int> text, int length, int? bos, int mostTokens)
    {
        var windows = new List<int[]>();
        for (var start = 0; start + length <= Math.Min(text.Length, mostTokens); start += length)
        {
            var window = text.Slice(start, length).ToArray();
            window[0] = bos ?? window[0];
            windows.Add(window);
        }

        return new TokenWindows(windows, length / 2, RowsOf(length));
    }

    /// <summary>Predictions scored in a window of a text: one for each position of its second half whose next token is in the window.</summary>
    public static int RowsOf(int length) => length - 1 - length / 2;
}
