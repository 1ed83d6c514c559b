using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace ModelPort.Kernels.Lanes;

/// <summary>A register of 256 bits.</summary>
internal readonly unsafe struct Register256(Vector256<float> lanes) : IRegister<Register256>
{
    private readonly Vector256<float> _lanes = lanes;

    public static int Count => Vector256<float>.Count;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Register256 Broadcast(float value) => new(Vector256.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Register256 Sequence() => new(Vector256.CreateSequence(0f, 1f));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Register256 Load(float* source) => new(Vector256.Load(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Register256 LoadCodes(ushort* source)
    {
        Vector128<ushort> codes = Vector128.Load(source);
        return new(Avx2.IsSupported
            ? Avx2.ConvertToVector256Int32(codes).AsSingle()
            : Vector256.Create(Vector128.WidenLower(codes), Vector128.WidenUpper(codes)).AsSingle());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(float* destination, Register256 value) => value._lanes.Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Register256 operator +(Register256 a, Register256 b) => new(a._lanes + b._lanes);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Register256 operator -(Register256 a, Register256 b) => new(a._lanes - b._lanes);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Register256 operator *(Register256 a, Register256 b) => new(a._lanes * b._lanes);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Register256 operator /(Register256 a, Register256 b) => new(a._lanes / b._lanes);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Register256 operator <(Register256 a, Register256 b) => new(Vector256.LessThan(a._lanes, b._lanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Register256 operator >(Register256 a, Register256 b) => new(Vector256.GreaterThan(a._lanes, b._lanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Register256 NotEqual(Register256 a, Register256 b) => new(~Vector256.Equals(a._lanes, b._lanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Register256 Smaller(Register256 a, Register256 b) => Sse.IsSupported ? new(Vector256.MinNative(a._lanes, b._lanes)) : Choose(a < b, a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Register256 Larger(Register256 a, Register256 b) => Sse.IsSupported ? new(Vector256.MaxNative(a._lanes, b._lanes)) : Choose(a > b, a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Register256 Choose(Register256 mask, Register256 a, Register256 b) => Avx.IsSupported
        ? new(Avx.BlendVariable(b._lanes, a._lanes, mask._lanes))
        : new(Vector256.ConditionalSelect(mask._lanes, a._lanes, b._lanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Register256 Abs(Register256 value) => new(Vector256.Abs(value._lanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Register256 Sqrt(Register256 value) => new(Vector256.Sqrt(value._lanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Register256 Round(Register256 value) => new(Vector256.Round(value._lanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Register256 OddOfThree(Register256 levels, int bit) => Avx.IsSupported
        ? new(Avx.PermuteVar(Vector256.Create(1f, 3f, 5f, 7f, 1f, 3f, 5f, 7f), levels._lanes.AsInt32() >> bit))
        : Odd(levels, bit, 3);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Register256 OddOfEight(Register256 levels, int bit) => Avx2.IsSupported
        ? new(Avx2.PermuteVar8x32(Vector256.Create(1f, 3f, 5f, 7f, 9f, 11f, 13f, 15f), levels._lanes.AsInt32() >> bit))
        : Odd(levels, bit, 7);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Largest(Register256 value) =>
        Register128.Largest(new(Vector128.MaxNative(value._lanes.GetLower(), value._lanes.GetUpper())));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Bits(Register256 mask) => (uint)mask._lanes.ExtractMostSignificantBits();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Register256 Odd(Register256 levels, int bit, int mask) =>
        new(Vector256.ConvertToSingle((((levels._lanes.AsInt32() >> bit) & Vector256.Create(mask)) << 1) | Vector256<int>.One));
}
