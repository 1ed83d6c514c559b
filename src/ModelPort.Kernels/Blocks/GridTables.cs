using System.Runtime.CompilerServices;

namespace ModelPort.Kernels.Blocks;

/// <summary>A format's grid as kernels read it, at fixed addresses. Points appear as codes: their levels, two bits each for eight dimensions, four for four.</summary>
internal sealed unsafe class GridTables
{
    /// <summary>Floats in a row of the kernels' tables: room for all candidates of a group.</summary>
    internal const int Row = 32;

    /// <summary>The longest list has fewer points than this.</summary>
    internal const int MaxPoints = 512;

    /// <summary>The bits of an entry of <see cref="Lists"/> that hold the length of the list.</summary>
    internal const uint Length = MaxPoints - 1;

    /// <summary>The bit of an entry of <see cref="Lists"/> that says that the cell is no point.</summary>
    internal const uint OffGrid = MaxPoints;

    /// <summary>Where in an entry of <see cref="Lists"/> the place of the list begins.</summary>
    internal const int Place = 10;

    private readonly float[] _candidates = GC.AllocateArray<float>(Row, pinned: true);
    private readonly ushort[] _numbers = GC.AllocateArray<ushort>(1 << 16, pinned: true);
    private readonly uint[] _lists;
    private readonly ushort[] _codes;

    internal GridTables(GridFormat format)
    {
        Grid grid = format.Grid;
        _candidates.AsSpan().Fill(format.Top);
        for (int step = -format.Steps; step <= format.Steps; step++)
        {
            _candidates[step + format.Steps] = format.Candidate(step);
        }

        ushort[] codeOfPoint = [.. Enumerable.Range(0, grid.PointCells.Length).Select(point => Code(grid.LevelsOf(point)))];
        for (int point = 0; point < codeOfPoint.Length; point++)
        {
            _numbers[codeOfPoint[point]] = (ushort)point;
        }

        _lists = GC.AllocateArray<uint>(2 * grid.Cells, pinned: true);
        var codes = new List<ushort>();
        for (int index = 0; index < _lists.Length; index++)
        {
            ReadOnlySpan<ushort> list = grid.List(index);
            uint off = grid.PointCells[list[0]] == index % grid.Cells ? 0 : OffGrid;
            if (list.Length == 1)
            {
                _lists[index] = ((uint)codeOfPoint[list[0]] << Place) | off;
                continue;
            }

            _lists[index] = ((uint)codes.Count << Place) | off | (uint)list.Length;
            foreach (ushort point in list)
            {
                codes.Add(codeOfPoint[point]);
            }
        }

        _codes = GC.AllocateArray<ushort>(codes.Count + 16, pinned: true);
        codes.CopyTo(_codes);
    }

    /// <summary>What each candidate stretches the range of a group to; lanes beyond the last one hold a harmless value.</summary>
    internal float* Candidates => Address(_candidates);

    /// <summary>The number of the point with a code.</summary>
    internal ushort* Numbers => Address(_numbers);

    /// <summary>
    /// An entry for each index of <see cref="Grid.List"/>: <see cref="Length"/> of the list, <see cref="OffGrid"/>, and from <see cref="Place"/> on where it
    /// begins in <see cref="Codes"/>. Where the length is zero there is but one point, and its code takes the place.
    /// </summary>
    internal uint* Lists => Address(_lists);

    /// <summary>The points of the lists. A register may be read from each of them.</summary>
    internal ushort* Codes => Address(_codes);

    private static ushort Code(ReadOnlySpan<byte> levels)
    {
        int code = 0;
        for (int i = levels.Length - 1; i >= 0; i--)
        {
            code = (code << (16 / levels.Length)) | levels[i];
        }

        return (ushort)code;
    }

    private static T* Address<T>(T[] pinned)
        where T : unmanaged => (T*)Unsafe.AsPointer(ref pinned[0]);
}
