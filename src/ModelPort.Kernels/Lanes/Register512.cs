using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace ModelPort.Kernels.Lanes;

/// <summary>A register of 512 bits.</summary>
internal readonly unsafe struct Register512(Vector512<float> lanes) : IRegister<Register512>
{
    private readonly Vector512<float> _lanes = lanes;

    public static int Count => Vector512<float>.Count;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Register512 Broadcast(float value) => new(Vector512.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Register512 Sequence() => new(Vector512.CreateSequence(0f, 1f));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Register512 Load(float* source) => new(Vector512.Load(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Register512 LoadCodes(ushort* source)
    {
        Vector256<ushort> codes = Vector256.Load(source);
        return new(Avx512F.IsSupported
            ? Avx512F.ConvertToVector512Int32(codes).AsSingle()
            : Vector512.Create(Vector256.WidenLower(codes), Vector256.WidenUpper(codes)).AsSingle());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(float* destination, Register512 value) => value._lanes.Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Register512 operator +(Register512 a, Register512 b) => new(a._lanes + b._lanes);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Register512 operator -(Register512 a, Register512 b) => new(a._lanes - b._lanes);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Register512 operator *(Register512 a, Register512 b) => new(a._lanes * b._lanes);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Register512 operator /(Register512 a, Register512 b) => new(a._lanes / b._lanes);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Register512 operator <(Register512 a, Register512 b) => new(Vector512.LessThan(a._lanes, b._lanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Register512 operator >(Register512 a, Register512 b) => new(Vector512.GreaterThan(a._lanes, b._lanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Register512 NotEqual(Register512 a, Register512 b) => new(~Vector512.Equals(a._lanes, b._lanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Register512 Smaller(Register512 a, Register512 b) => Sse.IsSupported ? new(Vector512.MinNative(a._lanes, b._lanes)) : Choose(a < b, a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Register512 Larger(Register512 a, Register512 b) => Sse.IsSupported ? new(Vector512.MaxNative(a._lanes, b._lanes)) : Choose(a > b, a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Register512 Choose(Register512 mask, Register512 a, Register512 b) => new(Vector512.ConditionalSelect(mask._lanes, a._lanes, b._lanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Register512 Abs(Register512 value) => new(Vector512.Abs(value._lanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Register512 Sqrt(Register512 value) => new(Vector512.Sqrt(value._lanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Register512 Round(Register512 value) => new(Vector512.Round(value._lanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Register512 OddOfThree(Register512 levels, int bit) => Avx512F.IsSupported
        ? new(Avx512F.PermuteVar4x32(Vector512.Create(1f, 3f, 5f, 7f, 1f, 3f, 5f, 7f, 1f, 3f, 5f, 7f, 1f, 3f, 5f, 7f), levels._lanes.AsInt32() >> bit))
        : Odd(levels, bit, 3);

    // The table stands twice, as the permute reads one bit more.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Register512 OddOfEight(Register512 levels, int bit) => Avx512F.IsSupported
        ? new(Avx512F.PermuteVar16x32(Vector512.Create(1f, 3f, 5f, 7f, 9f, 11f, 13f, 15f, 1f, 3f, 5f, 7f, 9f, 11f, 13f, 15f), levels._lanes.AsInt32() >> bit))
        : Odd(levels, bit, 7);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Largest(Register512 value) =>
        Register256.Largest(new(Vector256.MaxNative(value._lanes.GetLower(), value._lanes.GetUpper())));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Bits(Register512 mask) => (uint)mask._lanes.ExtractMostSignificantBits();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Register512 Odd(Register512 levels, int bit, int mask) =>
        new(Vector512.ConvertToSingle((((levels._lanes.AsInt32() >> bit) & Vector512.Create(mask)) << 1) | Vector512<int>.One));
}
