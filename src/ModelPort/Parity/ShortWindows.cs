using ModelPort.Engines.LlamaCpp;

namespace ModelPort.Parity;

/// <summary>The few short windows that a model is evaluated on again and again, each time with something else changed in it.</summary>
internal static class ShortWindows
{
    /// <summary>Windows are short, as every model was trained on at least so many tokens, and such a figure does not need more.</summary>
    public const int MostLength = 256;

    // What parity evaluates of source and port together, so that it takes about as long as measuring; but a window for each evaluation at least.
    private const int Tokens = 2 * EvaluationLength.Most;
    private const int MostWindows = 4;

    /// <summary>Cuts the beginning of a text.</summary>
    /// <param name="vocabulary">Whose BOS begins each window.</param>
    /// <param name="tokens">The text's tokens.</param>
    /// <param name="length">Tokens of a window.</param>
    /// <param name="evaluations">How often the windows will be evaluated: the more often, the fewer there are.</param>
    /// <returns>The windows; none when the text is too short for one.</returns>
    public static TokenWindows Cut(LlamaVocabulary vocabulary, ReadOnlySpan<int> tokens, int length, int evaluations) => TokenWindows.Cut(
        tokens,
        length,
        vocabulary is { AddBos: true, Bos: >= 0 and var bos } ? bos : null,
        Math.Clamp(Tokens / evaluations / length, 1, MostWindows) * length);
}
