using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace ModelPort.Kernels.Lanes;

/// <summary>A register of 128 bits.</summary>
internal readonly unsafe struct Register128(Vector128<float> lanes) : IRegister<Register128>
{
    private readonly Vector128<float> _lanes = lanes;

    public static int Count => Vector128<float>.Count;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Register128 Broadcast(float value) => new(Vector128.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Register128 Sequence() => new(Vector128.CreateSequence(0f, 1f));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Register128 Load(float* source) => new(Vector128.Load(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Register128 LoadCodes(ushort* source) =>
        new(Vector128.WidenLower(Vector128.CreateScalarUnsafe(Unsafe.ReadUnaligned<ulong>(source)).AsUInt16()).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(float* destination, Register128 value) => value._lanes.Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Register128 operator +(Register128 a, Register128 b) => new(a._lanes + b._lanes);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Register128 operator -(Register128 a, Register128 b) => new(a._lanes - b._lanes);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Register128 operator *(Register128 a, Register128 b) => new(a._lanes * b._lanes);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Register128 operator /(Register128 a, Register128 b) => new(a._lanes / b._lanes);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Register128 operator <(Register128 a, Register128 b) => new(Vector128.LessThan(a._lanes, b._lanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Register128 operator >(Register128 a, Register128 b) => new(Vector128.GreaterThan(a._lanes, b._lanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Register128 NotEqual(Register128 a, Register128 b) => new(~Vector128.Equals(a._lanes, b._lanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Register128 Smaller(Register128 a, Register128 b) => Sse.IsSupported ? new(Vector128.MinNative(a._lanes, b._lanes)) : Choose(a < b, a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Register128 Larger(Register128 a, Register128 b) => Sse.IsSupported ? new(Vector128.MaxNative(a._lanes, b._lanes)) : Choose(a > b, a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Register128 Choose(Register128 mask, Register128 a, Register128 b) => Sse41.IsSupported
        ? new(Sse41.BlendVariable(b._lanes, a._lanes, mask._lanes))
        : new(Vector128.ConditionalSelect(mask._lanes, a._lanes, b._lanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Register128 Abs(Register128 value) => new(Vector128.Abs(value._lanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Register128 Sqrt(Register128 value) => new(Vector128.Sqrt(value._lanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Register128 Round(Register128 value) => new(Vector128.Round(value._lanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Register128 OddOfThree(Register128 levels, int bit) => Avx.IsSupported
        ? new(Avx.PermuteVar(Vector128.Create(1f, 3f, 5f, 7f), levels._lanes.AsInt32() >> bit))
        : Odd(levels, bit, 3);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Register128 OddOfEight(Register128 levels, int bit) => Odd(levels, bit, 7);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Largest(Register128 value)
    {
        Vector128<float> larger = Vector128.MaxNative(value._lanes, Vector128.Shuffle(value._lanes, Vector128.Create(2, 3, 0, 1)));
        return Vector128.MaxNative(larger, Vector128.Shuffle(larger, Vector128.Create(1, 0, 3, 2))).ToScalar();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Bits(Register128 mask) => (uint)mask._lanes.ExtractMostSignificantBits();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Register128 Odd(Register128 levels, int bit, int mask) =>
        new(Vector128.ConvertToSingle((((levels._lanes.AsInt32() >> bit) & Vector128.Create(mask)) << 1) | Vector128<int>.One));
}
