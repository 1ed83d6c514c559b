using ModelPort.Diagnostics;
using ModelPort.Formats.Gguf;

namespace ModelPort.Planning;

/// <summary>A precision of the llama.cpp runtime: a file type with the tensor type it starts from.</summary>
/// <param name="Name">As users and file names spell it, for instance <c>Q4_K_M</c>.</param>
/// <param name="FileType">The number in <c>general.file_type</c> (enum llama_ftype).</param>
/// <param name="BaseType">The type of a matrix to which no special rule applies.</param>
public sealed record Precision(string Name, uint FileType, GgmlType BaseType)
{
    /// <summary>All weights as 32-bit floats.</summary>
    public static readonly Precision F32 = new("F32", 0, GgmlType.F32);

    /// <summary>Matrices as IEEE half floats.</summary>
    public static readonly Precision F16 = new("F16", 1, GgmlType.F16);

    /// <summary>Matrices as bfloat16.</summary>
    public static readonly Precision BF16 = new("BF16", 32, GgmlType.BF16);

    /// <summary>Every precision this version makes, from the most exact to the smallest.</summary>
    public static IReadOnlyList<Precision> All { get; } =
    [
        F32, F16, BF16,
        new("Q8_0", 7, GgmlType.Q8_0),
        new("Q6_K", 18, GgmlType.Q6_K),
        new("Q5_K_M", 17, GgmlType.Q5_K),
        new("Q5_K_S", 16, GgmlType.Q5_K),
        new("Q4_K_M", 15, GgmlType.Q4_K),
        new("Q4_K_S", 14, GgmlType.Q4_K),
        new("Q4_0", 2, GgmlType.Q4_0),
    ];

    /// <summary>Whether weights are quantised in blocks (not plain floats).</summary>
    public bool IsQuantised => BaseType is not (GgmlType.F32 or GgmlType.F16 or GgmlType.BF16);

    /// <summary>Whether the mixture follows llama-quantize (K-quants and 4-bit) rather than the converter (floats and Q8_0).</summary>
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
            var precision = All.FirstOrDefault(p => p.Name.Equals(name, StringComparison.OrdinalIgnoreCase));
            if (precision is null)
            {
                var names = All.Select(p => p.Name).ToArray();
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
