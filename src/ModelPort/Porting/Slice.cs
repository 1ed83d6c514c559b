using ModelPort.Architectures;
using ModelPort.Planning;

namespace ModelPort.Porting;

/// <summary>A run of rows of one tensor, small enough for a thread's buffers.</summary>
/// <param name="Tensor">Index of the tensor in the plan.</param>
/// <param name="FirstRow">The first row.</param>
/// <param name="RowCount">How many rows.</param>
/// <param name="RowLength">Values in a row.</param>
internal readonly record struct Slice(int Tensor, long FirstRow, int RowCount, int RowLength)
{
    /// <summary>Index of the first value in the tensor.</summary>
    public long FirstElement => FirstRow * RowLength;

    /// <summary>Number of values.</summary>
    public int ElementCount => RowCount * RowLength;

    /// <summary>Cuts a tensor; rows that move within a head stay together.</summary>
    /// <param name="tensor">The tensor.</param>
    /// <param name="index">Its index in the plan.</param>
    /// <param name="elements">How many values a slice may have.</param>
    public static IEnumerable<Slice> Cut(TensorPlan tensor, int index, int elements)
    {
        var (rowLength, rowCount, together) = Grid(tensor);
        if (rowCount == 0)
        {
            yield break;
        }

        var step = Math.Max(together, elements / rowLength / together * together);
        for (long row = 0; row < rowCount; row += step)
        {
            yield return new Slice(index, row, (int)Math.Min(step, rowCount - row), rowLength);
        }
    }

    /// <summary>Values in the smallest slice of a tensor.</summary>
    public static long SmallestSlice(TensorPlan tensor)
    {
        var (rowLength, _, together) = Grid(tensor);
        return (long)rowLength * together;
    }

    private static (int RowLength, long RowCount, int Together) Grid(TensorPlan tensor)
    {
        // A vector whose values move is a column of rows; one that stays can be cut anywhere, as it is never quantised.
        var byElement = tensor.Shape.Length < 2;
        var rowLength = byElement ? 1 : checked((int)tensor.RowLength);
        var rowCount = byElement ? tensor.ElementCount : tensor.RowCount;
        return (rowLength, rowCount, tensor.Rows is RowOrder.InterleaveHalves order ? checked((int)(rowCount / order.Heads)) : 1);
    }
}
