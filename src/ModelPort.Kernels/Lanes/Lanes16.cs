using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace ModelPort.Kernels.Lanes;

/// <summary>Sixteen lanes in two registers of 256 bits: two independent chains hide each other's latency.</summary>
internal readonly unsafe struct Lanes16(Vector256<float> a, Vector256<float> b) : ILanes<Lanes16>
{
    private readonly Vector256<float> _a = a;
    private readonly Vector256<float> _b = b;

    public static int Count => 2 * Vector256<float>.Count;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes16 Broadcast(float value)
    {
        Vector256<float> lanes = Vector256.Create(value);
        return new(lanes, lanes);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes16 Load(float* source) => new(Vector256.Load(source), Vector256.Load(source + Vector256<float>.Count));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(float* destination, Lanes16 value)
    {
        value._a.Store(destination);
        value._b.Store(destination + Vector256<float>.Count);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreBytes(byte* destination, Lanes16 value)
    {
        Vector256<short> words = Vector256.Narrow(Vector256.ConvertToInt32Native(value._a), Vector256.ConvertToInt32Native(value._b));
        Vector128.Narrow(words.GetLower(), words.GetUpper()).AsByte().Store(destination);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Largest(Lanes16 value)
    {
        Vector256<float> both = Vector256.MaxNative(value._a, value._b);
        Vector128<float> larger = Vector128.MaxNative(both.GetLower(), both.GetUpper());
        larger = Vector128.MaxNative(larger, Vector128.Shuffle(larger, Vector128.Create(2, 3, 0, 1)));
        return Vector128.MaxNative(larger, Vector128.Shuffle(larger, Vector128.Create(1, 0, 3, 2))).ToScalar();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes16 operator +(Lanes16 a, Lanes16 b) => new(a._a + b._a, a._b + b._b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes16 operator -(Lanes16 a, Lanes16 b) => new(a._a - b._a, a._b - b._b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes16 operator *(Lanes16 a, Lanes16 b) => new(a._a * b._a, a._b * b._b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes16 operator /(Lanes16 a, Lanes16 b) => new(a._a / b._a, a._b / b._b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes16 operator &(Lanes16 a, Lanes16 b) => new(a._a & b._a, a._b & b._b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes16 operator |(Lanes16 a, Lanes16 b) => new(a._a | b._a, a._b | b._b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes16 operator <(Lanes16 a, Lanes16 b) => new(Vector256.LessThan(a._a, b._a), Vector256.LessThan(a._b, b._b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes16 operator >(Lanes16 a, Lanes16 b) => new(Vector256.GreaterThan(a._a, b._a), Vector256.GreaterThan(a._b, b._b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes16 Equal(Lanes16 a, Lanes16 b) => new(Vector256.Equals(a._a, b._a), Vector256.Equals(a._b, b._b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes16 NotEqual(Lanes16 a, Lanes16 b) => new(~Vector256.Equals(a._a, b._a), ~Vector256.Equals(a._b, b._b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes16 Smaller(Lanes16 a, Lanes16 b) => Sse.IsSupported
        ? new(Vector256.MinNative(a._a, b._a), Vector256.MinNative(a._b, b._b))
        : Choose(a < b, a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes16 Larger(Lanes16 a, Lanes16 b) => Sse.IsSupported
        ? new(Vector256.MaxNative(a._a, b._a), Vector256.MaxNative(a._b, b._b))
        : Choose(a > b, a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes16 Choose(Lanes16 mask, Lanes16 a, Lanes16 b) => Avx.IsSupported
        ? new(Avx.BlendVariable(b._a, a._a, mask._a), Avx.BlendVariable(b._b, a._b, mask._b))
        : new(Vector256.ConditionalSelect(mask._a, a._a, b._a), Vector256.ConditionalSelect(mask._b, a._b, b._b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes16 Abs(Lanes16 value) => new(Vector256.Abs(value._a), Vector256.Abs(value._b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes16 Sqrt(Lanes16 value) => new(Vector256.Sqrt(value._a), Vector256.Sqrt(value._b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes16 Round(Lanes16 value) => new(Vector256.Round(value._a), Vector256.Round(value._b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes16 Floor(Lanes16 value) => new(Vector256.Floor(value._a), Vector256.Floor(value._b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes16 NearestInt(Lanes16 value) => new(NearestInt(value._a), NearestInt(value._b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes16 UnevenIndex(Lanes16 value) => new(UnevenTable.Index(value._a), UnevenTable.Index(value._b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes16 UnevenValue(Lanes16 value) => new(UnevenTable.Value(value._a), UnevenTable.Value(value._b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Bits(Lanes16 mask) => mask._a.ExtractMostSignificantBits() | ((ulong)mask._b.ExtractMostSignificantBits() << Vector256<float>.Count);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool All(Lanes16 mask) => (mask._a & mask._b).ExtractMostSignificantBits() == 0xFF;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Any(Lanes16 mask) => (mask._a | mask._b).ExtractMostSignificantBits() != 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> NearestInt(Vector256<float> value)
    {
        Vector256<int> bits = (value + Vector256.Create(Scalar.NearestInt.Magic)).AsInt32();
        return Vector256.ConvertToSingle((bits & Vector256.Create(Scalar.NearestInt.MantissaMask)) - Vector256.Create(Scalar.NearestInt.Bias));
    }
}
