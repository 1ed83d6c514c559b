using System.Globalization;

namespace ModelPort.Architectures;

/// <summary>The header keys of rotary positions, and the factors that llama3 scaling puts into a tensor.</summary>
internal static class RotaryHeader
{
    /// <summary>The base frequency and, for linear, yarn and longrope scaling, the keys under <c>rope.scaling</c>.</summary>
    public static readonly HeaderRule Scaling = new((metadata, prefix, facts) =>
    {
        var rotary = facts.Numbers.Rotary;
        double? Parameter(params string[] names) => rotary.Parameter(facts.Config, names);
        double Needed(string name) => Parameter(name) ?? throw facts.Config.Error(name, "missing", $"a number, as '{rotary.Kind}' scaling needs");
        switch (rotary.Kind)
        {
            case "linear":
                metadata.Set(prefix + "rope.scaling.type", "linear");
                metadata.Set(prefix + "rope.scaling.factor", (float)Needed("factor"));
                break;
            case "yarn":
                metadata.Set(prefix + "rope.scaling.type", "yarn");
                metadata.Set(prefix + "rope.scaling.factor", (float)Needed("factor"));
                metadata.Set(prefix + "rope.scaling.original_context_length", OriginalContext(facts, Needed("original_max_position_embeddings")));
                Optional("yarn_ext_factor", "extrapolation_factor");
                Optional("yarn_attn_factor", "attention_factor", "attn_factor");
                Optional("yarn_beta_fast", "beta_fast");
                Optional("yarn_beta_slow", "beta_slow");
                break;
            case "longrope" or "su":
                metadata.Set(prefix + "rope.scaling.type", "longrope");
                break;
        }

        void Optional(string key, params string[] names)
        {
            if (Parameter(names) is { } value)
            {
                metadata.Set($"{prefix}rope.scaling.{key}", (float)value);
            }
        }
    });

    /// <summary>
    /// The divisors of llama3 scaling, head_dim/2 values: frequencies with a wavelength below the original context are kept (1), those far above
    /// it are divided by the factor, and between the two the factor is blended. Computed in single precision, as the reference converter does.
    /// </summary>
    public static float[]? Llama3Factors(ModelFacts facts)
    {
        var rotary = facts.Numbers.Rotary;
        if (rotary.Kind != "llama3")
        {
            return null;
        }

        double Parameter(string name, double fallback) => rotary.Parameter(facts.Config, name) ?? fallback;
        var factor = Parameter("factor", 8);
        var low = Parameter("low_freq_factor", 1);
        var high = Parameter("high_freq_factor", 4);
        var context = Parameter("original_max_position_embeddings", 8192);
        if (!(factor > 0 && low > 0 && high > low && context > 0))
        {
            throw facts.Config.Error("rope_parameters", "llama3 scaling with a factor that is zero or out of order", "factor > 0, original_max_position_embeddings > 0 and 0 < low_freq_factor < high_freq_factor");
        }

        var dimension = facts.Numbers.HeadDimension;
        var factors = new float[dimension / 2];
        for (var i = 0; i < factors.Length; i++)
        {
            var frequency = 1f / MathF.Pow((float)rotary.Theta, 2f * i / dimension);
            var wavelength = (float)(2 * Math.PI) / frequency;
            factors[i] = wavelength < (float)(context / high) ? 1f
                : wavelength > (float)(context / low) ? (float)factor
                : Blend(((float)context / wavelength - (float)low) / (float)(high - low), (float)factor);
        }

        return factors;
    }

    private static float Blend(float smooth, float factor) => 1f / ((1f - smooth) / factor + smooth);

    private static uint OriginalContext(ModelFacts facts, double value) =>
        value is > 0 and < uint.MaxValue && value == Math.Floor(value)
            ? (uint)value
            : throw facts.Config.Error("original_max_position_embeddings", value.ToString(CultureInfo.InvariantCulture), "a whole number above zero");
}
