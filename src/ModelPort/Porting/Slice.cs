using ModelPort.Architectures;
using ModelPort.Planning;

namespace ModelPort.Porting;

/// <summary>A run of rows of one part of a tensor, small enough for a thread's buffers.</summary>
/// <param name="Tensor">Index of the tensor in the plan.</param>
/// <param name="Part">Index of the part: the expert's number where experts are stacked; 0 for a computed tensor.</param>
/// <param name="FirstRow">The first row, counted in the whole tensor.</param>
/// <param name="FirstRowOfPart">The first row, counted in the part.</param>
/// <param name="RowCount">How many rows.</param>
/// <param name="RowLength">Values in a row.</param>
internal readonly record struct Slice(int Tensor, int Part, long FirstRow, long FirstRowOfPart, int RowCount, int RowLength)
{
    /// <summary>Index of the first value in the tensor.</summary>
    public long FirstElement => FirstRow * RowLength;

    /// <summary>Index of the first value in the part.</summary>
    public long FirstElementOfPart => FirstRowOfPart * RowLength;

    /// <summary>Number of values.</summary>
    public int ElementCount => RowCount * RowLength;

    /// <summary>Cuts a tensor; rows that move within a head stay together, and no slice holds rows of two parts.</summary>
    /// <param name="tensor">The tensor.</param>
    /// <param name="index">Its index in the plan.</param>
    /// <param name="elements">How many values a slice may have.</param>
    public static IEnumerable<Slice> Cut(TensorPlan tensor, int index, int elements)
    {
        var (rowLength, together) = Grid(tensor);
        var step = Math.Max(together, elements / rowLength / together * together);
        long first = 0;
        for (var part = 0; part < Math.Max(tensor.Parts.Length, 1); part++)
        {
            var rows = (tensor.Parts.IsEmpty ? tensor.ElementCount : tensor.Parts[part].ElementCount) / rowLength;
            for (long row = 0; row < rows; row += step)
            {
                yield return new Slice(index, part, first + row, row, (int)Math.Min(step, rows - row), rowLength);
            }

            first += rows;
        }
    }

    /// <summary>Values in the smallest slice of a tensor.</summary>
    public static long SmallestSlice(TensorPlan tensor)
    {
        var (rowLength, together) = Grid(tensor);
        return (long)rowLength * together;
    }

    private static (int RowLength, int Together) Grid(TensorPlan tensor)
    {
        // A vector whose values move is a column of rows; one that stays can be cut anywhere, as it is never quantised.
        var byElement = tensor.Shape.Length < 2;
        var rowCount = byElement ? tensor.ElementCount : tensor.RowCount;
        return (byElement ? 1 : checked((int)tensor.RowLength), tensor.Rows is RowOrder.InterleaveHalves order ? checked((int)(rowCount / order.Heads)) : 1);
    }
}
