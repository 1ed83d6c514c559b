using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace ModelPort.Kernels;

/// <summary>
/// Blocks of unsigned integers of 4 or 8 bits with one scale each, as the operator MatMulNBits of ONNX Runtime multiplies them:
/// <c>weight = (code - zeroPoint) * scale</c>.
/// </summary>
public static class NBitsQuantizer
{
    /// <summary>
    /// The scale of a block around the middle code: the value of the greatest magnitude (the first, of two) becomes code 0 exactly, so that the scale has the sign
    /// opposite to its own.
    /// </summary>
    /// <param name="source">The values of a block, none of them NaN; a tail may be shorter than a block.</param>
    /// <param name="bits">4 or 8.</param>
    /// <param name="zeroPoint">The middle code.</param>
    /// <returns>The scale; 0 for a block of zeros, whose codes are all the middle.</returns>
    public static float Symmetric(ReadOnlySpan<float> source, int bits, out byte zeroPoint)
    {
        zeroPoint = (byte)(1 << (bits - 1));
        float largest = LinearQuantizer.LargestMagnitude(source);
        ReadOnlySpan<int> patterns = MemoryMarshal.Cast<float, int>(source);
        uint above = (uint)patterns.IndexOf(BitConverter.SingleToInt32Bits(largest)), below = (uint)patterns.IndexOf(BitConverter.SingleToInt32Bits(-largest));
        // What is not there has the greatest index.
        return (largest > 0 && below < above ? -largest : largest) / -zeroPoint;
    }

    /// <summary>The scale of a block whose range, widened to hold zero, is spread over all codes.</summary>
    /// <param name="source">The values of a block, none of them NaN; a tail may be shorter than a block.</param>
    /// <param name="bits">4 or 8.</param>
    /// <param name="zeroPoint">The code of zero.</param>
    /// <returns>The scale; 0 for a block of zeros.</returns>
    public static float Asymmetric(ReadOnlySpan<float> source, int bits, out byte zeroPoint)
    {
        Vector<float> least = default, greatest = default;
        int i = 0;
        for (; i <= source.Length - Vector<float>.Count; i += Vector<float>.Count)
        {
            Vector<float> values = new(source[i..]);
            least = Vector.Min(least, values);
            greatest = Vector.Max(greatest, values);
        }

        float min = 0, max = 0;
        for (int lane = 0; lane < Vector<float>.Count; lane++)
        {
            min = Math.Min(min, least[lane]);
            max = Math.Max(max, greatest[lane]);
        }

        for (; i < source.Length; i++)
        {
            min = Math.Min(min, source[i]);
            max = Math.Max(max, source[i]);
        }

        int highest = (1 << bits) - 1;
        float scale = (max - min) / highest;
        zeroPoint = (byte)Math.Clamp(MathF.Round(-min * Inverse(scale)), 0, highest);
        return scale;
    }

    /// <summary>The codes of a block. Halves are rounded to even.</summary>
    /// <param name="source">The values of the block.</param>
    /// <param name="bits">4 or 8.</param>
    /// <param name="scale">Its scale.</param>
    /// <param name="zeroPoint">The code of zero.</param>
    /// <param name="codes">Receives a code for each value.</param>
    public static void Encode(ReadOnlySpan<float> source, int bits, float scale, byte zeroPoint, Span<byte> codes)
    {
        float inverse = Inverse(scale), highest = (1 << bits) - 1;
        Vector<float> factor = new(inverse), middle = new(zeroPoint), top = new(highest);
        int i = 0;
        for (; i <= source.Length - Vector<byte>.Count; i += Vector<byte>.Count)
        {
            Vector<ushort> low = Vector.Narrow(Codes(source[i..], factor, middle, top), Codes(source[(i + Vector<int>.Count)..], factor, middle, top));
            Vector<ushort> high = Vector.Narrow(Codes(source[(i + (2 * Vector<int>.Count))..], factor, middle, top), Codes(source[(i + (3 * Vector<int>.Count))..], factor, middle, top));
            Vector.Narrow(low, high).CopyTo(codes[i..]);
        }

        for (; i < source.Length; i++)
        {
            codes[i] = (byte)Math.Clamp(MathF.Round(source[i] * inverse) + zeroPoint, 0, highest);
        }
    }

    /// <summary>Codes of 4 bits, two a byte, the first in the low half.</summary>
    /// <param name="codes">Codes below 16; an odd last one gets the half to itself.</param>
    /// <param name="destination">Half as many bytes, rounded up.</param>
    public static void Pack4(ReadOnlySpan<byte> codes, Span<byte> destination)
    {
        for (int i = 0; i < codes.Length; i += 2)
        {
            destination[i / 2] = (byte)(codes[i] | (i + 1 < codes.Length ? codes[i + 1] << 4 : 0));
        }
    }

    // A block of values too small for their scale to have an inverse is a block of zeros.
    private static float Inverse(float scale) => 1 / scale is var inverse && float.IsFinite(inverse) ? inverse : 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<uint> Codes(ReadOnlySpan<float> source, Vector<float> inverse, Vector<float> zeroPoint, Vector<float> highest) => Vector.AsVectorUInt32(Vector.ConvertToInt32Native(
        Vector.Min(Vector.Max(Vector.Round(new Vector<float>(source) * inverse) + zeroPoint, Vector<float>.Zero), highest)));
}
