using ModelPort.Formats.Gguf;

namespace ModelPort.Architectures;

/// <summary>One header key, or a few that belong together, and where their values come from.</summary>
/// <param name="Write">Writes the keys; <c>prefix</c> is the architecture's name with a point.</param>
public sealed record HeaderRule(Action<GgufMetadata, string, ModelFacts> Write)
{
    /// <summary>The place of <c>general.file_type</c>, which depends on the precision.</summary>
    public static readonly HeaderRule FileType = new((_, _, _) => { });

    /// <summary>A whole number (u32); not written when the source has none.</summary>
    public static HeaderRule Count(string key, Func<ModelFacts, long?> value) => new((metadata, prefix, facts) =>
    {
        if (value(facts) is { } number)
        {
            metadata.Set(prefix + key, checked((uint)number));
        }
    });

    /// <summary>A real number (f32); not written when the source has none.</summary>
    public static HeaderRule Real(string key, Func<ModelFacts, double?> value) => new((metadata, prefix, facts) =>
    {
        if (value(facts) is { } number)
        {
            metadata.Set(prefix + key, float.IsFinite((float)number)
                ? (float)number
                : throw facts.Config.Error(key, number.ToString(System.Globalization.CultureInfo.InvariantCulture), "a number that a 32-bit float holds"));
        }
    });
}
