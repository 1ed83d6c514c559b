using ModelPort.Formats.Gguf;

namespace ModelPort.Planning;

/// <summary>What llama-quantize v0.5.0 takes instead of a type whose blocks a tensor's rows do not fill.</summary>
internal static class TypeFallback
{
    /// <summary>The type itself when rows of that length are whole blocks, else the next one of blocks of 32, else F16.</summary>
    public static GgmlType Fit(GgmlType type, long rowLength)
    {
        if (Fits(type, rowLength))
        {
            return type;
        }

        var smaller = type switch
        {
            GgmlType.TQ1_0 or GgmlType.TQ2_0 or GgmlType.Q2_K or GgmlType.Q3_K => GgmlType.Q4_0,
            GgmlType.IQ1_S or GgmlType.IQ1_M or GgmlType.IQ2_XXS or GgmlType.IQ2_XS or GgmlType.IQ2_S or GgmlType.IQ3_XXS or GgmlType.IQ3_S or GgmlType.IQ4_XS => GgmlType.IQ4_NL,
            GgmlType.Q4_K => GgmlType.Q5_0,
            GgmlType.Q5_K => GgmlType.Q5_1,
            GgmlType.Q6_K => GgmlType.Q8_0,
            _ => GgmlType.F16,
        };
        return Fits(smaller, rowLength) ? smaller : GgmlType.F16;
    }

    /// <summary>Whether rows of a length are whole blocks of a type.</summary>
    public static bool Fits(GgmlType type, long rowLength) => rowLength % GgmlTypes.BlockElements(type) == 0;
}
