namespace ModelPort.Architectures;

/// <summary>Pieces that tables of Llama-like families compose: header keys of a decoder, and the tensors of a gated block with rotary attention.</summary>
internal static class LlamaBlock
{
    /// <summary>The header keys every decoder writes, up to and including the place of the file type.</summary>
    public static IReadOnlyList<HeaderRule> Header { get; } =
    [
        HeaderRule.Count("block_count", m => m.Numbers.Layers),
        HeaderRule.Count("context_length", m => m.Numbers.Context),
        HeaderRule.Count("embedding_length", m => m.Numbers.Hidden),
        HeaderRule.Count("feed_forward_length", m => m.Numbers.FeedForward),
        HeaderRule.Count("attention.head_count", m => m.Numbers.Heads),
        HeaderRule.Count("attention.head_count_kv", m => m.Numbers.KeyValueHeads),
        RotaryHeader.Scaling,
        HeaderRule.Real("rope.freq_base", m => m.Numbers.Rotary.Theta),
        HeaderRule.Real("attention.layer_norm_rms_epsilon", m => m.Config.Number("rms_norm_eps", "norm_eps") ?? 1e-6),
        HeaderRule.Count("attention.key_length", m => m.Numbers.HeadDimension),
        HeaderRule.Count("attention.value_length", m => m.Numbers.HeadDimension),
        HeaderRule.FileType,
    ];

    /// <summary>Embedding, final norm and output matrix.</summary>
    public static IReadOnlyList<TensorRule> Ends { get; } =
    [
        new("model.embed_tokens.weight", "token_embd.weight", n => [n.Vocabulary, n.Hidden]),
        new("model.norm.weight", "output_norm.weight", n => [n.Hidden]),
        new("lm_head.weight", "output.weight", n => [n.Vocabulary, n.Hidden]) { Presence = Presence.RequiredUnlessTied },
    ];

    /// <summary>Attention with query and key rows interleaved for llama.cpp's llama graph, and its optional biases.</summary>
    public static IReadOnlyList<TensorRule> InterleavedAttention { get; } =
    [
        new("model.layers.{b}.input_layernorm.weight", "blk.{b}.attn_norm.weight", n => [n.Hidden]),
        new("model.layers.{b}.self_attn.q_proj.weight", "blk.{b}.attn_q.weight", n => [n.Heads * n.HeadDimension, n.Hidden]) { Rows = n => new RowOrder.InterleaveHalves(n.Heads) },
        new("model.layers.{b}.self_attn.k_proj.weight", "blk.{b}.attn_k.weight", n => [n.KeyValueHeads * n.HeadDimension, n.Hidden]) { Rows = n => new RowOrder.InterleaveHalves(n.KeyValueHeads) },
        new("model.layers.{b}.self_attn.v_proj.weight", "blk.{b}.attn_v.weight", n => [n.KeyValueHeads * n.HeadDimension, n.Hidden]),
        new("model.layers.{b}.self_attn.o_proj.weight", "blk.{b}.attn_output.weight", n => [n.Hidden, n.Heads * n.HeadDimension]),
        new("model.layers.{b}.self_attn.q_proj.bias", "blk.{b}.attn_q.bias", n => [n.Heads * n.HeadDimension]) { Rows = n => new RowOrder.InterleaveHalves(n.Heads), Presence = Presence.Optional },
        new("model.layers.{b}.self_attn.k_proj.bias", "blk.{b}.attn_k.bias", n => [n.KeyValueHeads * n.HeadDimension]) { Rows = n => new RowOrder.InterleaveHalves(n.KeyValueHeads), Presence = Presence.Optional },
        new("model.layers.{b}.self_attn.v_proj.bias", "blk.{b}.attn_v.bias", n => [n.KeyValueHeads * n.HeadDimension]) { Presence = Presence.Optional },
        new("model.layers.{b}.self_attn.o_proj.bias", "blk.{b}.attn_output.bias", n => [n.Hidden]) { Presence = Presence.Optional },
    ];

    /// <summary>The gated feed-forward layer and its optional biases.</summary>
    public static IReadOnlyList<TensorRule> GatedFeedForward { get; } =
    [
        new("model.layers.{b}.post_attention_layernorm.weight", "blk.{b}.ffn_norm.weight", n => [n.Hidden]),
        new("model.layers.{b}.mlp.gate_proj.weight", "blk.{b}.ffn_gate.weight", n => [n.FeedForward, n.Hidden]),
        new("model.layers.{b}.mlp.up_proj.weight", "blk.{b}.ffn_up.weight", n => [n.FeedForward, n.Hidden]),
        new("model.layers.{b}.mlp.down_proj.weight", "blk.{b}.ffn_down.weight", n => [n.Hidden, n.FeedForward]),
        new("model.layers.{b}.mlp.gate_proj.bias", "blk.{b}.ffn_gate.bias", n => [n.FeedForward]) { Presence = Presence.Optional },
        new("model.layers.{b}.mlp.up_proj.bias", "blk.{b}.ffn_up.bias", n => [n.FeedForward]) { Presence = Presence.Optional },
        new("model.layers.{b}.mlp.down_proj.bias", "blk.{b}.ffn_down.bias", n => [n.Hidden]) { Presence = Presence.Optional },
    ];
}
