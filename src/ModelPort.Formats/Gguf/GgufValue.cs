using System.Diagnostics.CodeAnalysis;

namespace ModelPort.Formats.Gguf;

/// <summary>
/// One metadata value: a number, a boolean, a string or an array. Immutable. Arrays are held as arrays of their own element type
/// (bool[], int[], float[], string[], ...; an array of arrays as <see cref="GgufValue"/>[]), because vocabularies are large.
/// </summary>
public sealed class GgufValue : IEquatable<GgufValue>
{
    // Integers as their 64-bit two's complement, floats as the bits of a double (exact for singles), booleans as 0 or 1.
    private readonly long bits;
    private readonly object? content;

    private GgufValue(GgufValueType type, long bits)
    {
        Type = type;
        this.bits = bits;
    }

    private GgufValue(string text)
    {
        Type = GgufValueType.String;
        content = text;
    }

    private GgufValue(GgufValueType elementType, Array elements)
    {
        Type = GgufValueType.Array;
        ElementType = elementType;
        content = elements;
    }

    /// <summary>The value's type.</summary>
    public GgufValueType Type { get; }

    /// <summary>For an array the type of its elements, else null.</summary>
    public GgufValueType? ElementType { get; }

    /// <summary>For an array the number of its elements, else 1.</summary>
    public int Count => content is Array elements ? elements.Length : 1;

    /// <summary>The elements of an array, else null; for the writer.</summary>
    internal Array? Elements => content as Array;

    /// <summary>A scalar of a type from <see cref="byte"/> to <see cref="double"/>, or <see cref="bool"/>.</summary>
    public static GgufValue From<T>(T value) where T : unmanaged => value switch
    {
        byte v => new(GgufValueType.UInt8, v),
        sbyte v => new(GgufValueType.Int8, v),
        ushort v => new(GgufValueType.UInt16, v),
        short v => new(GgufValueType.Int16, v),
        uint v => new(GgufValueType.UInt32, v),
        int v => new(GgufValueType.Int32, v),
        float v => new(GgufValueType.Float32, BitConverter.DoubleToInt64Bits(v)),
        bool v => new(GgufValueType.Bool, v ? 1 : 0),
        ulong v => new(GgufValueType.UInt64, unchecked((long)v)),
        long v => new(GgufValueType.Int64, v),
        double v => new(GgufValueType.Float64, BitConverter.DoubleToInt64Bits(v)),
        _ => throw new ArgumentException($"GGUF has no type for {typeof(T)}.", nameof(value)),
    };

    /// <summary>A string.</summary>
    public static GgufValue From(string value)
    {
        ArgumentNullException.ThrowIfNull(value);
        return new GgufValue(value);
    }

    /// <summary>An array; the elements are copied.</summary>
    public static GgufValue FromArray<T>(ReadOnlySpan<T> elements) => Adopt(elements.ToArray());

    /// <summary>An array around elements that nobody else holds.</summary>
    internal static GgufValue Adopt<T>(T[] elements) => new(ElementTypeOf<T>(), elements);

    /// <summary>The value of any integer type, if it fits.</summary>
    public bool TryGetInt64(out long value)
    {
        value = bits;
        return Type switch
        {
            GgufValueType.UInt8 or GgufValueType.Int8 or GgufValueType.UInt16 or GgufValueType.Int16 or GgufValueType.UInt32
                or GgufValueType.Int32 or GgufValueType.Int64 => true,
            GgufValueType.UInt64 => bits >= 0,
            _ => false,
        };
    }

    /// <summary>The value of any integer type that is not negative.</summary>
    public bool TryGetUInt64(out ulong value)
    {
        value = unchecked((ulong)bits);
        return Type == GgufValueType.UInt64 || (TryGetInt64(out long signed) && signed >= 0);
    }

    /// <summary>The value of either float type.</summary>
    public bool TryGetDouble(out double value)
    {
        value = BitConverter.Int64BitsToDouble(bits);
        return Type is GgufValueType.Float32 or GgufValueType.Float64;
    }

    /// <summary>The value of a boolean.</summary>
    public bool TryGetBool(out bool value)
    {
        value = bits != 0;
        return Type == GgufValueType.Bool;
    }

    /// <summary>The value of a string.</summary>
    public bool TryGetString([NotNullWhen(true)] out string? value)
    {
        value = content as string;
        return value is not null;
    }

    /// <summary>The elements of an array of exactly this element type.</summary>
    public bool TryGetArray<T>(out ReadOnlySpan<T> elements)
    {
        // The runtime would also hand out an int[] as uint[]; the file's type is what counts.
        bool matches = content is Array array && array.GetType() == typeof(T[]);
        elements = matches ? (T[])content! : default;
        return matches;
    }

    /// <summary>
    /// Equal type and equal content; floats are compared by their bits, so that NaN equals itself and -0 does not equal 0.
    /// </summary>
    public bool Equals(GgufValue? other)
    {
        if (other is null || Type != other.Type || ElementType != other.ElementType || bits != other.bits)
        {
            return false;
        }

        return content switch
        {
            float[] floats => SameBits<float, int>(floats, (float[])other.content!),
            double[] doubles => SameBits<double, long>(doubles, (double[])other.content!),
            Array array => System.Collections.StructuralComparisons.StructuralEqualityComparer.Equals(array, other.content),
            _ => Equals(content, other.content),
        };
    }

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as GgufValue);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Type, ElementType, bits, content as string, Count);

    /// <summary>The value as text for people; arrays only with their type and length.</summary>
    public override string ToString() => Type switch
    {
        GgufValueType.Array => $"{ElementType}[{Count}]",
        GgufValueType.String => (string)content!,
        GgufValueType.Bool => bits != 0 ? "true" : "false",
        GgufValueType.Float32 => ((float)BitConverter.Int64BitsToDouble(bits)).ToString(System.Globalization.CultureInfo.InvariantCulture),
        GgufValueType.Float64 => BitConverter.Int64BitsToDouble(bits).ToString(System.Globalization.CultureInfo.InvariantCulture),
        GgufValueType.UInt64 => unchecked((ulong)bits).ToString(System.Globalization.CultureInfo.InvariantCulture),
        _ => bits.ToString(System.Globalization.CultureInfo.InvariantCulture),
    };

    /// <summary>An element of an array as text for people.</summary>
    /// <exception cref="InvalidOperationException">The value is no array.</exception>
    /// <exception cref="IndexOutOfRangeException">There is no such element.</exception>
    public string ElementText(int index) =>
        Elements is { } elements
            ? Convert.ToString(elements.GetValue(index), System.Globalization.CultureInfo.InvariantCulture) ?? ""
            : throw new InvalidOperationException($"A value of type {Type} has no elements.");

    private static bool SameBits<T, TBits>(T[] left, T[] right) where T : unmanaged where TBits : unmanaged, IEquatable<TBits> =>
        System.Runtime.InteropServices.MemoryMarshal.Cast<T, TBits>(left.AsSpan())
            .SequenceEqual(System.Runtime.InteropServices.MemoryMarshal.Cast<T, TBits>(right.AsSpan()));

    private static GgufValueType ElementTypeOf<T>() => default(T) switch
    {
        byte => GgufValueType.UInt8,
        sbyte => GgufValueType.Int8,
        ushort => GgufValueType.UInt16,
        short => GgufValueType.Int16,
        uint => GgufValueType.UInt32,
        int => GgufValueType.Int32,
        float => GgufValueType.Float32,
        bool => GgufValueType.Bool,
        ulong => GgufValueType.UInt64,
        long => GgufValueType.Int64,
        double => GgufValueType.Float64,
        _ when typeof(T) == typeof(string) => GgufValueType.String,
        _ when typeof(T) == typeof(GgufValue) => GgufValueType.Array,
        _ => throw new ArgumentException($"GGUF has no element type for {typeof(T)}."),
    };
}
