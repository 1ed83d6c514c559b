using System.Numerics;
using ModelPort.Diagnostics;
using ModelPort.Engines.OnnxRuntime;

namespace ModelPort.Onnx.Data;

/// <summary>How an array of a data file goes into an input of a model.</summary>
internal sealed class InputFeed
{
    private readonly IDataTable _table;
    private readonly DataColumn _column;
    private readonly bool _keepsRows;

    private InputFeed(IDataTable table, OnnxPin input, DataColumn column, bool isShared, bool keepsRows, long batch)
    {
        (_table, Input, _column, IsShared, _keepsRows, Batch) = (table, input, column, isShared, keepsRows, batch);
        IsOpen = keepsRows && (input.Dimensions is not [var first, ..] || first < 0);
    }

    /// <summary>The input.</summary>
    public OnnxPin Input { get; }

    /// <summary>Whether each run is given the whole array: it holds one value for all samples.</summary>
    public bool IsShared { get; }

    /// <summary>Whether the model takes any number of samples in one run.</summary>
    public bool IsOpen { get; }

    /// <summary>Samples that the model wants in one run; 1 where it takes them one by one.</summary>
    public long Batch { get; }

    /// <summary>Rows of the array.</summary>
    public long Rows => _column.Rows;

    /// <summary>
    /// Fits an array to an input. Its first dimension counts samples: instead of the input's own first one, or before all of the input's. An array of exactly
    /// the input's shape, or of one row, is given to each run when others have more rows.
    /// </summary>
    /// <param name="table">The data.</param>
    /// <param name="input">The input.</param>
    /// <param name="column">The array.</param>
    /// <param name="others">Most rows of any array for another input.</param>
    /// <exception cref="ModelPortException">MP1083: type or shape are not the input's.</exception>
    public static InputFeed Fit(IDataTable table, OnnxPin input, DataColumn column, long others)
    {
        if (input.Type != column.Type)
        {
            throw Unfit(table, input, column);
        }

        var shape = column.Shape.AsSpan();
        if (input.Dimensions is not { } wanted)
        {
            return shape.IsEmpty ? new(table, input, column, true, true, 1) : new(table, input, column, false, true, 1);
        }

        if (wanted.Length == shape.Length && Matches(wanted.AsSpan(), shape) && (shape.IsEmpty || (shape[0] == 1 && others > 1)))
        {
            return new(table, input, column, true, true, 1);
        }

        if (wanted.Length == shape.Length && Matches(wanted.AsSpan()[1..], shape[1..]))
        {
            return new(table, input, column, false, true, Math.Max(1, wanted[0]));
        }

        return shape.Length == wanted.Length + 1 && Matches(wanted.AsSpan(), shape[1..])
            ? new(table, input, column, false, false, 1)
            : throw Unfit(table, input, column);
    }

    /// <summary>The value for samples. Where the model wants more in one run than there are left, the last is repeated.</summary>
    /// <param name="first">The first sample.</param>
    /// <param name="batch">Samples in the run.</param>
    /// <exception cref="ModelPortException">MP1084: NaN or infinity among the values.</exception>
    public EngineTensor Read(long first, long batch)
    {
        if (IsShared)
        {
            return All();
        }

        var there = Math.Min(batch, _column.Rows - first);
        var bytes = new byte[checked(_column.RowBytes * batch)];
        var row = (int)_column.RowBytes;
        _table.Read(_column, first, bytes.AsSpan(0, (int)there * row));
        for (var i = there; i < batch; i++)
        {
            bytes.AsSpan((int)(there - 1) * row, row).CopyTo(bytes.AsSpan((int)i * row));
        }

        return Checked(Shaped(batch, bytes), first);
    }

    /// <summary>The value for samples, and after the last one from the first on again.</summary>
    /// <param name="first">The first sample.</param>
    /// <param name="count">Samples.</param>
    /// <exception cref="ModelPortException">MP1084: NaN or infinity among the values.</exception>
    public EngineTensor ReadAround(long first, int count)
    {
        if (IsShared)
        {
            return All();
        }

        var row = (int)_column.RowBytes;
        var bytes = new byte[checked(row * count)];
        for (var done = 0; done < count;)
        {
            var at = (first + done) % _column.Rows;
            var there = (int)Math.Min(count - done, _column.Rows - at);
            _table.Read(_column, at, bytes.AsSpan(done * row, there * row));
            done += there;
        }

        return Checked(Shaped(count, bytes), first);
    }

    private EngineTensor All()
    {
        var all = new byte[checked(_column.RowBytes * _column.Rows)];
        _table.Read(_column, 0, all);
        return Checked(new EngineTensor(_column.Type, _column.Shape.AsSpan(), all), 0);
    }

    private EngineTensor Shaped(long count, byte[] bytes) => new(_column.Type, _keepsRows ? [count, .. _column.RowShape] : [.. _column.RowShape], bytes);

    private EngineTensor Checked(EngineTensor tensor, long first)
    {
        var wrong = tensor.Type switch
        {
            TensorType.Float => NonFinite(tensor.As<float>()),
            TensorType.Double => NonFinite(tensor.As<double>()),
            TensorType.Float16 => NonFinite(tensor.As<Half>()),
            // All bits of the exponent.
            TensorType.BFloat16 => Array.FindIndex(tensor.As<ushort>().ToArray(), bits => (bits & 0x7F80) == 0x7F80),
            _ => -1,
        };
        return wrong < 0 ? tensor : throw new ModelPortException(Diagnose.DataNonFinite(_table.Files[0], _column.Name, first + wrong / Math.Max(1, _column.RowBytes / EngineTensor.SizeOf(_column.Type))));
    }

    private static long NonFinite<T>(Span<T> values)
        where T : unmanaged, INumberBase<T>
    {
        for (var i = 0; i < values.Length; i++)
        {
            if (!T.IsFinite(values[i]))
            {
                return i;
            }
        }

        return -1;
    }

    private static bool Matches(ReadOnlySpan<long> wanted, ReadOnlySpan<long> found)
    {
        for (var i = 0; i < wanted.Length; i++)
        {
            if (wanted[i] >= 0 && wanted[i] != found[i])
            {
                return false;
            }
        }

        return true;
    }

    private static ModelPortException Unfit(IDataTable table, OnnxPin input, DataColumn column) =>
        new(Diagnose.DataUnfit(table.Files[0], column.Name, column.ToString(), input.Name, input.Text));
}
