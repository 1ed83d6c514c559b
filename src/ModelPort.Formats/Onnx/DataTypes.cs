namespace ModelPort.Formats.Onnx;

/// <summary>Names and sizes of ONNX element types.</summary>
public static class DataTypes
{
    /// <summary>The name as the format's specification spells it, for example "FLOAT16"; the number for a type that is not known.</summary>
    public static string Name(DataType type) => type.ToString().ToUpperInvariant();

    /// <summary>Whether this version knows the type, and values of it can be stored.</summary>
    public static bool IsKnown(DataType type) => type is > DataType.Undefined and <= DataType.Int2;

    /// <summary>Whether the values are real numbers in floating point, of any width.</summary>
    public static bool IsFloat(DataType type) => type is DataType.Float or DataType.Float16 or DataType.Double or DataType.Bfloat16
        or (>= DataType.Float8E4M3Fn and <= DataType.Float8E5M2Fnuz) or DataType.Float4E2M1 or DataType.Float8E8M0;

    /// <summary>Bits per element: 2 and 4 for the types that share bytes.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The type is STRING, which has no fixed size, or not known.</exception>
    public static int Bits(DataType type) => type switch
    {
        DataType.Uint2 or DataType.Int2 => 2,
        DataType.Uint4 or DataType.Int4 or DataType.Float4E2M1 => 4,
        DataType.Uint8 or DataType.Int8 or DataType.Bool or DataType.Float8E4M3Fn or DataType.Float8E4M3Fnuz or DataType.Float8E5M2
            or DataType.Float8E5M2Fnuz or DataType.Float8E8M0 => 8,
        DataType.Uint16 or DataType.Int16 or DataType.Float16 or DataType.Bfloat16 => 16,
        DataType.Float or DataType.Int32 or DataType.Uint32 => 32,
        DataType.Double or DataType.Int64 or DataType.Uint64 or DataType.Complex64 => 64,
        DataType.Complex128 => 128,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "A type without a fixed size."),
    };

    /// <summary>Bytes of a whole tensor: elements of fewer than 8 bits are packed, and the last byte is padded.</summary>
    /// <exception cref="ArgumentException">A dimension is negative, or the size exceeds <see cref="long.MaxValue"/>.</exception>
    public static long ByteLength(DataType type, ReadOnlySpan<long> shape) => TryGetByteLength(type, shape, out long bytes)
        ? bytes
        : throw new ArgumentException($"A tensor of shape {Shape.Describe(shape)} has no size.", nameof(shape));

    internal static bool TryGetByteLength(DataType type, ReadOnlySpan<long> shape, out long bytes)
    {
        bytes = 0;
        if (!Shape.TryCount(shape, out long elements))
        {
            return false;
        }

        UInt128 whole = (((UInt128)(ulong)elements * (ulong)Bits(type)) + 7) / 8;
        bytes = whole <= long.MaxValue ? (long)(ulong)whole : 0;
        return whole <= long.MaxValue;
    }
}
