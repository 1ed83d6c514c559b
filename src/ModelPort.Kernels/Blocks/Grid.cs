using System.Numerics;
using System.Runtime.CompilerServices;

namespace ModelPort.Kernels.Blocks;

/// <summary>
/// The points that four or eight values of IQ2 or IQ3 may take together. Every combination of levels is a cell; a point is a cell that has a number
/// in files. For every other cell there is a list of points near it, among which a search finds the best.
/// </summary>
internal sealed class Grid
{
    // Of cell c the complete list is at index c, the short one at index Cells + c; at each index the place where the list begins.
    private readonly int[] _first;
    private readonly ushort[] _points;

    /// <param name="dimensions">Values that a point stands for: 4 or 8.</param>
    /// <param name="levels">Levels of each value: 8 or 3.</param>
    /// <param name="shells">How many different distances the list of a cell holds.</param>
    /// <param name="points">One bit a cell (see <see cref="GridPoints"/>).</param>
    internal Grid(int dimensions, int levels, int shells, ReadOnlySpan<ulong> points)
    {
        (Dimensions, Levels) = (dimensions, levels);
        Cells = (int)Math.Pow(levels, dimensions);
        var cells = new List<int>();
        for (int word = 0; word < points.Length; word++)
        {
            for (ulong left = points[word]; left != 0; left &= left - 1)
            {
                cells.Add((64 * word) + BitOperations.TrailingZeroCount(left));
            }
        }

        PointCells = [.. cells];
        PointLevels = new byte[cells.Count * dimensions];
        for (int point = 0; point < cells.Count; point++)
        {
            Split(cells[point], PointLevels.AsSpan(point * dimensions, dimensions));
        }

        (_first, _points) = Lists(shells);
    }

    internal int Dimensions { get; }

    internal int Levels { get; }

    /// <summary>Number of combinations of levels.</summary>
    internal int Cells { get; }

    /// <summary>The cell of each point, in the order of their numbers.</summary>
    internal int[] PointCells { get; }

    /// <summary>The levels of each point, <see cref="Dimensions"/> a point.</summary>
    internal byte[] PointLevels { get; }

    /// <summary>The levels of one point.</summary>
    internal ReadOnlySpan<byte> LevelsOf(int point) => PointLevels.AsSpan(point * Dimensions, Dimensions);

    /// <summary>The points to search for values that round to a cell: the nearest first, of equally near ones the lower number first. The point itself for its own cell.</summary>
    internal ReadOnlySpan<ushort> Near(int cell) => List(cell);

    /// <summary>
    /// A list: of cell c at c the complete one (<see cref="Near"/>), at <see cref="Cells"/> + c that without the points that cannot win: others before them
    /// lie, in every dimension, at the same level or on the way to it from the cell. This one is right for values safely inside the cell, since there a
    /// nearer level gives the smaller error despite rounding.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal ReadOnlySpan<ushort> List(int index) => _points.AsSpan(_first[index], _first[index + 1] - _first[index]);

    private void Split(int cell, Span<byte> levels)
    {
        for (int i = 0; i < levels.Length; i++)
        {
            (cell, int level) = Math.DivRem(cell, Levels);
            levels[i] = (byte)level;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private (int[] First, ushort[] Points) Lists(int shells)
    {
        var first = new int[(2 * Cells) + 1];
        var complete = new List<ushort>();
        var inside = new List<ushort>();
        var distances = new int[PointCells.Length];
        var origin = new byte[Dimensions];
        var near = new List<ushort>();
        for (int cell = 0, point = 0; cell < Cells; cell++)
        {
            first[cell] = complete.Count;
            first[Cells + cell] = inside.Count;
            if (point < PointCells.Length && PointCells[point] == cell)
            {
                complete.Add((ushort)point);
                inside.Add((ushort)point++);
                continue;
            }

            Split(cell, origin);
            Nearest(origin, shells, distances, near);
            complete.AddRange(near);
            foreach (ushort candidate in near)
            {
                if (!Beaten(origin, LevelsOf(candidate), inside, first[Cells + cell]))
                {
                    inside.Add(candidate);
                }
            }
        }

        for (int cell = 0; cell <= Cells; cell++)
        {
            first[Cells + cell] = complete.Count + (cell < Cells ? first[Cells + cell] : inside.Count);
        }

        return (first, [.. complete, .. inside]);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Nearest(ReadOnlySpan<byte> origin, int shells, int[] distances, List<ushort> near)
    {
        Span<int> counts = stackalloc int[256];
        counts.Clear();
        for (int point = 0; point < distances.Length; point++)
        {
            distances[point] = 0;
            for (int i = 0; i < origin.Length; i++)
            {
                int difference = PointLevels[(point * origin.Length) + i] - origin[i];
                distances[point] += difference * difference;
            }

            counts[distances[point]]++;
        }

        near.Clear();
        for (int distance = 0; shells > 0; distance++)
        {
            if (counts[distance] == 0)
            {
                continue;
            }

            shells--;
            for (int point = 0; point < distances.Length; point++)
            {
                if (distances[point] == distance)
                {
                    near.Add((ushort)point);
                }
            }
        }
    }

    private bool Beaten(ReadOnlySpan<byte> origin, ReadOnlySpan<byte> levels, List<ushort> others, int from)
    {
        for (int other = from; other < others.Count; other++)
        {
            if (OnTheWay(origin, LevelsOf(others[other]), levels))
            {
                return true;
            }
        }

        return false;
    }

    private static bool OnTheWay(ReadOnlySpan<byte> origin, ReadOnlySpan<byte> nearer, ReadOnlySpan<byte> farther)
    {
        for (int i = 0; i < origin.Length; i++)
        {
            if (nearer[i] != origin[i] && (nearer[i] < origin[i] ? farther[i] > nearer[i] : farther[i] < nearer[i]))
            {
                return false;
            }
        }

        return true;
    }
}
