namespace ModelPort.Architectures;

/// <summary>Qwen 3 with a feed-forward layer of experts in every block.</summary>
internal sealed class Qwen3Moe : IArchitecture
{
    /// <inheritdoc/>
    public static ArchitectureTable Table { get; } = new()
    {
        Name = "qwen3moe",
        ClassNames = ["Qwen3MoeForCausalLM"],
        Defaults = new() { KeyValueHeads = 4 },
        HasExperts = true,
        Header =
        [
            .. LlamaBlock.Dimensions,
            .. ExpertBlock.Counts,
            .. LlamaBlock.HeadLengthsIfNamed,
            HeaderRule.FileType,
            HeaderRule.Count("expert_feed_forward_length", m => m.Numbers.ExpertFeedForward),
        ],
        Tensors =
        [
            .. LlamaBlock.Ends, .. LlamaBlock.Attention, .. LlamaBlock.QueryKeyNorms, LlamaBlock.FeedForwardNorm,
            ExpertBlock.Router, .. ExpertBlock.Qwen, .. ExpertBlock.Stacked,
        ],
        Checks =
        [
            // llama.cpp's graph always scales the chosen experts' weights to a sum of 1.
            ConfigCheck.MustBeOn("norm_topk_prob"),
            .. QwenBlock.Checks(
                "num_experts", "num_experts_per_tok", "moe_intermediate_size", "norm_topk_prob", "decoder_sparse_step", "mlp_only_layers", "router_aux_loss_coef", "output_router_logits"),
        ],
        Tokenizers = QwenBlock.Tokenizers,
    };
}
