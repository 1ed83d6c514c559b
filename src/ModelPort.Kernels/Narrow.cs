using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace ModelPort.Kernels;

/// <summary>Converts single precision to the 16-bit float types, rounding to nearest even, with the bits that ggml produces.</summary>
/// <remarks>Every method fills <c>destination[0 .. source.Length)</c> and throws <see cref="ArgumentException"/> when it is shorter than the source.</remarks>
public static class Narrow
{
    private const uint Infinity = 0x7F800000;

    // The least magnitude that rounds to a half's infinity, and the least that stays a normal half.
    private const uint HalfOverflow = 0x477FF000;
    private const uint HalfNormal = 0x38800000;

    /// <summary>Brain floats as bits. A NaN keeps its sign and upper payload and becomes quiet.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void ToBFloat16(ReadOnlySpan<float> source, Span<ushort> destination)
    {
        Lengths.Require(source.Length, destination.Length);
        ReadOnlySpan<uint> bits = MemoryMarshal.Cast<float, uint>(source);
        int i = 0;
        for (; i <= source.Length - Vector<ushort>.Count; i += Vector<ushort>.Count)
        {
            Vector<uint> low = ToBFloat16(new Vector<uint>(bits[i..]));
            Vector<uint> high = ToBFloat16(new Vector<uint>(bits[(i + Vector<uint>.Count)..]));
            Vector.Narrow(low, high).CopyTo(destination[i..]);
        }

        for (; i < source.Length; i++)
        {
            destination[i] = ToBFloat16(bits[i]);
        }
    }

    /// <summary>Half precision as bits. A NaN becomes the quiet NaN of its sign.</summary>
    /// <returns>How many finite values became infinite.</returns>
    public static int ToHalf(ReadOnlySpan<float> source, Span<ushort> destination) => ToHalf(source, destination, out _);

    /// <summary>Half precision as bits. A NaN becomes the quiet NaN of its sign.</summary>
    /// <param name="source">Values to convert.</param>
    /// <param name="destination">Receives the bits.</param>
    /// <param name="underflowed">How many values other than zero became zero or subnormal.</param>
    /// <returns>How many finite values became infinite.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static int ToHalf(ReadOnlySpan<float> source, Span<ushort> destination, out int underflowed)
    {
        Lengths.Require(source.Length, destination.Length);
        ReadOnlySpan<uint> bits = MemoryMarshal.Cast<float, uint>(source);
        Vector<uint> over = default, under = default;
        int i = 0;
        for (; i <= source.Length - Vector<ushort>.Count; i += Vector<ushort>.Count)
        {
            Vector<uint> low = ToHalf(new Vector<uint>(bits[i..]), ref over, ref under);
            Vector<uint> high = ToHalf(new Vector<uint>(bits[(i + Vector<uint>.Count)..]), ref over, ref under);
            Vector.Narrow(low, high).CopyTo(destination[i..]);
        }

        uint overflowed = Vector.Sum(over), lost = Vector.Sum(under);
        for (; i < source.Length; i++)
        {
            uint magnitude = bits[i] & int.MaxValue;
            overflowed += magnitude is >= HalfOverflow and < Infinity ? 1u : 0;
            lost += magnitude is > 0 and < HalfNormal ? 1u : 0;
            destination[i] = ToHalf(source[i]);
        }

        underflowed = (int)lost;
        return (int)overflowed;
    }

    /// <summary>One value as half precision bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static ushort ToHalf(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        uint magnitude = bits & int.MaxValue, sign = (bits >> 16) & 0x8000;
        return (ushort)(sign | magnitude switch
        {
            > Infinity => 0x7E00,
            >= HalfOverflow => 0x7C00,
            >= HalfNormal => RoundToHalf(magnitude),

            // 0.5's last bit is worth 2^-24, a half's smallest step: the addition rounds, the low bits are the result.
            _ => BitConverter.SingleToUInt32Bits(BitConverter.UInt32BitsToSingle(magnitude) + 0.5f) - 0x3F000000,
        });
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint RoundToHalf(uint magnitude) => (magnitude - (112u << 23) + 0xFFF + ((magnitude >> 13) & 1)) >> 13;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<uint> ToHalf(Vector<uint> bits, ref Vector<uint> over, ref Vector<uint> under)
    {
        Vector<uint> magnitude = bits & new Vector<uint>(int.MaxValue);
        Vector<uint> overflows = Vector.GreaterThanOrEqual(magnitude, new Vector<uint>(HalfOverflow));
        Vector<uint> small = Vector.LessThan(magnitude, new Vector<uint>(HalfNormal));
        Vector<uint> isNaN = Vector.GreaterThan(magnitude, new Vector<uint>(Infinity));

        // A true mask is -1.
        over -= overflows & Vector.LessThan(magnitude, new Vector<uint>(Infinity));
        under -= Vector.AndNot(small, Vector.Equals(magnitude, Vector<uint>.Zero));

        Vector<uint> normal = (magnitude - new Vector<uint>((112u << 23) - 0xFFF) + ((magnitude >> 13) & Vector<uint>.One)) >> 13;
        Vector<uint> subnormal = Vector.AsVectorUInt32(Vector.AsVectorSingle(magnitude) + new Vector<float>(0.5f)) - new Vector<uint>(0x3F000000);
        Vector<uint> result = Vector.ConditionalSelect(small, subnormal, normal);
        result = Vector.ConditionalSelect(overflows, new Vector<uint>(0x7C00), result);
        result = Vector.ConditionalSelect(isNaN, new Vector<uint>(0x7E00), result);
        return result | ((bits >> 16) & new Vector<uint>(0x8000));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<uint> ToBFloat16(Vector<uint> bits)
    {
        Vector<uint> isNaN = Vector.GreaterThan(bits & new Vector<uint>(int.MaxValue), new Vector<uint>(Infinity));
        Vector<uint> rounded = (bits + new Vector<uint>(0x7FFF) + ((bits >> 16) & Vector<uint>.One)) >> 16;
        return Vector.ConditionalSelect(isNaN, (bits >> 16) | new Vector<uint>(0x40), rounded);
    }

    private static ushort ToBFloat16(uint bits) =>
        (ushort)((bits & int.MaxValue) > Infinity ? (bits >> 16) | 0x40 : (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
}
