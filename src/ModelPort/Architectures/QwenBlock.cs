namespace ModelPort.Architectures;

/// <summary>What the tables of Qwen's families share.</summary>
internal static class QwenBlock
{
    /// <summary>Which tokenizer files are looked at.</summary>
    public static IReadOnlyList<TokenizerKind> Tokenizers { get; } = [TokenizerKind.SentencePiece, TokenizerKind.ByteLevelBpe];

    /// <summary>What must hold.</summary>
    /// <param name="keys">Keys of config.json that only this family has.</param>
    public static IReadOnlyList<ConfigCheck> Checks(params string[] keys) =>
    [
        ConfigCheck.NotQuantised,
        ConfigCheck.MustBe("hidden_act", "silu"),
        ConfigCheck.FullRotary,
        ConfigCheck.RotaryScaling("linear", "yarn"),
        ConfigCheck.SlidingWindowInUse,
        // Which layers have a sliding window matters only where one is in use.
        ConfigCheck.UnknownKeys(["use_sliding_window", "max_window_layers", "layer_types", .. keys]),
    ];
}
