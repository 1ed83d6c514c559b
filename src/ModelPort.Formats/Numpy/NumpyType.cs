namespace ModelPort.Formats.Numpy;

/// <summary>Element types of NumPy arrays that are numbers.</summary>
public enum NumpyType
{
    /// <summary>Boolean, one byte.</summary>
    Bool,

    /// <summary>Signed 8-bit integer.</summary>
    Int8,

    /// <summary>Signed 16-bit integer.</summary>
    Int16,

    /// <summary>Signed 32-bit integer.</summary>
    Int32,

    /// <summary>Signed 64-bit integer.</summary>
    Int64,

    /// <summary>Unsigned 8-bit integer.</summary>
    UInt8,

    /// <summary>Unsigned 16-bit integer.</summary>
    UInt16,

    /// <summary>Unsigned 32-bit integer.</summary>
    UInt32,

    /// <summary>Unsigned 64-bit integer.</summary>
    UInt64,

    /// <summary>IEEE 754 half.</summary>
    Float16,

    /// <summary>IEEE 754 single.</summary>
    Float32,

    /// <summary>IEEE 754 double.</summary>
    Float64,

    /// <summary>Complex number of two singles.</summary>
    Complex64,

    /// <summary>Complex number of two doubles.</summary>
    Complex128,
}

/// <summary>Sizes of the element types.</summary>
public static class NumpyTypes
{
    /// <summary>Bytes of an element.</summary>
    public static int Size(NumpyType type) => type switch
    {
        NumpyType.Bool or NumpyType.Int8 or NumpyType.UInt8 => 1,
        NumpyType.Int16 or NumpyType.UInt16 or NumpyType.Float16 => 2,
        NumpyType.Int32 or NumpyType.UInt32 or NumpyType.Float32 => 4,
        NumpyType.Complex128 => 16,
        _ => 8,
    };

    /// <summary>The type of a kind and size as a file spells them: "f4".</summary>
    internal static bool TryParse(string kind, out NumpyType type)
    {
        NumpyType? found = kind switch
        {
            "b1" => NumpyType.Bool,
            "i1" => NumpyType.Int8,
            "i2" => NumpyType.Int16,
            "i4" => NumpyType.Int32,
            "i8" => NumpyType.Int64,
            "u1" => NumpyType.UInt8,
            "u2" => NumpyType.UInt16,
            "u4" => NumpyType.UInt32,
            "u8" => NumpyType.UInt64,
            "f2" => NumpyType.Float16,
            "f4" => NumpyType.Float32,
            "f8" => NumpyType.Float64,
            "c8" => NumpyType.Complex64,
            "c16" => NumpyType.Complex128,
            _ => null,
        };
        type = found ?? default;
        return found is not null;
    }

    /// <summary>Turns big-endian values into little-endian ones, each half of a complex number by itself.</summary>
    internal static void Swap(NumpyType type, Span<byte> values)
    {
        int size = type is NumpyType.Complex64 or NumpyType.Complex128 ? Size(type) / 2 : Size(type);
        for (int i = 0; size > 1 && i < values.Length; i += size)
        {
            values.Slice(i, size).Reverse();
        }
    }
}
