using ModelPort.Kernels.Blocks;

namespace ModelPort.Kernels.Lanes;

/// <summary>Scratch memory of <see cref="GridSearch{T, TShape}"/>: where its tables begin, in floats. Most are rows with a float for each candidate.</summary>
internal static class GridRoom
{
    internal const int Row = GridTables.Row;

    /// <summary>What values are multiplied by to find their cell.</summary>
    internal const int Inverses = 0;

    /// <summary>By what the loss of the best point must be smaller than that of any other, for each unit of weight.</summary>
    internal const int Margins = Inverses + Row;

    /// <summary>The scale times 1, 3, 5, ...: a row a level. Like all that is read or written from any candidate on, with a spare row behind.</summary>
    internal const int Multiples = Margins + Row;

    /// <summary>The cells, a row for each place in the group.</summary>
    internal const int Cells = Multiples + (8 * Row) + Row;

    /// <summary>The codes of the points, a row for each place in the group.</summary>
    internal const int Found = Cells + (8 * Row);

    /// <summary>Weighted products of values and points, and in a second row weighted squares of points.</summary>
    internal const int Sums = Found + (8 * Row) + Row;

    /// <summary>The points of a list: minus twice the weighted product with the values, the weighted square, the code; a third of the table each.</summary>
    internal const int Losses = Sums + (2 * Row);

    internal const int Size = Losses + (3 * GridTables.MaxPoints);
}
