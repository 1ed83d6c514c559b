using ModelPort.Diagnostics;
using ModelPort.Formats.Gguf;

namespace ModelPort.Planning;

/// <summary>A precision of the llama.cpp runtime: a file type with the tensor type it starts from.</summary>
/// <param name="Name">As users and file names spell it, for instance <c>Q4_K_M</c>.</param>
/// <param name="FileType">The number in <c>general.file_type</c> (enum llama_ftype).</param>
/// <param name="BaseType">The type of a matrix to which no special rule applies.</param>
/// <param name="NeedsImportance">Whether it is made only with an importance matrix: without one it has too few bits to be of use.</param>
public sealed record Precision(string Name, uint FileType, GgmlType BaseType, bool NeedsImportance = false)
{
    /// <summary>All weights as 32-bit floats.</summary>
    public static readonly Precision F32 = new("F32", 0, GgmlType.F32);

    /// <summary>Matrices as IEEE half floats.</summary>
    public static readonly Precision F16 = new("F16", 1, GgmlType.F16);

    /// <summary>Matrices as bfloat16.</summary>
    public static readonly Precision BF16 = new("BF16", 32, GgmlType.BF16);

    /// <summary>No recipe: each tensor's type is chosen for a size (<see cref="Choosing.SizeTarget"/>). Its file type follows from what is chosen.</summary>
    public static readonly Precision Auto = new("Auto", 0, GgmlType.F32);

    /// <summary>Every precision this version makes, from the most exact to the smallest.</summary>
    public static IReadOnlyList<Precision> All { get; } =
    [
        F32, F16, BF16,
        new("Q8_0", 7, GgmlType.Q8_0),
        new("Q6_K", 18, GgmlType.Q6_K),
        new("Q5_1", 9, GgmlType.Q5_1),
        new("Q5_K_M", 17, GgmlType.Q5_K),
        new("Q5_K_S", 16, GgmlType.Q5_K),
        new("Q5_0", 8, GgmlType.Q5_0),
        new("Q4_1", 3, GgmlType.Q4_1),
        new("Q4_K_M", 15, GgmlType.Q4_K),
        new("Q4_K_S", 14, GgmlType.Q4_K),
        new("IQ4_NL", 25, GgmlType.IQ4_NL),
        new("IQ4_XS", 30, GgmlType.IQ4_XS),
        new("Q4_0", 2, GgmlType.Q4_0),
        new("MXFP4_MOE", 38, GgmlType.MXFP4),
        new("Q3_K_L", 13, GgmlType.Q3_K),
        new("Q3_K_M", 12, GgmlType.Q3_K),
        new("IQ3_M", 27, GgmlType.IQ3_S),
        new("Q3_K_S", 11, GgmlType.Q3_K),
        new("IQ3_S", 26, GgmlType.IQ3_S),
        new("IQ3_XS", 22, GgmlType.IQ3_S, NeedsImportance: true),
        new("IQ3_XXS", 23, GgmlType.IQ3_XXS, NeedsImportance: true),
        new("Q2_K", 10, GgmlType.Q2_K),
        new("Q2_K_S", 21, GgmlType.Q2_K, NeedsImportance: true),
        new("IQ2_M", 29, GgmlType.IQ2_S, NeedsImportance: true),
        new("IQ2_S", 28, GgmlType.IQ2_XS, NeedsImportance: true),
        new("IQ2_XS", 20, GgmlType.IQ2_XS, NeedsImportance: true),
        new("IQ2_XXS", 19, GgmlType.IQ2_XXS, NeedsImportance: true),
        new("TQ2_0", 37, GgmlType.TQ2_0),
        new("IQ1_M", 31, GgmlType.IQ1_M, NeedsImportance: true),
        new("TQ1_0", 36, GgmlType.TQ1_0),
        new("IQ1_S", 24, GgmlType.IQ1_S, NeedsImportance: true),
    ];

    /// <summary>Whether weights are quantised in blocks (not plain floats).</summary>
    public bool IsQuantised => BaseType is not (GgmlType.F32 or GgmlType.F16 or GgmlType.BF16);

    /// <summary>Whether the mixture follows llama-quantize (all blocks but Q8_0) rather than the converter (floats and Q8_0).</summary>
    public bool UsesRecipe => IsQuantised && BaseType != GgmlType.Q8_0;

    /// <summary>Reads a list such as <c>Q4_K_M;Q8_0</c>; names are matched without regard to case, repeats are dropped.</summary>
    /// <param name="text">The metadatum as the user wrote it.</param>
    /// <param name="file">The file an error points at.</param>
    /// <exception cref="ModelPortException">MP1018: a name is unknown.</exception>
    public static IReadOnlyList<Precision> ParseList(string text, string file)
    {
        var result = new List<Precision>();
        foreach (var name in text.Split([';', ','], StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            var precision = All.Append(Auto).FirstOrDefault(p => p.Name.Equals(name, StringComparison.OrdinalIgnoreCase));
            if (precision is null)
            {
                string[] names = [.. All.Select(p => p.Name), Auto.Name];
                throw new ModelPortException(Diagnose.UnknownPrecision(file, name, names, Nearest.To(name, names)));
            }

            if (!result.Contains(precision))
            {
                result.Add(precision);
            }
        }

        return result;
    }

    /// <inheritdoc/>
    public override string ToString() => Name;
}
