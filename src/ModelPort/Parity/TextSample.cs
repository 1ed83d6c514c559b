using System.Globalization;
using ModelPort.Diagnostics;
using ModelPort.Engines.LlamaCpp;

namespace ModelPort.Parity;

/// <summary>As much of the evaluation text as is measured.</summary>
/// <param name="Text">The text.</param>
/// <param name="Tokens">How the source splits it, special tokens added.</param>
/// <param name="Windows">What is evaluated.</param>
internal sealed record TextSample(string Text, int[] Tokens, TokenWindows Windows)
{
    private const int FewestPositions = 100;
    private const int DefaultWindow = 512;
    private const int BytesPerToken = 16;

    // Text behind the end of a sample can change how its last tokens are split.
    private const int UnsureTokens = 64;

    /// <summary>Takes what a request asks for.</summary>
    /// <param name="source">The source, whose tokenizer splits the text.</param>
    /// <param name="text">The text.</param>
    /// <param name="most">At most this many tokens of it.</param>
    /// <param name="window">Tokens of a window; null means 512, or the model's context when that is shorter.</param>
    /// <exception cref="ModelPortException">MP1020: EvaluationTokens is too small; MP3003: the text is too short.</exception>
    public static TextSample Take(LlamaModel source, EvaluationText text, int most, int? window)
    {
        var length = window ?? Math.Min(DefaultWindow, Math.Max(source.TrainingContextLength, 2));
        var rows = TokenWindows.RowsOf(length);
        var needed = (FewestPositions + rows - 1) / rows * length;
        var (beginning, tokens) = Beginning(source, text, Math.Max(needed, most));
        var windows = TokenWindows.Cut(tokens, length, source.Vocabulary is { AddBos: true, Bos: >= 0 and var bos } ? bos : null, most);
        if (windows.Tokens >= needed)
        {
            return new TextSample(beginning, tokens, windows);
        }

        throw new ModelPortException(tokens.Length >= needed
            ? Diagnose.InvalidOption(text.Path, "EvaluationTokens", most.ToString(CultureInfo.InvariantCulture), $"at least {needed}, for a figure that means something")
            : Diagnose.EvaluationTooShort(text.Path, tokens.Length, needed));
    }

    /// <summary>Whether another model splits the text into the same tokens.</summary>
    public bool IsSplitAlikeBy(LlamaModel model) => Tokenize(model, Text).AsSpan().StartsWith(Tokens);

    private static (string Text, int[] Tokens) Beginning(LlamaModel model, EvaluationText text, int wanted)
    {
        for (var bytes = (long)BytesPerToken * (wanted + UnsureTokens); ; bytes *= 2)
        {
            var beginning = text.Beginning(bytes);
            var tokens = Tokenize(model, beginning);
            if (bytes >= text.Length)
            {
                return (beginning, tokens);
            }

            if (tokens.Length >= wanted + UnsureTokens)
            {
                return (beginning, tokens[..^UnsureTokens]);
            }
        }
    }

    private static int[] Tokenize(LlamaModel model, string text) => model.Vocabulary.Tokenize(text, addSpecial: true, parseSpecial: false);
}
