using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace ModelPort.Kernels.Lanes;

/// <summary>Thirty-two lanes in two registers of 512 bits: two independent chains hide each other's latency.</summary>
internal readonly unsafe struct Lanes32(Vector512<float> a, Vector512<float> b) : ILanes<Lanes32>
{
    private readonly Vector512<float> _a = a;
    private readonly Vector512<float> _b = b;

    public static int Count => 2 * Vector512<float>.Count;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes32 Broadcast(float value)
    {
        Vector512<float> lanes = Vector512.Create(value);
        return new(lanes, lanes);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes32 Load(float* source) => new(Vector512.Load(source), Vector512.Load(source + Vector512<float>.Count));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(float* destination, Lanes32 value)
    {
        value._a.Store(destination);
        value._b.Store(destination + Vector512<float>.Count);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreBytes(byte* destination, Lanes32 value)
    {
        Vector512<short> words = Vector512.Narrow(Vector512.ConvertToInt32Native(value._a), Vector512.ConvertToInt32Native(value._b));
        Vector256.Narrow(words.GetLower(), words.GetUpper()).AsByte().Store(destination);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Largest(Lanes32 value)
    {
        Vector512<float> both = Vector512.MaxNative(value._a, value._b);
        Vector256<float> half = Vector256.MaxNative(both.GetLower(), both.GetUpper());
        Vector128<float> larger = Vector128.MaxNative(half.GetLower(), half.GetUpper());
        larger = Vector128.MaxNative(larger, Vector128.Shuffle(larger, Vector128.Create(2, 3, 0, 1)));
        return Vector128.MaxNative(larger, Vector128.Shuffle(larger, Vector128.Create(1, 0, 3, 2))).ToScalar();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes32 operator +(Lanes32 a, Lanes32 b) => new(a._a + b._a, a._b + b._b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes32 operator -(Lanes32 a, Lanes32 b) => new(a._a - b._a, a._b - b._b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes32 operator *(Lanes32 a, Lanes32 b) => new(a._a * b._a, a._b * b._b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes32 operator /(Lanes32 a, Lanes32 b) => new(a._a / b._a, a._b / b._b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes32 operator &(Lanes32 a, Lanes32 b) => new(a._a & b._a, a._b & b._b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes32 operator |(Lanes32 a, Lanes32 b) => new(a._a | b._a, a._b | b._b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes32 operator <(Lanes32 a, Lanes32 b) => new(Vector512.LessThan(a._a, b._a), Vector512.LessThan(a._b, b._b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes32 operator >(Lanes32 a, Lanes32 b) => new(Vector512.GreaterThan(a._a, b._a), Vector512.GreaterThan(a._b, b._b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes32 Equal(Lanes32 a, Lanes32 b) => new(Vector512.Equals(a._a, b._a), Vector512.Equals(a._b, b._b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes32 NotEqual(Lanes32 a, Lanes32 b) => new(~Vector512.Equals(a._a, b._a), ~Vector512.Equals(a._b, b._b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes32 Smaller(Lanes32 a, Lanes32 b) => Sse.IsSupported
        ? new(Vector512.MinNative(a._a, b._a), Vector512.MinNative(a._b, b._b))
        : Choose(a < b, a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes32 Larger(Lanes32 a, Lanes32 b) => Sse.IsSupported
        ? new(Vector512.MaxNative(a._a, b._a), Vector512.MaxNative(a._b, b._b))
        : Choose(a > b, a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes32 Choose(Lanes32 mask, Lanes32 a, Lanes32 b) =>
        new(Vector512.ConditionalSelect(mask._a, a._a, b._a), Vector512.ConditionalSelect(mask._b, a._b, b._b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes32 Abs(Lanes32 value) => new(Vector512.Abs(value._a), Vector512.Abs(value._b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes32 Sqrt(Lanes32 value) => new(Vector512.Sqrt(value._a), Vector512.Sqrt(value._b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes32 Round(Lanes32 value) => new(Vector512.Round(value._a), Vector512.Round(value._b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes32 Floor(Lanes32 value) => new(Vector512.Floor(value._a), Vector512.Floor(value._b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes32 NearestInt(Lanes32 value) => new(NearestInt(value._a), NearestInt(value._b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes32 UnevenIndex(Lanes32 value) => new(UnevenTable.Index(value._a), UnevenTable.Index(value._b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes32 UnevenValue(Lanes32 value) => new(UnevenTable.Value(value._a), UnevenTable.Value(value._b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Bits(Lanes32 mask) => mask._a.ExtractMostSignificantBits() | ((ulong)mask._b.ExtractMostSignificantBits() << Vector512<float>.Count);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool All(Lanes32 mask) => (mask._a & mask._b).ExtractMostSignificantBits() == 0xFFFF;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Any(Lanes32 mask) => (mask._a | mask._b).ExtractMostSignificantBits() != 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> NearestInt(Vector512<float> value)
    {
        Vector512<int> bits = (value + Vector512.Create(Scalar.NearestInt.Magic)).AsInt32();
        return Vector512.ConvertToSingle((bits & Vector512.Create(Scalar.NearestInt.MantissaMask)) - Vector512.Create(Scalar.NearestInt.Bias));
    }
}
