using ModelPort.Engines.LlamaCpp;

namespace ModelPort.Parity.Decoding;

/// <summary>Turns prompts into tokens.</summary>
internal static class PromptTokens
{
    /// <summary>
    /// The tokens of a prompt that is to be continued: BOS before it where the model adds one, but never a second one, and no EOS after it. The spelling of
    /// a control token is that token, as in Hugging Face's tokenizers.
    /// </summary>
    /// <exception cref="Engines.EngineException">The vocabulary cannot spell the text.</exception>
    public static int[] Of(LlamaVocabulary vocabulary, string prompt)
    {
        var tokens = vocabulary.Tokenize(prompt, addSpecial: false, parseSpecial: true);
        return vocabulary is { AddBos: true, Bos: >= 0 and var bos } && (tokens.Length == 0 || tokens[0] != bos) ? [bos, .. tokens] : tokens;
    }
}
