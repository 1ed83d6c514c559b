namespace ModelPort.Planning;

/// <summary>What a tensor does in a model, as far as the choice of its type asks.</summary>
internal enum TensorRole
{
    /// <summary>No rule asks for it.</summary>
    Other,

    /// <summary>The embedding, or a second one for each layer.</summary>
    Embedding,

    /// <summary>The output matrix.</summary>
    Output,

    /// <summary>Attention values, alone or fused with queries and keys or with keys.</summary>
    Value,

    /// <summary>Attention keys, alone.</summary>
    Key,

    /// <summary>Attention queries, alone.</summary>
    Query,

    /// <summary>The projection behind attention.</summary>
    AttentionOutput,

    /// <summary>The up-projection of the feed-forward layer, dense or of experts.</summary>
    Up,

    /// <summary>The gate of the feed-forward layer, dense or of experts.</summary>
    Gate,

    /// <summary>The down-projection of the feed-forward layer, dense or of experts.</summary>
    Down,
}

/// <summary>Reads roles from GGUF names, by the same parts of names as llama-quantize v0.5.0.</summary>
internal static class TensorRoles
{
    // Too small, too sensitive, or read by operators that take floats only.
    private static readonly string[] NeverQuantised =
    [
        "_norm.weight", "ffn_gate_inp.weight", "ffn_gate_tid2eid.weight", "altup", "laurel", "per_layer_model_proj", "ssm_conv1d",
        "shortconv.conv.weight", "attn_rel_b.weight", "indexer.k_proj.weight", "indexer.q_proj.weight", "time_mix_first.weight",
        "time_mix_w0.weight", "time_mix_w1.weight", "time_mix_w2.weight", "time_mix_v0.weight", "time_mix_v1.weight", "time_mix_v2.weight",
        "time_mix_a0.weight", "time_mix_a1.weight", "time_mix_a2.weight", "time_mix_g1.weight", "time_mix_g2.weight",
        "time_mix_decay_w1.weight", "time_mix_decay_w2.weight", "time_mix_lerp_fused.weight", ".position_embd", ".patch_embd",
    ];

    /// <summary>The role of a tensor.</summary>
    public static TensorRole Of(string name) => name switch
    {
        "output.weight" => TensorRole.Output,
        "token_embd.weight" or "per_layer_token_embd.weight" => TensorRole.Embedding,
        _ when Has(name, "attn_qkv.weight") || Has(name, "attn_kv_b.weight") || Has(name, "attn_v.weight") => TensorRole.Value,
        _ when Has(name, "attn_k.weight") => TensorRole.Key,
        _ when Has(name, "attn_q.weight") => TensorRole.Query,
        _ when Has(name, "attn_output.weight") => TensorRole.AttentionOutput,
        _ when Has(name, "ffn_up") => TensorRole.Up,
        _ when Has(name, "ffn_gate") => TensorRole.Gate,
        _ when Has(name, "ffn_down") => TensorRole.Down,
        _ => TensorRole.Other,
    };

    /// <summary>Whether llama-quantize changes the type of a tensor.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="shape">Its dimensions, the row length first.</param>
    public static bool IsQuantisable(string name, ReadOnlySpan<long> shape) =>
        !shape.IsEmpty && shape[1..].ContainsAnyExcept(1)
        && name.EndsWith("weight", StringComparison.Ordinal)
        && name is not ("position_embd.weight" or "token_types.weight")
        && !NeverQuantised.Any(part => Has(name, part));

    private static bool Has(string name, string part) => name.Contains(part, StringComparison.Ordinal);
}
