using System.Collections.Immutable;
using ModelPort.Formats.Json;

namespace ModelPort.Formats;

/// <summary>
/// A generation_config.json of the transformers library: how its authors sample from a model. Null where the file says nothing.
/// </summary>
public sealed class GenerationConfig : ConfigObject
{
    private const int MaxLength = 16 * 1024 * 1024;

    private GenerationConfig(JsonMember root)
        : base(root)
    {
        DoSample = TryGetBool(out bool sample, "do_sample") ? sample : null;
        Sequence = TryGetString(out string? sequence, "sequence") ? sequence : null;
        TopK = Integer("top_k");
        TopP = Number("top_p");
        MinP = Number("min_p");
        TypicalP = Number("typical_p");
        XtcProbability = Number("xtc_probability");
        XtcThreshold = Number("xtc_threshold");
        Temperature = Number("temperature");
        RepetitionPenalty = Number("repetition_penalty");
        PenaltyLastN = Integer("penalty_last_n");
        PenaltyRepeat = Number("penalty_repeat");
        Mirostat = Integer("mirostat");
        MirostatTau = Number("mirostat_tau");
        MirostatEta = Number("mirostat_eta");
        BosTokenId = Integer("bos_token_id");
        EosTokenIds = OneOrMoreInt64s("eos_token_id");
        PadTokenId = Integer("pad_token_id");
    }

    /// <summary>Whether tokens are drawn at random rather than taken greedily.</summary>
    public bool? DoSample { get; }

    /// <summary>The order of llama.cpp's samplers.</summary>
    public string? Sequence { get; }

    /// <summary>How many of the most probable tokens are kept.</summary>
    public long? TopK { get; }

    /// <summary>Probability mass that is kept.</summary>
    public double? TopP { get; }

    /// <summary>Least probability relative to the most probable token.</summary>
    public double? MinP { get; }

    /// <summary>Probability mass of locally typical tokens that is kept.</summary>
    public double? TypicalP { get; }

    /// <summary>Probability that the most probable tokens are removed.</summary>
    public double? XtcProbability { get; }

    /// <summary>Least probability of a token that may be removed so.</summary>
    public double? XtcThreshold { get; }

    /// <summary>What logits are divided by.</summary>
    public double? Temperature { get; }

    /// <summary>The repetition penalty of transformers.</summary>
    public double? RepetitionPenalty { get; }

    /// <summary>How many tokens back llama.cpp's repetition penalty looks.</summary>
    public long? PenaltyLastN { get; }

    /// <summary>The repetition penalty of llama.cpp.</summary>
    public double? PenaltyRepeat { get; }

    /// <summary>Version of the Mirostat sampler, 0 for none.</summary>
    public long? Mirostat { get; }

    /// <summary>Mirostat's target entropy.</summary>
    public double? MirostatTau { get; }

    /// <summary>Mirostat's learning rate.</summary>
    public double? MirostatEta { get; }

    /// <summary>The id of the token that begins a text.</summary>
    public long? BosTokenId { get; }

    /// <summary>The ids of the tokens that end a text; the file may hold one or a list.</summary>
    public ImmutableArray<long> EosTokenIds { get; }

    /// <summary>The id of the padding token.</summary>
    public long? PadTokenId { get; }

    /// <summary>Reads a generation_config.json.</summary>
    /// <exception cref="InvalidModelFileException">The file cannot be read, or a value has the wrong type.</exception>
    public static GenerationConfig Open(string path) => new(JsonInput.Load(path, MaxLength).Parse().AsObject());

    private double? Number(string name) => TryGetDouble(out double value, name) ? value : null;

    private long? Integer(string name) => TryGetInt64(out long value, name) ? value : null;
}
