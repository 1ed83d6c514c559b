using ModelPort.Engines.OnnxRuntime;

namespace ModelPort.Parity.Outputs;

/// <summary>The values of a tensor of any numeric type as numbers.</summary>
internal readonly ref struct TensorNumbers
{
    private readonly EngineTensor _tensor;
    private readonly ReadOnlySpan<byte> _bytes;

    /// <exception cref="ArgumentException">The tensor holds strings.</exception>
    public TensorNumbers(EngineTensor tensor)
    {
        if (tensor.Type == TensorType.String)
        {
            throw new ArgumentException("Strings are no numbers.", nameof(tensor));
        }

        _tensor = tensor;
        _bytes = tensor.Bytes.Span;
    }

    /// <summary>How many there are.</summary>
    public int Count => checked((int)_tensor.ElementCount);

    /// <summary>A value; whole numbers beyond 2^53 are rounded.</summary>
    public double this[int index] => _tensor.Type switch
    {
        TensorType.Float => At<float>(index),
        TensorType.Double => At<double>(index),
        TensorType.Float16 => (double)At<Half>(index),
        TensorType.BFloat16 => BitConverter.Int32BitsToSingle(At<ushort>(index) << 16),
        TensorType.Int64 => At<long>(index),
        TensorType.UInt64 => At<ulong>(index),
        TensorType.Int32 => At<int>(index),
        TensorType.UInt32 => At<uint>(index),
        TensorType.Int16 => At<short>(index),
        TensorType.UInt16 => At<ushort>(index),
        TensorType.Int8 => At<sbyte>(index),
        _ => At<byte>(index),
    };

    /// <summary>How far a value is from that of another tensor; exact for whole numbers too.</summary>
    public double Difference(TensorNumbers other, int index) => (_tensor.Type, other._tensor.Type) switch
    {
        (TensorType.Int64, TensorType.Int64) => (double)Int128.Abs((Int128)At<long>(index) - other.At<long>(index)),
        (TensorType.UInt64, TensorType.UInt64) => (double)Int128.Abs((Int128)At<ulong>(index) - other.At<ulong>(index)),
        _ => Math.Abs(this[index] - other[index]),
    };

    private T At<T>(int index) where T : unmanaged => System.Runtime.InteropServices.MemoryMarshal.Cast<byte, T>(_bytes)[index];
}
