using System.Globalization;
using ModelPort.Diagnostics;
using ModelPort.Formats;

namespace ModelPort.Architectures;

/// <summary>Rotary position embedding: the base frequency and how positions are stretched beyond the trained context.</summary>
/// <remarks>transformers 4 writes <c>rope_theta</c> and <c>rope_scaling</c>; transformers 5 writes both into <c>rope_parameters</c>.</remarks>
public sealed record RotaryParameters
{
    /// <summary>The base of the frequencies.</summary>
    public required double Theta { get; init; }

    /// <summary>The kind of scaling: default, linear, yarn, llama3, longrope, dynamic or another word of the config.</summary>
    public required string Kind { get; init; }

    /// <summary>The scaling's own parameters; null when there are none.</summary>
    public required ConfigObject? Scaling { get; init; }

    /// <summary>Reads either style.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="defaultTheta">The base when it names none.</param>
    /// <exception cref="ModelPortException">MP1013: a parameter is no number.</exception>
    public static RotaryParameters Read(ConfigReader config, double defaultTheta)
    {
        var scaling = config.Nested("rope_parameters") ?? config.Nested("rope_scaling");
        var kind = scaling is not null && scaling.TryGetString(out var type, "rope_type", "type") ? type : "default";
        var theta = Number(scaling, "rope_theta", config) ?? config.Number("rope_theta", "global_rope_theta", "rotary_emb_base") ?? defaultTheta;
        if (!(theta > 0) || !float.IsFinite((float)theta))
        {
            throw config.Error("rope_theta", theta.ToString(CultureInfo.InvariantCulture), "a number above zero");
        }

        return new RotaryParameters { Theta = theta, Kind = kind, Scaling = scaling };
    }

    /// <summary>A parameter of the scaling, or null.</summary>
    /// <exception cref="ModelPortException">MP1013: it is no number.</exception>
    public double? Parameter(ConfigReader config, params string[] names) =>
        names.Select(n => Number(Scaling, n, config)).FirstOrDefault(v => v is not null);

    private static double? Number(ConfigObject? element, string name, ConfigReader config)
    {
        if (element is null || !element.TryGetDouble(out var number, name))
        {
            return null;
        }

        return float.IsFinite((float)number) ? number : throw config.Error(name, number.ToString(CultureInfo.InvariantCulture), "a number that a 32-bit float holds");
    }
}
