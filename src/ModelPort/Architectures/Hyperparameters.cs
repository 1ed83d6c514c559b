using ModelPort.Checkpoints;
using ModelPort.Diagnostics;

namespace ModelPort.Architectures;

/// <summary>
/// The numbers of a decoder that header keys and tensor shapes are made of, read from config.json under the names the families use, with the
/// defaults that the transformers library gives to keys a config leaves out.
/// </summary>
public sealed record Hyperparameters
{
    // Sizes beyond these are no model but a damaged config; they keep later arithmetic far from overflow.
    private const long LargestDimension = 1L << 31;
    private const long MostLayers = 10_000;

    // LLAMA_MAX_EXPERTS: beyond it llama.cpp ends the process.
    private const long MostExperts = 512;

    /// <summary>Number of blocks.</summary>
    public required int Layers { get; init; }

    /// <summary>Width of the residual stream.</summary>
    public required long Hidden { get; init; }

    /// <summary>Width of the feed-forward layer.</summary>
    public required long FeedForward { get; init; }

    /// <summary>Query heads.</summary>
    public required int Heads { get; init; }

    /// <summary>Key and value heads.</summary>
    public required int KeyValueHeads { get; init; }

    /// <summary>Width of one head.</summary>
    public required long HeadDimension { get; init; }

    /// <summary>Rows of the embedding.</summary>
    public required long Vocabulary { get; init; }

    /// <summary>Positions the model was made for; null when config.json names none.</summary>
    public long? Context { get; init; }

    /// <summary>Whether the output matrix is the embedding.</summary>
    public bool TiedEmbeddings { get; init; }

    /// <summary>What RMS norms add to the mean square.</summary>
    public required double NormEpsilon { get; init; }

    /// <summary>Experts of a block; 0 for a dense model.</summary>
    public int Experts { get; init; }

    /// <summary>Experts that each token is given to.</summary>
    public int ExpertsUsed { get; init; }

    /// <summary>Width of an expert's feed-forward layer.</summary>
    public long ExpertFeedForward { get; init; }

    /// <summary>Rotary position parameters.</summary>
    public required RotaryParameters Rotary { get; init; }

    /// <summary>Reads the parameters of a checkpoint.</summary>
    /// <param name="checkpoint">The source.</param>
    /// <param name="architecture">Its family, which knows what a missing key means and whether there are experts.</param>
    /// <exception cref="ModelPortException">MP1013: a key is missing or has no sensible value.</exception>
    public static Hyperparameters Read(Checkpoint checkpoint, ArchitectureTable architecture)
    {
        var config = new ConfigReader(checkpoint);
        var defaults = architecture.Defaults;
        var hidden = config.Positive(LargestDimension, "hidden_size", "n_embd", "dim");
        var heads = (int)config.Positive(1 << 20, "num_attention_heads", "n_head", "n_heads");
        var keyValueHeads = (int)config.PositiveOr(defaults.KeyValueHeads ?? heads, 1 << 20, "num_key_value_heads", "n_kv_heads");
        if (heads % keyValueHeads != 0)
        {
            throw config.Error("num_key_value_heads", keyValueHeads.ToString(System.Globalization.CultureInfo.InvariantCulture), $"a divisor of the {heads} attention heads");
        }

        var headDimension = config.Optional(LargestDimension, "head_dim") ?? defaults.HeadDimension ?? HeadDimensionOf(hidden, heads, config);
        if (headDimension % 2 != 0)
        {
            throw config.Error("head_dim", headDimension.ToString(System.Globalization.CultureInfo.InvariantCulture), "an even number, as rotary positions need");
        }

        var feedForward = config.Positive(LargestDimension, "intermediate_size", "n_inner", "hidden_dim");
        var experts = architecture.HasExperts ? (int)config.Positive(MostExperts, "num_local_experts", "num_experts", "n_routed_experts") : 0;
        return new Hyperparameters
        {
            Layers = (int)config.Positive(MostLayers, "n_layers", "num_hidden_layers", "n_layer", "num_layers"),
            Hidden = hidden,
            FeedForward = feedForward,
            Heads = heads,
            KeyValueHeads = keyValueHeads,
            HeadDimension = headDimension,
            Vocabulary = config.Positive(LargestDimension, "vocab_size"),
            Context = config.Optional(LargestDimension, "max_position_embeddings", "n_ctx", "n_positions", "max_length", "max_sequence_length", "model_max_length"),
            TiedEmbeddings = config.Flag("tie_word_embeddings") ?? false,
            NormEpsilon = config.Number("rms_norm_eps", "norm_eps") ?? defaults.NormEpsilon,
            Experts = experts,
            ExpertsUsed = experts == 0 ? 0 : (int)config.Positive(experts, "num_experts_per_tok", "num_experts_per_token", "top_k_experts"),
            ExpertFeedForward = experts == 0 ? 0 : config.PositiveOr(feedForward, LargestDimension, "moe_intermediate_size"),
            Rotary = RotaryParameters.Read(config, defaults.RotaryTheta),
        };
    }

    private static long HeadDimensionOf(long hidden, int heads, ConfigReader config) =>
        hidden % heads == 0
            ? hidden / heads
            : throw config.Error(
                "num_attention_heads",
                heads.ToString(System.Globalization.CultureInfo.InvariantCulture),
                $"a divisor of hidden_size ({hidden.ToString(System.Globalization.CultureInfo.InvariantCulture)}), or the key head_dim");
}
