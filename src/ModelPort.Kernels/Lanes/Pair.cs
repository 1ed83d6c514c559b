using System.Runtime.CompilerServices;

namespace ModelPort.Kernels.Lanes;

/// <summary>Lanes in two registers: two independent chains hide each other's latency.</summary>
/// <typeparam name="V">The register.</typeparam>
/// <typeparam name="TRegister">Its operations.</typeparam>
internal readonly unsafe struct Pair<V, TRegister>(V a, V b) : ILanes<Pair<V, TRegister>>
    where V : struct
    where TRegister : struct, IRegister<V>
{
    private readonly V _a = a;
    private readonly V _b = b;

    public static int Count => 2 * TRegister.Count;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pair<V, TRegister> Broadcast(float value)
    {
        V lanes = TRegister.Broadcast(value);
        return new(lanes, lanes);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pair<V, TRegister> BroadcastCode(uint code)
    {
        V lanes = TRegister.BroadcastCode(code);
        return new(lanes, lanes);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pair<V, TRegister> Sequence() =>
        new(TRegister.Sequence(), TRegister.Add(TRegister.Sequence(), TRegister.Broadcast(TRegister.Count)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pair<V, TRegister> LoadCodes(ushort* source) => new(TRegister.LoadCodes(source), TRegister.LoadCodes(source + TRegister.Count));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pair<V, TRegister> Load(float* source) => new(TRegister.Load(source), TRegister.Load(source + TRegister.Count));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(float* destination, Pair<V, TRegister> value)
    {
        TRegister.Store(destination, value._a);
        TRegister.Store(destination + TRegister.Count, value._b);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreBytes(byte* destination, Pair<V, TRegister> value) => TRegister.StoreBytes(destination, value._a, value._b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pair<V, TRegister> operator +(Pair<V, TRegister> a, Pair<V, TRegister> b) =>
        new(TRegister.Add(a._a, b._a), TRegister.Add(a._b, b._b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pair<V, TRegister> operator -(Pair<V, TRegister> a, Pair<V, TRegister> b) =>
        new(TRegister.Subtract(a._a, b._a), TRegister.Subtract(a._b, b._b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pair<V, TRegister> operator *(Pair<V, TRegister> a, Pair<V, TRegister> b) =>
        new(TRegister.Multiply(a._a, b._a), TRegister.Multiply(a._b, b._b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pair<V, TRegister> operator /(Pair<V, TRegister> a, Pair<V, TRegister> b) =>
        new(TRegister.Divide(a._a, b._a), TRegister.Divide(a._b, b._b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pair<V, TRegister> MultiplyAdd(Pair<V, TRegister> a, Pair<V, TRegister> b, Pair<V, TRegister> c) =>
        new(TRegister.MultiplyAdd(a._a, b._a, c._a), TRegister.MultiplyAdd(a._b, b._b, c._b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pair<V, TRegister> operator &(Pair<V, TRegister> a, Pair<V, TRegister> b) =>
        new(TRegister.And(a._a, b._a), TRegister.And(a._b, b._b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pair<V, TRegister> operator |(Pair<V, TRegister> a, Pair<V, TRegister> b) =>
        new(TRegister.Or(a._a, b._a), TRegister.Or(a._b, b._b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pair<V, TRegister> operator <(Pair<V, TRegister> a, Pair<V, TRegister> b) =>
        new(TRegister.Less(a._a, b._a), TRegister.Less(a._b, b._b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pair<V, TRegister> operator >(Pair<V, TRegister> a, Pair<V, TRegister> b) =>
        new(TRegister.Greater(a._a, b._a), TRegister.Greater(a._b, b._b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pair<V, TRegister> Equal(Pair<V, TRegister> a, Pair<V, TRegister> b) =>
        new(TRegister.Equal(a._a, b._a), TRegister.Equal(a._b, b._b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pair<V, TRegister> NotEqual(Pair<V, TRegister> a, Pair<V, TRegister> b) =>
        new(TRegister.NotEqual(a._a, b._a), TRegister.NotEqual(a._b, b._b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pair<V, TRegister> Smaller(Pair<V, TRegister> a, Pair<V, TRegister> b) =>
        new(TRegister.Smaller(a._a, b._a), TRegister.Smaller(a._b, b._b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pair<V, TRegister> Larger(Pair<V, TRegister> a, Pair<V, TRegister> b) =>
        new(TRegister.Larger(a._a, b._a), TRegister.Larger(a._b, b._b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pair<V, TRegister> Choose(Pair<V, TRegister> mask, Pair<V, TRegister> a, Pair<V, TRegister> b) =>
        new(TRegister.Choose(mask._a, a._a, b._a), TRegister.Choose(mask._b, a._b, b._b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pair<V, TRegister> Limit(Pair<V, TRegister> value, Pair<V, TRegister> top) =>
        new(TRegister.Limit(value._a, top._a), TRegister.Limit(value._b, top._b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pair<V, TRegister> Abs(Pair<V, TRegister> value) => new(TRegister.Abs(value._a), TRegister.Abs(value._b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pair<V, TRegister> Sqrt(Pair<V, TRegister> value) => new(TRegister.Sqrt(value._a), TRegister.Sqrt(value._b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pair<V, TRegister> Round(Pair<V, TRegister> value) => new(TRegister.Round(value._a), TRegister.Round(value._b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pair<V, TRegister> Floor(Pair<V, TRegister> value) => new(TRegister.Floor(value._a), TRegister.Floor(value._b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pair<V, TRegister> NearestInt(Pair<V, TRegister> value) =>
        new(TRegister.NearestInt(value._a), TRegister.NearestInt(value._b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pair<V, TRegister> UnevenIndex(Pair<V, TRegister> value) =>
        new(TRegister.UnevenIndex(value._a), TRegister.UnevenIndex(value._b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pair<V, TRegister> UnevenValue(Pair<V, TRegister> value) =>
        new(TRegister.UnevenValue(value._a), TRegister.UnevenValue(value._b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Pair<V, TRegister> Low, Pair<V, TRegister> High) UnevenNeighbours(Pair<V, TRegister> value)
    {
        (V lowA, V highA) = TRegister.UnevenNeighbours(value._a);
        (V lowB, V highB) = TRegister.UnevenNeighbours(value._b);
        return (new(lowA, lowB), new(highA, highB));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pair<V, TRegister> OddOfThree(Pair<V, TRegister> codes, int bit) => new(TRegister.OddOfThree(codes._a, bit), TRegister.OddOfThree(codes._b, bit));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Pair<V, TRegister> OddOfEight(Pair<V, TRegister> codes, int bit) => new(TRegister.OddOfEight(codes._a, bit), TRegister.OddOfEight(codes._b, bit));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Largest(Pair<V, TRegister> value) => TRegister.Largest(TRegister.Larger(value._a, value._b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Bits(Pair<V, TRegister> mask) => TRegister.Bits(mask._a) | ((ulong)TRegister.Bits(mask._b) << TRegister.Count);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Any(Pair<V, TRegister> mask) => TRegister.Bits(TRegister.Or(mask._a, mask._b)) != 0;
}
