using ModelPort.Diagnostics;

namespace ModelPort.Architectures;

/// <summary>A condition on the configuration: yields a warning for what the port does not carry, throws for what it cannot port.</summary>
/// <param name="Run">The check.</param>
public sealed record ConfigCheck(Func<ModelFacts, IEnumerable<Diagnostic>> Run)
{
    /// <summary>A key must have one value if it is there.</summary>
    public static ConfigCheck MustBe(string key, string expected) => new(facts =>
    {
        var found = facts.Config.Text(key);
        return found is null || found == expected ? [] : throw facts.Config.Error(key, $"'{found}'", $"'{expected}', the only one this architecture computes");
    });

    /// <summary>A checkpoint whose weights are already quantised cannot be ported exactly, and is refused.</summary>
    public static readonly ConfigCheck NotQuantised = new(facts =>
        facts.Config.Nested("quantization_config") is null
            ? []
            : throw new ModelPortException(Diagnose.UnsupportedContent(facts.Checkpoint.ConfigPath, "'quantization_config': weights that are already quantised", "checkpoints in F32, F16 or BF16")));

    /// <summary>All positions of a head are rotated.</summary>
    public static readonly ConfigCheck FullRotary = new(facts =>
        facts.Config.Number("partial_rotary_factor") is not { } share || share == 1.0
            ? []
            : throw facts.Config.Error("partial_rotary_factor", share.ToString(System.Globalization.CultureInfo.InvariantCulture), "1"));

    /// <summary>llama.cpp's llama graph attends to all positions: a window smaller than the context is lost, and matters only beyond it.</summary>
    public static readonly ConfigCheck SlidingWindow = new(facts =>
        facts.Config.Optional(long.MaxValue, "sliding_window") is { } window && facts.Numbers.Context is { } context && window < context
            ? [Diagnose.ConfigNotCarried(facts.Checkpoint.ConfigPath, "sliding_window", window.ToString(System.Globalization.CultureInfo.InvariantCulture), $"beyond {window} tokens the port attends further back than the source did")]
            : []);

    /// <summary>Scalings of rotary positions that GGUF has no key for.</summary>
    public static readonly ConfigCheck RotaryScaling = new(facts =>
        RotaryHeader.IsCarried(facts.Numbers.Rotary.Kind)
            ? []
            : [Diagnose.ConfigNotCarried(facts.Checkpoint.ConfigPath, "rope_type", $"'{facts.Numbers.Rotary.Kind}'", "positions beyond the original context are rotated as if there were no scaling")]);

    /// <summary>Keys this version has never heard of may change numbers.</summary>
    public static readonly ConfigCheck UnknownKeys = new(facts =>
    {
        var unknown = facts.Checkpoint.Config.Root.Element.EnumerateObject()
            .Where(p => p.Value.ValueKind is not (System.Text.Json.JsonValueKind.Null or System.Text.Json.JsonValueKind.False))
            .Select(p => p.Name)
            .Where(n => !KnownConfigKeys.Contains(n))
            .ToArray();
        return unknown.Length == 0 ? [] : [Diagnose.ConfigUnknown(facts.Checkpoint.ConfigPath, unknown)];
    });
}
