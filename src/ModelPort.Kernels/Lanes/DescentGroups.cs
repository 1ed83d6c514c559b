using System.Numerics;
using System.Runtime.CompilerServices;

namespace ModelPort.Kernels.Lanes;

/// <summary><see cref="DescentSearch{T}"/> over all groups of a batch.</summary>
/// <remarks>
/// In trained weights four groups of five stand still in the first sweep, but among as many lanes one always moves. So all groups get
/// one sweep; those that moved come together and are searched anew, with all sweeps.
/// </remarks>
/// <typeparam name="T">The lanes: 16 at most.</typeparam>
internal static unsafe class DescentGroups<T>
    where T : struct, ILanes<T>
{
    /// <summary>Searches groups that lie one after another.</summary>
    /// <param name="levels">Half the number of levels.</param>
    /// <param name="size">Values a group.</param>
    /// <param name="source">The groups.</param>
    /// <param name="groups">Their number.</param>
    /// <param name="found">Receives the results, see <see cref="DescentSearch{T}.Run"/>; room for whole searches.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    internal static void Run(int levels, int size, float* source, int groups, in SymmetricFound found)
    {
        int together = DescentSearch<T>.Groups, waiting = 0;
        float* buffer = stackalloc float[((1 + DescentSearch<T>.Kept) * size * together) + CacheLine.Floats];
        float* values = CacheLine.Start(buffer);
        int* moving = stackalloc int[together];
        for (int g = 0; g < groups; g += together)
        {
            ulong moved = Search(levels, sweeps: 1, size, source + (g * size), groups - g, values, found.At(g));
            for (; moved != 0; moved &= moved - 1)
            {
                moving[waiting++] = g + BitOperations.TrailingZeroCount(moved);
                if (waiting == together)
                {
                    SearchAnew(levels, size, source, moving, waiting, values, found);
                    waiting = 0;
                }
            }
        }

        if (waiting > 0)
        {
            SearchAnew(levels, size, source, moving, waiting, values, found);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static ulong Search(int levels, int sweeps, int size, float* source, int groups, float* values, in SymmetricFound found)
    {
        int together = DescentSearch<T>.Groups;
        for (int g = 0; g < together; g += T.Count)
        {
            LaneSource<T>.Values(source + (g * size), groups - g, size, values + (g * size));
        }

        return DescentSearch<T>.Run(levels, sweeps, size, values, values + (together * size), found);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    private static void SearchAnew(int levels, int size, float* source, int* moving, int count, float* values, in SymmetricFound found)
    {
        int together = DescentSearch<T>.Groups;
        float* gathered = stackalloc float[(4 + size) * together];
        float* results = gathered + (size * together);
        var anew = new SymmetricFound { Scale = results, Inverse = results + together, Center = results + (2 * together), Tame = results + (3 * together) };
        for (int k = 0; k < count; k++)
        {
            new ReadOnlySpan<float>(source + (moving[k] * size), size).CopyTo(new Span<float>(gathered + (k * size), size));
        }

        Search(levels, Scalar.DescentSearch.Sweeps, size, gathered, count, values, anew);
        for (int k = 0; k < count; k++)
        {
            found.Scale[moving[k]] = anew.Scale[k];
        }
    }
}
