using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace ModelPort.Kernels;

/// <summary>
/// Integers for floats as ONNX's QuantizeLinear makes them: <c>saturate(round(x / scale) + zeroPoint)</c>, halves rounded to even, in single precision
/// (https://onnx.ai/onnx/operators/onnx__QuantizeLinear.html).
/// </summary>
/// <remarks>Every method fills <c>destination[0 .. source.Length)</c> and throws <see cref="ArgumentException"/> when it is shorter than the source. NaN has no integer and must not come in.</remarks>
public static class LinearQuantizer
{
    /// <summary>Signed 8-bit integers with one scale and zero point 0, kept within -127 .. 127 so that a value and its negative are alike.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void ToInt8(ReadOnlySpan<float> source, float scale, Span<sbyte> destination)
    {
        Lengths.Require(source.Length, destination.Length);
        Vector<float> divisor = new(scale);
        int i = 0;
        for (; i <= source.Length - Vector<sbyte>.Count; i += Vector<sbyte>.Count)
        {
            Vector<int> a = Rounded(source[i..], divisor), b = Rounded(source[(i + Vector<int>.Count)..], divisor);
            Vector<int> c = Rounded(source[(i + (2 * Vector<int>.Count))..], divisor), d = Rounded(source[(i + (3 * Vector<int>.Count))..], divisor);
            Vector.Narrow(Vector.Narrow(a, b), Vector.Narrow(c, d)).CopyTo(destination[i..]);
        }

        for (; i < source.Length; i++)
        {
            destination[i] = ToInt8(source[i], scale);
        }
    }

    /// <summary>The same with a scale for each value: a row whose columns are channels.</summary>
    /// <exception cref="ArgumentException">There are fewer scales or destinations than values.</exception>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void ToInt8(ReadOnlySpan<float> source, ReadOnlySpan<float> scales, Span<sbyte> destination)
    {
        Lengths.Require(source.Length, destination.Length);
        Lengths.Require(source.Length, scales.Length);
        for (int i = 0; i < source.Length; i++)
        {
            destination[i] = ToInt8(source[i], scales[i]);
        }
    }

    /// <summary>Unsigned 8-bit integers with one scale and zero point, within 0 .. 255.</summary>
    public static void ToUInt8(ReadOnlySpan<float> source, float scale, byte zeroPoint, Span<byte> destination)
    {
        Lengths.Require(source.Length, destination.Length);
        for (int i = 0; i < source.Length; i++)
        {
            destination[i] = (byte)Math.Clamp(MathF.Round(source[i] / scale) + zeroPoint, 0, 255);
        }
    }

    /// <summary>One value as a signed 32-bit integer, for a bias; the division is in double precision, as 32 bits are more than a float has.</summary>
    public static int ToInt32(float value, double scale) => (int)Math.Clamp(Math.Round(value / scale), int.MinValue, int.MaxValue);

    /// <summary>The greatest magnitude; NaN if there is a NaN, and 0 for nothing.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float LargestMagnitude(ReadOnlySpan<float> source)
    {
        // As integers, magnitudes keep their order, and NaN is above infinity.
        ReadOnlySpan<uint> bits = MemoryMarshal.Cast<float, uint>(source);
        Vector<uint> largest = default;
        int i = 0;
        for (; i <= bits.Length - Vector<uint>.Count; i += Vector<uint>.Count)
        {
            largest = Vector.Max(largest, new Vector<uint>(bits[i..]) & new Vector<uint>(int.MaxValue));
        }

        uint result = 0;
        for (int lane = 0; lane < Vector<uint>.Count; lane++)
        {
            result = Math.Max(result, largest[lane]);
        }

        for (; i < bits.Length; i++)
        {
            result = Math.Max(result, bits[i] & int.MaxValue);
        }

        return BitConverter.UInt32BitsToSingle(result);
    }

    private static sbyte ToInt8(float value, float scale) => (sbyte)Math.Clamp(MathF.Round(value / scale), -127, 127);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<int> Rounded(ReadOnlySpan<float> source, Vector<float> scale) => Vector.ConvertToInt32Native(
        Vector.Round(Vector.Min(Vector.Max(new Vector<float>(source) / scale, new Vector<float>(-127)), new Vector<float>(127))));
}
