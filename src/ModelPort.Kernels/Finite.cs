using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace ModelPort.Kernels;

/// <summary>Finds NaN and infinity: the values whose exponent bits are all set.</summary>
public static class Finite
{
    /// <summary>Index of the first NaN or infinity, or -1.</summary>
    public static int IndexOfNonFinite(ReadOnlySpan<float> values) =>
        IndexOfAllSet(MemoryMarshal.Cast<float, uint>(values), 0x7F800000u);

    /// <summary>Index of the first NaN or infinity, or -1.</summary>
    public static int IndexOfNonFinite(ReadOnlySpan<double> values) =>
        IndexOfAllSet(MemoryMarshal.Cast<double, ulong>(values), 0x7FF0000000000000ul);

    /// <summary>Index of the first NaN or infinity among brain floats, given as bits, or -1.</summary>
    public static int IndexOfNonFiniteBFloat16(ReadOnlySpan<ushort> values) => IndexOfAllSet(values, (ushort)0x7F80);

    /// <summary>Index of the first NaN or infinity among half precision values, given as bits, or -1.</summary>
    public static int IndexOfNonFiniteHalf(ReadOnlySpan<ushort> values) => IndexOfAllSet(values, (ushort)0x7C00);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int IndexOfAllSet<T>(ReadOnlySpan<T> bits, T exponent)
        where T : unmanaged, IBinaryInteger<T>
    {
        var mask = new Vector<T>(exponent);
        int i = 0;
        for (; i <= bits.Length - (4 * Vector<T>.Count); i += 4 * Vector<T>.Count)
        {
            Vector<T> found = AllSet(bits[i..], mask) | AllSet(bits[(i + Vector<T>.Count)..], mask)
                | AllSet(bits[(i + (2 * Vector<T>.Count))..], mask) | AllSet(bits[(i + (3 * Vector<T>.Count))..], mask);
            if (found != Vector<T>.Zero)
            {
                break;
            }
        }

        for (; i < bits.Length; i++)
        {
            if ((bits[i] & exponent) == exponent)
            {
                return i;
            }
        }

        return -1;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<T> AllSet<T>(ReadOnlySpan<T> bits, Vector<T> mask)
        where T : unmanaged => Vector.Equals(new Vector<T>(bits) & mask, mask);
}
