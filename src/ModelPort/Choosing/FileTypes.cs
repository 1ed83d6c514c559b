using ModelPort.Formats.Gguf;
using ModelPort.Planning;

namespace ModelPort.Choosing;

/// <summary>What a mix of types is nearest to among the precisions that have names.</summary>
internal static class FileTypes
{
    /// <summary>The value of general.file_type: that of the type that most weights have, as llama.cpp itself guesses it where the key is missing.</summary>
    /// <param name="tensors">Type and number of values of each tensor.</param>
    public static uint Of(IEnumerable<(GgmlType Type, long Values)> tensors)
    {
        var main = tensors.GroupBy(t => t.Type).OrderByDescending(g => g.Sum(t => t.Values)).First().Key;
        return Precision.All.Where(p => p.BaseType == main && !p.NeedsImportance).OrderByDescending(p => p.Name.EndsWith("_M", StringComparison.Ordinal)).First().FileType;
    }

    /// <summary>The most exact precision whose file is not larger; Q2_K when all are.</summary>
    /// <param name="bytes">Bytes of the file.</param>
    /// <param name="lengthOf">The length that the file of a precision would have.</param>
    public static Precision Yardstick(long bytes, Func<Precision, long> lengthOf)
    {
        var precisions = Precision.All.Where(p => !p.NeedsImportance && p.BaseType is not (GgmlType.TQ1_0 or GgmlType.TQ2_0 or GgmlType.MXFP4)).ToArray();
        return precisions.FirstOrDefault(p => lengthOf(p) <= bytes) ?? precisions[^1];
    }
}
