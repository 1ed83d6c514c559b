using System.Globalization;
using ModelPort.Checkpoints;
using ModelPort.Diagnostics;
using ModelPort.Formats;

namespace ModelPort.Architectures;

/// <summary>Reads config.json by the alternative names of a key, and turns what is missing or absurd into errors that name the key.</summary>
/// <param name="checkpoint">Whose configuration is read.</param>
public sealed class ConfigReader(Checkpoint checkpoint)
{
    /// <summary>The checkpoint that is read.</summary>
    public Checkpoint Checkpoint => checkpoint;

    /// <summary>A whole number above zero that must be there.</summary>
    public long Positive(long largest, params string[] names) =>
        Optional(largest, names) ?? throw Error(string.Join(" or ", names), "missing", "a whole number above zero");

    /// <summary>A whole number above zero, or a default.</summary>
    public long PositiveOr(long fallback, long largest, params string[] names) => Optional(largest, names) ?? fallback;

    /// <summary>A whole number above zero, or null.</summary>
    public long? Optional(long largest, params string[] names)
    {
        if (!checkpoint.Config.TryGetInt64(out var value, names))
        {
            return null;
        }

        return value > 0 && value <= largest
            ? value
            : throw Error(string.Join(" or ", names), value.ToString(CultureInfo.InvariantCulture), $"a whole number from 1 to {largest.ToString(CultureInfo.InvariantCulture)}");
    }

    /// <summary>A number, or null.</summary>
    public double? Number(params string[] names) => checkpoint.Config.TryGetDouble(out var value, names) ? value : null;

    /// <summary>A text, or null.</summary>
    public string? Text(params string[] names) => checkpoint.Config.TryGetString(out var value, names) ? value : null;

    /// <summary>A truth value, or null.</summary>
    public bool? Flag(params string[] names) => checkpoint.Config.TryGetBool(out var value, names) ? value : null;

    /// <summary>A nested object, or null.</summary>
    public ConfigObject? Nested(params string[] names) => checkpoint.Config.TryGetObject(out var value, names) ? value : null;

    /// <summary>The error for a key.</summary>
    public ModelPortException Error(string key, string found, string expected) =>
        new(Diagnose.ConfigKey(checkpoint.ConfigPath, key, found, expected));
}
