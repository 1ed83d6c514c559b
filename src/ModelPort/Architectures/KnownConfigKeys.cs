namespace ModelPort.Architectures;

/// <summary>Keys of config.json that are read, or that are known not to change what a decoder computes at inference.</summary>
internal static class KnownConfigKeys
{
    private static readonly HashSet<string> Keys = new(StringComparer.Ordinal)
    {
        // read
        "architectures", "hidden_size", "n_embd", "dim", "num_attention_heads", "n_head", "n_heads", "num_key_value_heads", "n_kv_heads", "head_dim",
        "n_layers", "num_hidden_layers", "n_layer", "num_layers", "intermediate_size", "n_inner", "hidden_dim", "vocab_size",
        "max_position_embeddings", "n_ctx", "n_positions", "max_length", "max_sequence_length", "model_max_length", "tie_word_embeddings",
        "rope_theta", "rope_scaling", "rope_parameters", "rms_norm_eps", "norm_eps", "hidden_act", "sliding_window", "partial_rotary_factor",
        "quantization_config", "bos_token_id", "eos_token_id", "pad_token_id", "unk_token_id", "sep_token_id", "cls_token_id", "mask_token_id",
        "_name_or_path", "torch_dtype", "dtype", "model_type", "attention_bias", "mlp_bias",

        // training, book-keeping and generation habits
        "transformers_version", "use_cache", "initializer_range", "attention_dropout", "hidden_dropout", "resid_pdrop", "embd_pdrop", "attn_pdrop",
        "pretraining_tp", "output_attentions", "output_hidden_states", "return_dict", "gradient_checkpointing", "auto_map", "is_llama_config",
        "_attn_implementation", "attn_implementation", "_attn_implementation_autoset", "chunk_size_feed_forward", "is_decoder", "is_encoder_decoder",
        "add_cross_attention", "tokenizer_class", "prefix", "task_specific_params", "problem_type", "id2label", "label2id", "num_return_sequences",
        "do_sample", "temperature", "top_k", "top_p", "repetition_penalty", "length_penalty", "min_length", "num_beams", "torchscript",
        "use_bfloat16", "unsloth_version", "unsloth_fixed", "base_model_tp_plan", "neftune_noise_alpha", "ep_size",
    };

    /// <summary>Whether a key is known.</summary>
    public static bool Contains(string key) => Keys.Contains(key);
}
