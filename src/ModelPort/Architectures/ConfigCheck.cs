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

    /// <summary>A switch must be on.</summary>
    public static ConfigCheck MustBeOn(string key) => new(facts =>
        facts.Config.Flag(key) == true ? [] : throw facts.Config.Error(key, facts.Config.Flag(key) is null ? "missing, which means false" : "false", "true, the only way that this architecture computes"));

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

    /// <summary>The graph attends to all positions: a window smaller than the context is lost, and matters only beyond it.</summary>
    public static readonly ConfigCheck SlidingWindow = new(WindowNotCarried);

    /// <summary>The same for families whose window is off unless a switch turns it on.</summary>
    public static readonly ConfigCheck SlidingWindowInUse = new(facts => facts.Config.Flag("use_sliding_window") == true ? WindowNotCarried(facts) : []);

    /// <summary>Other scalings of rotary positions than those that keys or a tensor carry.</summary>
    public static ConfigCheck RotaryScaling(params string[] carried) => new(facts =>
        facts.Numbers.Rotary.Kind == "default" || carried.Contains(facts.Numbers.Rotary.Kind)
            ? []
            : [Diagnose.ConfigNotCarried(facts.Checkpoint.ConfigPath, "rope_type", $"'{facts.Numbers.Rotary.Kind}'", "positions beyond the original context are rotated as if there were no scaling")]);

    /// <summary>Keys this version has never heard of may change numbers.</summary>
    /// <param name="own">Keys that only this family has, and that it reads or is known to compute the same without.</param>
    public static ConfigCheck UnknownKeys(params string[] own) => new(facts =>
    {
        var unknown = facts.Checkpoint.Config.Root.Element.EnumerateObject()
            .Where(p => p.Value.ValueKind is not (System.Text.Json.JsonValueKind.Null or System.Text.Json.JsonValueKind.False))
            .Select(p => p.Name)
            .Where(n => !KnownConfigKeys.Contains(n) && !own.Contains(n))
            .ToArray();
        return unknown.Length == 0 ? [] : [Diagnose.ConfigUnknown(facts.Checkpoint.ConfigPath, unknown)];
    });

    private static IEnumerable<Diagnostic> WindowNotCarried(ModelFacts facts) =>
        facts.Config.Optional(long.MaxValue, "sliding_window") is { } window && facts.Numbers.Context is { } context && window < context
            ? [Diagnose.ConfigNotCarried(facts.Checkpoint.ConfigPath, "sliding_window", window.ToString(System.Globalization.CultureInfo.InvariantCulture), $"beyond {window} tokens the port attends further back than the source did")]
            : [];
}
