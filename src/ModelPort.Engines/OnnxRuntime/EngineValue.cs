using System.Runtime.InteropServices;

namespace ModelPort.Engines.OnnxRuntime;

/// <summary>What goes into a model or comes out of it.</summary>
public abstract class EngineValue
{
    private protected EngineValue()
    {
    }
}

/// <summary>A sequence of values.</summary>
/// <param name="items">The values in order.</param>
public sealed class EngineSequence(IReadOnlyList<EngineValue> items) : EngineValue
{
    /// <summary>The values in order.</summary>
    public IReadOnlyList<EngineValue> Items { get; } = items;
}

/// <summary>A dense tensor in memory: little-endian values, the last dimension fastest; or strings.</summary>
public sealed class EngineTensor : EngineValue
{
    private readonly long[] _shape;

    /// <summary>A tensor of numbers or booleans.</summary>
    /// <param name="type">Any type but <see cref="TensorType.String"/>.</param>
    /// <param name="shape">Dimensions, the slowest varying first; empty for a scalar.</param>
    /// <param name="bytes">The values; not copied.</param>
    /// <exception cref="ArgumentException">There are more or fewer bytes than type and shape make.</exception>
    public EngineTensor(TensorType type, ReadOnlySpan<long> shape, Memory<byte> bytes)
    {
        Type = type;
        _shape = shape.ToArray();
        Bytes = bytes;
        var expected = checked(Count(shape) * SizeOf(type));
        if (bytes.Length != expected)
        {
            throw new ArgumentException($"{type} of shape [{string.Join(", ", _shape)}] takes {expected} bytes, not {bytes.Length}.", nameof(bytes));
        }
    }

    /// <summary>A tensor of strings.</summary>
    /// <param name="shape">Dimensions, the slowest varying first; empty for a scalar.</param>
    /// <param name="strings">The values.</param>
    /// <exception cref="ArgumentException">There are more or fewer strings than the shape makes.</exception>
    public EngineTensor(ReadOnlySpan<long> shape, IReadOnlyList<string> strings)
    {
        Type = TensorType.String;
        _shape = shape.ToArray();
        Strings = strings;
        if (strings.Count != Count(shape))
        {
            throw new ArgumentException($"Strings of shape [{string.Join(", ", _shape)}] are {Count(shape)}, not {strings.Count}.", nameof(strings));
        }
    }

    /// <summary>Element type.</summary>
    public TensorType Type { get; }

    /// <summary>Dimensions, the slowest varying first; empty for a scalar.</summary>
    public ReadOnlySpan<long> Shape => _shape;

    /// <summary>The values of a tensor of numbers; empty for strings.</summary>
    public Memory<byte> Bytes { get; }

    /// <summary>The values of a tensor of strings; empty for numbers.</summary>
    public IReadOnlyList<string> Strings { get; } = [];

    /// <summary>Number of elements.</summary>
    public long ElementCount => Count(_shape);

    /// <summary>A tensor of .NET values, copied.</summary>
    /// <exception cref="ArgumentException">There are more or fewer values than the shape makes, or no element type is made of them.</exception>
    public static EngineTensor Of<T>(ReadOnlySpan<T> values, params ReadOnlySpan<long> shape) where T : unmanaged =>
        new(TypeOf<T>(), shape, MemoryMarshal.AsBytes(values).ToArray());

    /// <summary>The values as .NET values of the same size; for instance <see cref="ushort"/> for the bits of 16-bit floats.</summary>
    public Span<T> As<T>() where T : unmanaged => MemoryMarshal.Cast<byte, T>(Bytes.Span);

    /// <inheritdoc/>
    public override string ToString() => $"{Type} [{string.Join(", ", _shape)}]";

    /// <summary>Bytes of an element.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The type has no fixed size.</exception>
    public static int SizeOf(TensorType type) => type switch
    {
        TensorType.UInt8 or TensorType.Int8 or TensorType.Bool => 1,
        TensorType.UInt16 or TensorType.Int16 or TensorType.Float16 or TensorType.BFloat16 => 2,
        TensorType.Float or TensorType.Int32 or TensorType.UInt32 => 4,
        TensorType.Double or TensorType.Int64 or TensorType.UInt64 => 8,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "A type without a fixed size."),
    };

    private static TensorType TypeOf<T>() => default(T) switch
    {
        float => TensorType.Float,
        double => TensorType.Double,
        System.Half => TensorType.Float16,
        long => TensorType.Int64,
        int => TensorType.Int32,
        short => TensorType.Int16,
        sbyte => TensorType.Int8,
        ulong => TensorType.UInt64,
        uint => TensorType.UInt32,
        ushort => TensorType.UInt16,
        byte => TensorType.UInt8,
        bool => TensorType.Bool,
        _ => throw new ArgumentException($"No element type is made of {typeof(T).Name}."),
    };

    private static long Count(ReadOnlySpan<long> shape)
    {
        long count = 1;
        foreach (var dimension in shape)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(dimension, nameof(shape));
            count = checked(count * dimension);
        }

        return count;
    }
}
