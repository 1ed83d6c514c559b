namespace ModelPort.Architectures;

/// <summary>Llama 1 to 3 and Mistral 7B: a gated decoder with RMS norms and rotary attention.</summary>
internal sealed class Llama : IArchitecture
{
    /// <inheritdoc/>
    public static ArchitectureTable Table { get; } = new()
    {
        Name = "llama",
        ClassNames = ["LlamaForCausalLM", "MistralForCausalLM"],
        Header =
        [
            .. LlamaBlock.Dimensions,
            .. LlamaBlock.HeadLengths,
            HeaderRule.FileType,
            HeaderRule.Count("vocab_size", m => m.Numbers.Vocabulary),
            HeaderRule.Count("rope.dimension_count", m => m.Numbers.HeadDimension),
        ],
        Tensors = [.. LlamaBlock.Ends, .. LlamaBlock.InterleavedAttention, LlamaBlock.OutputBias, .. LlamaBlock.GatedFeedForward, .. LlamaBlock.FeedForwardBiases],
        Derived = [new("rope_freqs.weight", RotaryHeader.Llama3Factors)],
        Checks =
        [
            ConfigCheck.NotQuantised,
            ConfigCheck.MustBe("hidden_act", "silu"),
            ConfigCheck.FullRotary,
            ConfigCheck.RotaryScaling("linear", "yarn", "llama3"),
            ConfigCheck.SlidingWindow,
            ConfigCheck.UnknownKeys(),
        ],
        Tokenizers = [TokenizerKind.SentencePiece, TokenizerKind.SentencePieceFromJson, TokenizerKind.ByteLevelBpe],
    };
}
