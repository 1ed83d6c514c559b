using System.Runtime.CompilerServices;

namespace ModelPort.Kernels.Lanes;

/// <summary>Lanes in one register, for loops that keep many of them.</summary>
/// <typeparam name="V">The register.</typeparam>
/// <typeparam name="TRegister">Its operations.</typeparam>
internal readonly unsafe struct One<V, TRegister>(V lanes) : ILanes<One<V, TRegister>>
    where V : struct
    where TRegister : struct, IRegister<V>
{
    private readonly V _lanes = lanes;

    public static int Count => TRegister.Count;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static One<V, TRegister> Broadcast(float value) => new(TRegister.Broadcast(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static One<V, TRegister> BroadcastCode(uint code) => new(TRegister.BroadcastCode(code));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static One<V, TRegister> Sequence() => new(TRegister.Sequence());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static One<V, TRegister> LoadCodes(ushort* source) => new(TRegister.LoadCodes(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static One<V, TRegister> Load(float* source) => new(TRegister.Load(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(float* destination, One<V, TRegister> value) => TRegister.Store(destination, value._lanes);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreBytes(byte* destination, One<V, TRegister> value) => TRegister.StoreBytes(destination, value._lanes);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static One<V, TRegister> operator +(One<V, TRegister> a, One<V, TRegister> b) => new(TRegister.Add(a._lanes, b._lanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static One<V, TRegister> operator -(One<V, TRegister> a, One<V, TRegister> b) => new(TRegister.Subtract(a._lanes, b._lanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static One<V, TRegister> operator *(One<V, TRegister> a, One<V, TRegister> b) => new(TRegister.Multiply(a._lanes, b._lanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static One<V, TRegister> operator /(One<V, TRegister> a, One<V, TRegister> b) => new(TRegister.Divide(a._lanes, b._lanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static One<V, TRegister> MultiplyAdd(One<V, TRegister> a, One<V, TRegister> b, One<V, TRegister> c) =>
        new(TRegister.MultiplyAdd(a._lanes, b._lanes, c._lanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static One<V, TRegister> operator &(One<V, TRegister> a, One<V, TRegister> b) => new(TRegister.And(a._lanes, b._lanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static One<V, TRegister> operator |(One<V, TRegister> a, One<V, TRegister> b) => new(TRegister.Or(a._lanes, b._lanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static One<V, TRegister> operator <(One<V, TRegister> a, One<V, TRegister> b) => new(TRegister.Less(a._lanes, b._lanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static One<V, TRegister> operator >(One<V, TRegister> a, One<V, TRegister> b) =>
        new(TRegister.Greater(a._lanes, b._lanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static One<V, TRegister> Equal(One<V, TRegister> a, One<V, TRegister> b) => new(TRegister.Equal(a._lanes, b._lanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static One<V, TRegister> NotEqual(One<V, TRegister> a, One<V, TRegister> b) => new(TRegister.NotEqual(a._lanes, b._lanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static One<V, TRegister> Smaller(One<V, TRegister> a, One<V, TRegister> b) => new(TRegister.Smaller(a._lanes, b._lanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static One<V, TRegister> Larger(One<V, TRegister> a, One<V, TRegister> b) => new(TRegister.Larger(a._lanes, b._lanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static One<V, TRegister> Choose(One<V, TRegister> mask, One<V, TRegister> a, One<V, TRegister> b) =>
        new(TRegister.Choose(mask._lanes, a._lanes, b._lanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static One<V, TRegister> Limit(One<V, TRegister> value, One<V, TRegister> top) =>
        new(TRegister.Limit(value._lanes, top._lanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static One<V, TRegister> Abs(One<V, TRegister> value) => new(TRegister.Abs(value._lanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static One<V, TRegister> Sqrt(One<V, TRegister> value) => new(TRegister.Sqrt(value._lanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static One<V, TRegister> Round(One<V, TRegister> value) => new(TRegister.Round(value._lanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static One<V, TRegister> Floor(One<V, TRegister> value) => new(TRegister.Floor(value._lanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static One<V, TRegister> NearestInt(One<V, TRegister> value) => new(TRegister.NearestInt(value._lanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static One<V, TRegister> UnevenIndex(One<V, TRegister> value) => new(TRegister.UnevenIndex(value._lanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static One<V, TRegister> UnevenValue(One<V, TRegister> value) => new(TRegister.UnevenValue(value._lanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (One<V, TRegister> Low, One<V, TRegister> High) UnevenNeighbours(One<V, TRegister> value)
    {
        (V low, V high) = TRegister.UnevenNeighbours(value._lanes);
        return (new(low), new(high));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static One<V, TRegister> OddOfThree(One<V, TRegister> codes, int bit) => new(TRegister.OddOfThree(codes._lanes, bit));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static One<V, TRegister> OddOfEight(One<V, TRegister> codes, int bit) => new(TRegister.OddOfEight(codes._lanes, bit));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Largest(One<V, TRegister> value) => TRegister.Largest(value._lanes);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Bits(One<V, TRegister> mask) => TRegister.Bits(mask._lanes);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Any(One<V, TRegister> mask) => TRegister.Bits(mask._lanes) != 0;
}
