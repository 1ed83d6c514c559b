namespace ModelPort.Architectures;

/// <summary>Mixtral: Llama's attention, and a feed-forward layer of experts. llama.cpp's llama graph computes it.</summary>
internal sealed class Mixtral : IArchitecture
{
    /// <inheritdoc/>
    public static ArchitectureTable Table { get; } = new()
    {
        Name = "llama",
        ClassNames = ["MixtralForCausalLM"],
        Defaults = new() { KeyValueHeads = 8, RotaryTheta = 1e6, NormEpsilon = 1e-5 },
        HasExperts = true,
        Header =
        [
            .. LlamaBlock.Dimensions,
            .. ExpertBlock.Counts,
            .. LlamaBlock.HeadLengthsIfNamed,
            HeaderRule.FileType,
            HeaderRule.Count("vocab_size", m => m.Numbers.Vocabulary),
            HeaderRule.Count("rope.dimension_count", m => m.Numbers.HeadDimension),
        ],
        Tensors =
        [
            .. LlamaBlock.Ends, .. LlamaBlock.InterleavedAttention, LlamaBlock.FeedForwardNorm, .. ExpertBlock.Mixtral, ExpertBlock.Router, .. ExpertBlock.Stacked,
        ],
        Derived = [new("rope_freqs.weight", RotaryHeader.Llama3Factors)],
        Checks =
        [
            ConfigCheck.NotQuantised,
            ConfigCheck.MustBe("hidden_act", "silu"),
            ConfigCheck.FullRotary,
            ConfigCheck.RotaryScaling("linear", "yarn", "llama3"),
            ConfigCheck.SlidingWindow,
            ConfigCheck.UnknownKeys("num_local_experts", "num_experts_per_tok", "router_aux_loss_coef", "router_jitter_noise", "output_router_logits"),
        ],
        Tokenizers = [TokenizerKind.SentencePiece, TokenizerKind.SentencePieceFromJson, TokenizerKind.ByteLevelBpe],
    };
}
