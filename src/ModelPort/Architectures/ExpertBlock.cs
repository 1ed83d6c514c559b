namespace ModelPort.Architectures;

/// <summary>
/// Pieces for families whose feed-forward layer is a mixture of experts. GGUF holds the matrices of all experts as one stack; checkpoints hold one
/// tensor for each expert, or the stacks that transformers 5 computes with, gate and up in one.
/// </summary>
internal static class ExpertBlock
{
    /// <summary>How many experts there are, and how many a token is given to.</summary>
    public static IReadOnlyList<HeaderRule> Counts { get; } =
    [
        HeaderRule.Count("expert_count", m => m.Numbers.Experts),
        HeaderRule.Count("expert_used_count", m => m.Numbers.ExpertsUsed),
    ];

    /// <summary>The router, which gives each token to some experts.</summary>
    public static TensorRule Router { get; } = new("model.layers.{b}.mlp.gate.weight", Choice, n => [n.Experts, n.Hidden]);

    /// <summary>Router and experts in one tensor each, under Mixtral's names.</summary>
    public static IReadOnlyList<TensorRule> Mixtral { get; } =
    [
        new("model.layers.{b}.block_sparse_moe.gate.weight", Choice, n => [n.Experts, n.Hidden]),
        new("model.layers.{b}.block_sparse_moe.experts.{e}.w1.weight", Gate, n => [n.ExpertFeedForward, n.Hidden]),
        new("model.layers.{b}.block_sparse_moe.experts.{e}.w2.weight", Down, n => [n.Hidden, n.ExpertFeedForward]),
        new("model.layers.{b}.block_sparse_moe.experts.{e}.w3.weight", Up, n => [n.ExpertFeedForward, n.Hidden]),
    ];

    /// <summary>Experts in one tensor each, under Qwen's names.</summary>
    public static IReadOnlyList<TensorRule> Qwen { get; } =
    [
        new("model.layers.{b}.mlp.experts.{e}.down_proj.weight", Down, n => [n.Hidden, n.ExpertFeedForward]),
        new("model.layers.{b}.mlp.experts.{e}.gate_proj.weight", Gate, n => [n.ExpertFeedForward, n.Hidden]),
        new("model.layers.{b}.mlp.experts.{e}.up_proj.weight", Up, n => [n.ExpertFeedForward, n.Hidden]),
    ];

    /// <summary>All experts stacked.</summary>
    public static IReadOnlyList<TensorRule> Stacked { get; } =
    [
        new("model.layers.{b}.mlp.experts.down_proj", Down, n => [n.Experts, n.Hidden, n.ExpertFeedForward]),
        new("model.layers.{b}.mlp.experts.gate_up_proj", Gate, n => [n.Experts, 2 * n.ExpertFeedForward, n.Hidden]) { Share = new RowShare(0, 2) },
        new("model.layers.{b}.mlp.experts.gate_up_proj", Up, n => [n.Experts, 2 * n.ExpertFeedForward, n.Hidden]) { Share = new RowShare(1, 2) },
    ];

    private const string Choice = "blk.{b}.ffn_gate_inp.weight";
    private const string Gate = "blk.{b}.ffn_gate_exps.weight";
    private const string Up = "blk.{b}.ffn_up_exps.weight";
    private const string Down = "blk.{b}.ffn_down_exps.weight";
}
