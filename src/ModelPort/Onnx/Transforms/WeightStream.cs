using System.Buffers;
using System.Runtime.InteropServices;
using ModelPort.Formats.Onnx;
using ModelPort.Kernels;

namespace ModelPort.Onnx.Transforms;

/// <summary>Takes the next values of a weight.</summary>
/// <param name="values">The values, widened to single precision.</param>
/// <param name="first">The index of the first in the whole tensor.</param>
internal delegate void WeightReader(ReadOnlySpan<float> values, long first);

/// <summary>A weight's values in order, whatever type of float they are stored in: a piece at a time, so that memory does not follow the model.</summary>
/// <param name="Content">Where the values are.</param>
/// <param name="Type">How they are stored.</param>
/// <param name="Shape">Dimensions.</param>
internal sealed record WeightStream(OnnxContent Content, DataType Type, long[] Shape)
{
    public static WeightStream Of(OnnxModel model, TensorProto tensor) => new(model.ContentOf(tensor), tensor.DataType, [.. tensor.Dims]);

    /// <summary>Whether values of the type can be read.</summary>
    public static bool CanRead(DataType type) => type is DataType.Float or DataType.Float16 or DataType.Bfloat16 or DataType.Double;

    public long Count => Shape.Aggregate(1L, (product, dimension) => product * dimension);

    /// <summary>Hands over all values in order.</summary>
    public void Visit(WeightReader reader)
    {
        var size = DataTypes.Bits(Type) / 8;
        var first = 0L;
        Content.Visit(bytes =>
        {
            var count = bytes.Length / size;
            if (Type == DataType.Float)
            {
                reader(MemoryMarshal.Cast<byte, float>(bytes), first);
            }
            else
            {
                var wide = ArrayPool<float>.Shared.Rent(count);
                Widened(bytes, wide.AsSpan(0, count));
                reader(wide.AsSpan(0, count), first);
                ArrayPool<float>.Shared.Return(wide);
            }

            first += count;
        });
    }

    /// <summary>Hands over the values in pieces of whole rows.</summary>
    /// <param name="length">Values of a piece; the last may be shorter.</param>
    /// <param name="reader">Takes each piece.</param>
    public void VisitPieces(int length, WeightReader reader)
    {
        var piece = new float[(int)Math.Min(length, Math.Max(1, Count))];
        var filled = 0;
        Visit((values, first) =>
        {
            var start = first - filled;
            while (!values.IsEmpty)
            {
                var count = Math.Min(values.Length, piece.Length - filled);
                values[..count].CopyTo(piece.AsSpan(filled));
                values = values[count..];
                filled += count;
                if (filled == piece.Length)
                {
                    reader(piece, start);
                    start += filled;
                    filled = 0;
                }
            }
        });
        if (filled > 0)
        {
            reader(piece.AsSpan(0, filled), Count - filled);
        }
    }

    /// <summary>All values, for a weight that is known to be small (a bias, a scale).</summary>
    public float[] ToArray()
    {
        var all = new float[checked((int)Count)];
        Visit((values, first) => values.CopyTo(all.AsSpan((int)first)));
        return all;
    }

    private void Widened(ReadOnlySpan<byte> bytes, Span<float> wide)
    {
        switch (Type)
        {
            case DataType.Float16:
                Widen.FromHalf(MemoryMarshal.Cast<byte, ushort>(bytes), wide);
                break;
            case DataType.Bfloat16:
                Widen.FromBFloat16(MemoryMarshal.Cast<byte, ushort>(bytes), wide);
                break;
            default:
                Widen.FromDouble(MemoryMarshal.Cast<byte, double>(bytes), wide);
                break;
        }
    }
}

/// <summary>The channels of a weight: the slices along one dimension.</summary>
/// <param name="Count">How many; 1 for one scale of all values.</param>
/// <param name="Inner">How many values in a row belong to one channel.</param>
internal readonly record struct Channels(int Count, long Inner)
{
    /// <summary>One channel of all values.</summary>
    public static readonly Channels One = new(1, long.MaxValue);

    public static Channels Along(long[] shape, int axis) =>
        new(checked((int)shape[axis]), shape.AsSpan()[(axis + 1)..].ToArray().Aggregate(1L, (product, dimension) => product * dimension));

    /// <summary>The channel of a value, and how many values from it on are of the same channel.</summary>
    public (int Channel, int Run) At(long index, int available)
    {
        var inner = Math.Max(1, Inner);
        return ((int)(index / inner % Count), (int)Math.Min(available, inner - (index % inner)));
    }
}
