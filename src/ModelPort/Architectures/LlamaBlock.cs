namespace ModelPort.Architectures;

/// <summary>Pieces that tables of Llama-like families compose: header keys of a decoder, and the tensors of a gated block with rotary attention.</summary>
internal static class LlamaBlock
{
    /// <summary>The header keys every decoder starts with.</summary>
    public static IReadOnlyList<HeaderRule> Dimensions { get; } =
    [
        HeaderRule.Count("block_count", m => m.Numbers.Layers),
        HeaderRule.Count("context_length", m => m.Numbers.Context),
        HeaderRule.Count("embedding_length", m => m.Numbers.Hidden),
        HeaderRule.Count("feed_forward_length", m => m.Numbers.FeedForward),
        HeaderRule.Count("attention.head_count", m => m.Numbers.Heads),
        HeaderRule.Count("attention.head_count_kv", m => m.Numbers.KeyValueHeads),
        RotaryHeader.Scaling,
        HeaderRule.Real("rope.freq_base", m => m.Numbers.Rotary.Theta),
        HeaderRule.Real("attention.layer_norm_rms_epsilon", m => m.Numbers.NormEpsilon),
    ];

    /// <summary>The width of a head, where it is a number of its own.</summary>
    public static IReadOnlyList<HeaderRule> HeadLengths { get; } =
    [
        HeaderRule.Count("attention.key_length", m => m.Numbers.HeadDimension),
        HeaderRule.Count("attention.value_length", m => m.Numbers.HeadDimension),
    ];

    /// <summary>The same for families that leave it to the reader to divide, unless config.json names it.</summary>
    public static IReadOnlyList<HeaderRule> HeadLengthsIfNamed { get; } =
    [
        HeaderRule.Count("attention.key_length", m => m.Config.Optional(m.Numbers.HeadDimension, "head_dim")),
        HeaderRule.Count("attention.value_length", m => m.Config.Optional(m.Numbers.HeadDimension, "head_dim")),
    ];

    /// <summary>Embedding, final norm and output matrix.</summary>
    public static IReadOnlyList<TensorRule> Ends { get; } =
    [
        new("model.embed_tokens.weight", "token_embd.weight", n => [n.Vocabulary, n.Hidden]),
        new("model.norm.weight", "output_norm.weight", n => [n.Hidden]),
        new("lm_head.weight", "output.weight", n => [n.Vocabulary, n.Hidden]) { Presence = Presence.RequiredUnlessTied },
    ];

    /// <summary>Attention as transformers stores it, with optional biases of queries, keys and values.</summary>
    public static IReadOnlyList<TensorRule> Attention { get; } = AttentionOf(_ => RowOrder.AsIs, _ => RowOrder.AsIs);

    /// <summary>The same with query and key rows interleaved for llama.cpp's llama graph.</summary>
    public static IReadOnlyList<TensorRule> InterleavedAttention { get; } =
        AttentionOf(n => new RowOrder.InterleaveHalves(n.Heads), n => new RowOrder.InterleaveHalves(n.KeyValueHeads));

    /// <summary>The optional bias behind attention, which some graphs add.</summary>
    public static TensorRule OutputBias { get; } =
        new("model.layers.{b}.self_attn.o_proj.bias", "blk.{b}.attn_output.bias", n => [n.Hidden]) { Presence = Presence.Optional };

    /// <summary>Norms of each head's queries and keys.</summary>
    public static IReadOnlyList<TensorRule> QueryKeyNorms { get; } =
    [
        new("model.layers.{b}.self_attn.q_norm.weight", "blk.{b}.attn_q_norm.weight", n => [n.HeadDimension]),
        new("model.layers.{b}.self_attn.k_norm.weight", "blk.{b}.attn_k_norm.weight", n => [n.HeadDimension]),
    ];

    /// <summary>The norm before the feed-forward layer.</summary>
    public static TensorRule FeedForwardNorm { get; } = new("model.layers.{b}.post_attention_layernorm.weight", "blk.{b}.ffn_norm.weight", n => [n.Hidden]);

    /// <summary>The gated feed-forward layer.</summary>
    public static IReadOnlyList<TensorRule> GatedFeedForward { get; } =
    [
        FeedForwardNorm,
        new("model.layers.{b}.mlp.gate_proj.weight", "blk.{b}.ffn_gate.weight", n => [n.FeedForward, n.Hidden]),
        new("model.layers.{b}.mlp.up_proj.weight", "blk.{b}.ffn_up.weight", n => [n.FeedForward, n.Hidden]),
        new("model.layers.{b}.mlp.down_proj.weight", "blk.{b}.ffn_down.weight", n => [n.Hidden, n.FeedForward]),
    ];

    /// <summary>Its optional biases, which some graphs add.</summary>
    public static IReadOnlyList<TensorRule> FeedForwardBiases { get; } =
    [
        new("model.layers.{b}.mlp.gate_proj.bias", "blk.{b}.ffn_gate.bias", n => [n.FeedForward]) { Presence = Presence.Optional },
        new("model.layers.{b}.mlp.up_proj.bias", "blk.{b}.ffn_up.bias", n => [n.FeedForward]) { Presence = Presence.Optional },
        new("model.layers.{b}.mlp.down_proj.bias", "blk.{b}.ffn_down.bias", n => [n.Hidden]) { Presence = Presence.Optional },
    ];

    private static IReadOnlyList<TensorRule> AttentionOf(Func<Hyperparameters, RowOrder> queries, Func<Hyperparameters, RowOrder> keys) =>
    [
        new("model.layers.{b}.input_layernorm.weight", "blk.{b}.attn_norm.weight", n => [n.Hidden]),
        new("model.layers.{b}.self_attn.q_proj.weight", "blk.{b}.attn_q.weight", n => [n.Heads * n.HeadDimension, n.Hidden]) { Rows = queries },
        new("model.layers.{b}.self_attn.k_proj.weight", "blk.{b}.attn_k.weight", n => [n.KeyValueHeads * n.HeadDimension, n.Hidden]) { Rows = keys },
        new("model.layers.{b}.self_attn.v_proj.weight", "blk.{b}.attn_v.weight", n => [n.KeyValueHeads * n.HeadDimension, n.Hidden]),
        new("model.layers.{b}.self_attn.o_proj.weight", "blk.{b}.attn_output.weight", n => [n.Hidden, n.Heads * n.HeadDimension]),
        new("model.layers.{b}.self_attn.q_proj.bias", "blk.{b}.attn_q.bias", n => [n.Heads * n.HeadDimension]) { Rows = queries, Presence = Presence.Optional },
        new("model.layers.{b}.self_attn.k_proj.bias", "blk.{b}.attn_k.bias", n => [n.KeyValueHeads * n.HeadDimension]) { Rows = keys, Presence = Presence.Optional },
        new("model.layers.{b}.self_attn.v_proj.bias", "blk.{b}.attn_v.bias", n => [n.KeyValueHeads * n.HeadDimension]) { Presence = Presence.Optional },
    ];
}
