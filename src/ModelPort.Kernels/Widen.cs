using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace ModelPort.Kernels;

/// <summary>Converts stored numbers to single precision. Exact wherever a float can hold the value, otherwise rounded to nearest even.</summary>
/// <remarks>Every method fills <c>destination[0 .. source.Length)</c> and throws <see cref="ArgumentException"/> when it is shorter than the source.</remarks>
public static class Widen
{
    private static readonly float[] s_e4m3 = BuildE4M3();
    private static readonly float[] s_e5m2 = BuildE5M2();

    /// <summary>Brain floats, given as their 16 bits: the upper half of a float's bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void FromBFloat16(ReadOnlySpan<ushort> source, Span<float> destination)
    {
        Lengths.Require(source.Length, destination.Length);
        Span<uint> bits = MemoryMarshal.Cast<float, uint>(destination);
        int i = 0;
        for (; i <= source.Length - Vector<ushort>.Count; i += Vector<ushort>.Count)
        {
            Vector.Widen(new Vector<ushort>(source[i..]), out Vector<uint> low, out Vector<uint> high);
            (low << 16).CopyTo(bits[i..]);
            (high << 16).CopyTo(bits[(i + Vector<uint>.Count)..]);
        }

        for (; i < source.Length; i++)
        {
            bits[i] = (uint)source[i] << 16;
        }
    }

    /// <summary>IEEE 754 half precision, given as its 16 bits.</summary>
    public static void FromHalf(ReadOnlySpan<ushort> source, Span<float> destination) =>
        TensorPrimitives.ConvertToSingle(MemoryMarshal.Cast<ushort, Half>(source), destination);

    /// <summary>Double precision, rounded to nearest even; values beyond a float's range become infinite.</summary>
    public static void FromDouble(ReadOnlySpan<double> source, Span<float> destination) =>
        TensorPrimitives.ConvertTruncating(source, destination);

    /// <summary>8-bit floats E4M3FN (bias 7, no infinity, 0x7F and 0xFF are NaN; arXiv:2209.05433).</summary>
    public static void FromFloat8E4M3(ReadOnlySpan<byte> source, Span<float> destination) => Map(source, destination, s_e4m3);

    /// <summary>8-bit floats E5M2 (bias 15, the upper byte of a half; arXiv:2209.05433).</summary>
    public static void FromFloat8E5M2(ReadOnlySpan<byte> source, Span<float> destination) => Map(source, destination, s_e5m2);

    /// <summary>Integers, rounded to nearest even where a float cannot hold them.</summary>
    /// <typeparam name="T">Any primitive integer type.</typeparam>
    public static void FromInteger<T>(ReadOnlySpan<T> source, Span<float> destination)
        where T : unmanaged, IBinaryInteger<T> => TensorPrimitives.ConvertTruncating(source, destination);

    /// <summary>Booleans stored one a byte: zero is 0, anything else is 1.</summary>
    public static void FromBoolean(ReadOnlySpan<byte> source, Span<float> destination)
    {
        Lengths.Require(source.Length, destination.Length);
        for (int i = 0; i < source.Length; i++)
        {
            destination[i] = source[i] == 0 ? 0f : 1f;
        }
    }

    private static void Map(ReadOnlySpan<byte> source, Span<float> destination, float[] values)
    {
        Lengths.Require(source.Length, destination.Length);
        for (int i = 0; i < source.Length; i++)
        {
            destination[i] = values[source[i]];
        }
    }

    private static float[] BuildE4M3()
    {
        var values = new float[256];
        for (int code = 0; code < 256; code++)
        {
            int exponent = (code >> 3) & 15, mantissa = code & 7;
            float magnitude = exponent == 0 ? mantissa * float.Exp2(-9) : (8 + mantissa) * float.Exp2(exponent - 10);
            magnitude = (code & 0x7F) == 0x7F ? float.NaN : magnitude;
            values[code] = code < 128 ? magnitude : -magnitude;
        }

        return values;
    }

    private static float[] BuildE5M2()
    {
        var values = new float[256];
        for (int code = 0; code < 256; code++)
        {
            values[code] = (float)BitConverter.UInt16BitsToHalf((ushort)(code << 8));
        }

        return values;
    }
}
