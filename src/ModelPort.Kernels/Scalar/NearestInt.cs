using System.Runtime.CompilerServices;

namespace ModelPort.Kernels.Scalar;

/// <summary>ggml's rounding to an integer: to nearest even, by an addition that pushes the fraction out of the mantissa.</summary>
internal static class NearestInt
{
    internal const float Magic = 12582912f; // 1.5 * 2^23
    internal const int MantissaMask = 0x007FFFFF;
    internal const int Bias = 0x00400000;

    /// <summary>Beyond +-2^22 the result is what the bits say, not the nearest integer; stored bytes depend on it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static int Of(float value) => (BitConverter.SingleToInt32Bits(value + Magic) & MantissaMask) - Bias;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static int Clamped(float value, int low, int high) => Math.Max(low, Math.Min(high, Of(value)));

    /// <summary>Toward zero, as x86 converts: int.MinValue for NaN and beyond 32 bits, where .NET's cast would saturate.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static int Truncated(float value) => value is >= -2147483648f and < 2147483648f ? (int)value : int.MinValue;
}
