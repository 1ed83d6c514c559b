using ModelPort.Formats.Gguf;
using ModelPort.Planning;

namespace ModelPort.Choosing;

/// <summary>
/// The types that a tensor is offered: those that are quantised fast, of which none is both larger and worse than another. IQ1 to IQ3, whose grids take a
/// hundred times as long to search, have to be asked for by name.
/// </summary>
internal static class CandidateTypes
{
    // Blocks of 256. Q4_0 to Q5_1 take as many bits as these, or more, and lose more.
    private static readonly GgmlType[] Large = [GgmlType.Q2_K, GgmlType.Q3_K, GgmlType.IQ4_XS, GgmlType.Q4_K, GgmlType.Q5_K, GgmlType.Q6_K, GgmlType.Q8_0];

    // Blocks of 32, for rows that 256 does not divide. IQ4_NL loses less than Q4_0, which is as large.
    private static readonly GgmlType[] Small = [GgmlType.IQ4_NL, GgmlType.Q4_1, GgmlType.Q5_0, GgmlType.Q5_1, GgmlType.Q8_0];

    /// <summary>The candidates, from the smallest to the tensor's own type, which loses nothing.</summary>
    /// <param name="rowLength">Values in a row.</param>
    /// <param name="own">The type that holds every value of the source: a float.</param>
    public static IReadOnlyList<GgmlType> Of(long rowLength, GgmlType own)
    {
        GgmlType[] blocks = TypeFallback.Fits(Large[0], rowLength) ? Large : TypeFallback.Fits(Small[0], rowLength) ? Small : [];
        return own == GgmlType.F32 ? [.. blocks, GgmlType.F16, own] : [.. blocks, own];
    }
}
