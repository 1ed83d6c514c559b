using ModelPort.Diagnostics;
using ModelPort.Formats.Gguf;

namespace ModelPort.Planning;

/// <summary>The tensor types that a user can ask for by name.</summary>
public static class TensorTypes
{
    /// <summary>The types, from the most exact to the smallest.</summary>
    public static IReadOnlyList<GgmlType> All { get; } =
    [
        GgmlType.F32, GgmlType.BF16, GgmlType.F16, GgmlType.Q8_0, GgmlType.Q6_K, GgmlType.Q5_1, GgmlType.Q5_K, GgmlType.Q5_0, GgmlType.Q4_1, GgmlType.Q4_K,
        GgmlType.Q4_0, GgmlType.IQ4_NL, GgmlType.IQ4_XS, GgmlType.MXFP4, GgmlType.Q3_K, GgmlType.IQ3_S, GgmlType.IQ3_XXS,
        GgmlType.Q2_K, GgmlType.IQ2_S, GgmlType.IQ2_XS, GgmlType.IQ2_XXS, GgmlType.TQ2_0, GgmlType.IQ1_M, GgmlType.TQ1_0, GgmlType.IQ1_S,
    ];

    /// <summary>Types that llama.cpp makes only with an importance matrix.</summary>
    public static IReadOnlyList<GgmlType> NeedingImportance { get; } =
        [GgmlType.IQ3_XXS, GgmlType.IQ2_S, GgmlType.IQ2_XS, GgmlType.IQ2_XXS, GgmlType.IQ1_M, GgmlType.IQ1_S];

    /// <summary>The type of a name in any case.</summary>
    /// <param name="name">A name of ggml such as <c>Q4_K</c>; not that of a precision such as <c>Q4_K_M</c>, which is a mixture of types.</param>
    /// <param name="file">The file an error points at.</param>
    /// <exception cref="ModelPortException">MP1041: there is no such type.</exception>
    public static GgmlType Parse(string name, string file)
    {
        if (GgmlTypes.TryParse(name, out var type) && All.Contains(type))
        {
            return type;
        }

        var names = All.Select(GgmlTypes.Name).ToArray();
        throw new ModelPortException(Diagnose.UnknownTensorType(file, name, names, Nearest.To(name, names)));
    }
}
