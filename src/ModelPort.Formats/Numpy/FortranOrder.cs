namespace ModelPort.Formats.Numpy;

/// <summary>Walks an array with its first dimension fastest, and tells where each element stands when the last one is.</summary>
internal sealed class FortranOrder
{
    private readonly long[] shape;
    private readonly long[] strides;
    private readonly long[] index;

    public FortranOrder(ReadOnlySpan<long> shape)
    {
        this.shape = shape.ToArray();
        strides = new long[shape.Length];
        index = new long[shape.Length];
        long stride = 1;
        for (int i = shape.Length - 1; i >= 0; i--)
        {
            strides[i] = stride;
            stride *= shape[i];
        }
    }

    /// <summary>The place of the next element, counted in elements.</summary>
    public long Next()
    {
        long place = 0;
        for (int i = 0; i < index.Length; i++)
        {
            place += index[i] * strides[i];
        }

        for (int i = 0; i < index.Length && ++index[i] == shape[i]; i++)
        {
            index[i] = 0;
        }

        return place;
    }
}
