using ModelPort.Planning;

namespace ModelPort.Choosing;

/// <summary>
/// Puts tensors into groups that are measured together: each tensor alone in a model of few blocks; in a deep one, where neighbours are alike, tensors of the
/// same name in several blocks. The first two blocks and the last, which differ most from the others, stay alone.
/// </summary>
internal static class TensorGroups
{
    /// <summary>At most so many groups of one name.</summary>
    public const int MostOfAName = 8;

    private const int AloneAtTheStart = 2;
    private const int AloneAtTheEnd = 1;

    /// <summary>The groups, as indices.</summary>
    /// <param name="names">Names in GGUF.</param>
    public static IReadOnlyList<IReadOnlyList<int>> Of(IReadOnlyList<string> names) =>
    [
        .. from name in Enumerable.Range(0, names.Count)
           group name by NameInBlock(names[name]) into same
           from part in Split([.. same.OrderBy(i => TensorNames.BlockOf(names[i]) ?? -1)])
           select part,
    ];

    private static IEnumerable<IReadOnlyList<int>> Split(IReadOnlyList<int> inOrder)
    {
        if (inOrder.Count <= MostOfAName)
        {
            return inOrder.Select(i => new[] { i });
        }

        var between = inOrder.Skip(AloneAtTheStart).SkipLast(AloneAtTheEnd).ToArray();
        const int Parts = MostOfAName - AloneAtTheStart - AloneAtTheEnd;
        return
        [
            .. inOrder.Take(AloneAtTheStart).Select(i => new[] { i }),
            .. Enumerable.Range(0, Parts).Select(p => between[(p * between.Length / Parts)..((p + 1) * between.Length / Parts)]),
            [inOrder[^AloneAtTheEnd]],
        ];
    }

    // blk.17.ffn_down.weight is a ffn_down.weight.
    private static string NameInBlock(string name) => TensorNames.BlockOf(name) is null ? name : name[(name.IndexOf('.', "blk.".Length) + 1)..];
}
