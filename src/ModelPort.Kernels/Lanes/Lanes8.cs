using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace ModelPort.Kernels.Lanes;

/// <summary>Eight lanes in two registers of 128 bits: two independent chains hide each other's latency.</summary>
internal readonly unsafe struct Lanes8(Vector128<float> a, Vector128<float> b) : ILanes<Lanes8>
{
    private readonly Vector128<float> _a = a;
    private readonly Vector128<float> _b = b;

    public static int Count => 2 * Vector128<float>.Count;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes8 Broadcast(float value)
    {
        Vector128<float> lanes = Vector128.Create(value);
        return new(lanes, lanes);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes8 Load(float* source) => new(Vector128.Load(source), Vector128.Load(source + Vector128<float>.Count));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(float* destination, Lanes8 value)
    {
        value._a.Store(destination);
        value._b.Store(destination + Vector128<float>.Count);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreBytes(byte* destination, Lanes8 value)
    {
        Vector128<short> words = Vector128.Narrow(Vector128.ConvertToInt32Native(value._a), Vector128.ConvertToInt32Native(value._b));
        Unsafe.WriteUnaligned(destination, Vector128.Narrow(words, words).AsUInt64().ToScalar());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Largest(Lanes8 value)
    {
        Vector128<float> larger = Vector128.MaxNative(value._a, value._b);
        larger = Vector128.MaxNative(larger, Vector128.Shuffle(larger, Vector128.Create(2, 3, 0, 1)));
        return Vector128.MaxNative(larger, Vector128.Shuffle(larger, Vector128.Create(1, 0, 3, 2))).ToScalar();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes8 operator +(Lanes8 a, Lanes8 b) => new(a._a + b._a, a._b + b._b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes8 operator -(Lanes8 a, Lanes8 b) => new(a._a - b._a, a._b - b._b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes8 operator *(Lanes8 a, Lanes8 b) => new(a._a * b._a, a._b * b._b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes8 operator /(Lanes8 a, Lanes8 b) => new(a._a / b._a, a._b / b._b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes8 operator &(Lanes8 a, Lanes8 b) => new(a._a & b._a, a._b & b._b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes8 operator |(Lanes8 a, Lanes8 b) => new(a._a | b._a, a._b | b._b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes8 operator <(Lanes8 a, Lanes8 b) => new(Vector128.LessThan(a._a, b._a), Vector128.LessThan(a._b, b._b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes8 operator >(Lanes8 a, Lanes8 b) => new(Vector128.GreaterThan(a._a, b._a), Vector128.GreaterThan(a._b, b._b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes8 Equal(Lanes8 a, Lanes8 b) => new(Vector128.Equals(a._a, b._a), Vector128.Equals(a._b, b._b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes8 NotEqual(Lanes8 a, Lanes8 b) => new(~Vector128.Equals(a._a, b._a), ~Vector128.Equals(a._b, b._b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes8 Smaller(Lanes8 a, Lanes8 b) => Sse.IsSupported
        ? new(Vector128.MinNative(a._a, b._a), Vector128.MinNative(a._b, b._b))
        : Choose(a < b, a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes8 Larger(Lanes8 a, Lanes8 b) => Sse.IsSupported
        ? new(Vector128.MaxNative(a._a, b._a), Vector128.MaxNative(a._b, b._b))
        : Choose(a > b, a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes8 Choose(Lanes8 mask, Lanes8 a, Lanes8 b) => Sse41.IsSupported
        ? new(Sse41.BlendVariable(b._a, a._a, mask._a), Sse41.BlendVariable(b._b, a._b, mask._b))
        : new(Vector128.ConditionalSelect(mask._a, a._a, b._a), Vector128.ConditionalSelect(mask._b, a._b, b._b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes8 Abs(Lanes8 value) => new(Vector128.Abs(value._a), Vector128.Abs(value._b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes8 Sqrt(Lanes8 value) => new(Vector128.Sqrt(value._a), Vector128.Sqrt(value._b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes8 Round(Lanes8 value) => new(Vector128.Round(value._a), Vector128.Round(value._b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes8 Floor(Lanes8 value) => new(Vector128.Floor(value._a), Vector128.Floor(value._b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes8 NearestInt(Lanes8 value) => new(NearestInt(value._a), NearestInt(value._b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes8 UnevenIndex(Lanes8 value)
    {
        (Vector128<float> a, Vector128<float> b) = UnevenTable.Indices(value._a, value._b);
        return new(a, b);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes8 UnevenValue(Lanes8 value)
    {
        (Vector128<float> a, Vector128<float> b) = UnevenTable.Values(value._a, value._b);
        return new(a, b);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Bits(Lanes8 mask) => mask._a.ExtractMostSignificantBits() | ((ulong)mask._b.ExtractMostSignificantBits() << Vector128<float>.Count);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool All(Lanes8 mask) => (mask._a & mask._b).ExtractMostSignificantBits() == 0xF;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Any(Lanes8 mask) => (mask._a | mask._b).ExtractMostSignificantBits() != 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> NearestInt(Vector128<float> value)
    {
        Vector128<int> bits = (value + Vector128.Create(Scalar.NearestInt.Magic)).AsInt32();
        return Vector128.ConvertToSingle((bits & Vector128.Create(Scalar.NearestInt.MantissaMask)) - Vector128.Create(Scalar.NearestInt.Bias));
    }
}
