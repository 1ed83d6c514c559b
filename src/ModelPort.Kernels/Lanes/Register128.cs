using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace ModelPort.Kernels.Lanes;

/// <summary>Four lanes in a register of 128 bits.</summary>
internal readonly unsafe struct Register128 : IRegister<Vector128<float>>
{
    public static int Count => Vector128<float>.Count;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Broadcast(float value) => Vector128.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> BroadcastCode(uint code) => Vector128.Create(code).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Sequence() => Vector128.CreateSequence(0f, 1f);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> LoadCodes(ushort* source) =>
        Vector128.WidenLower(Vector128.CreateScalarUnsafe(Unsafe.ReadUnaligned<ulong>(source)).AsUInt16()).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Load(float* source) => Vector128.Load(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(float* destination, Vector128<float> value) => value.Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreBytes(byte* destination, Vector128<float> value)
    {
        Vector128<short> words = Words(value, value);
        Unsafe.WriteUnaligned(destination, Vector128.NarrowWithSaturation(words, words).AsUInt32().ToScalar());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreBytes(byte* destination, Vector128<float> low, Vector128<float> high)
    {
        Vector128<short> words = Words(low, high);
        Unsafe.WriteUnaligned(destination, Vector128.NarrowWithSaturation(words, words).AsUInt64().ToScalar());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Add(Vector128<float> a, Vector128<float> b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Subtract(Vector128<float> a, Vector128<float> b) => a - b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Multiply(Vector128<float> a, Vector128<float> b) => a * b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Divide(Vector128<float> a, Vector128<float> b) => a / b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> MultiplyAdd(Vector128<float> a, Vector128<float> b, Vector128<float> c) => Vector128.MultiplyAddEstimate(a, b, c);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> And(Vector128<float> a, Vector128<float> b) => a & b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Or(Vector128<float> a, Vector128<float> b) => a | b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Less(Vector128<float> a, Vector128<float> b) => Vector128.LessThan(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Greater(Vector128<float> a, Vector128<float> b) => Vector128.GreaterThan(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Equal(Vector128<float> a, Vector128<float> b) => Vector128.Equals(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> NotEqual(Vector128<float> a, Vector128<float> b) => ~Vector128.Equals(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Smaller(Vector128<float> a, Vector128<float> b) => Sse.IsSupported ? Vector128.MinNative(a, b) : Choose(Less(a, b), a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Larger(Vector128<float> a, Vector128<float> b) => Sse.IsSupported ? Vector128.MaxNative(a, b) : Choose(Greater(a, b), a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Choose(Vector128<float> mask, Vector128<float> a, Vector128<float> b) => Sse41.IsSupported ? Sse41.BlendVariable(b, a, mask) : Vector128.ConditionalSelect(mask, a, b);

    // Floats of one sign compare as their bits do, and integers use other units of the processor than sums.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Limit(Vector128<float> value, Vector128<float> top) =>
        Vector128.Max(Vector128.Min(value.AsInt32(), top.AsInt32()), Vector128<int>.Zero).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Abs(Vector128<float> value) => Vector128.Abs(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Sqrt(Vector128<float> value) => Vector128.Sqrt(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Round(Vector128<float> value) => Vector128.Round(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Floor(Vector128<float> value) => Vector128.Floor(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> NearestInt(Vector128<float> value)
    {
        Vector128<int> bits = (value + Vector128.Create(Scalar.NearestInt.Magic)).AsInt32();
        return Vector128.ConvertToSingle((bits & Vector128.Create(Scalar.NearestInt.MantissaMask)) - Vector128.Create(Scalar.NearestInt.Bias));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> UnevenIndex(Vector128<float> value) => UnevenTable.Index(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> UnevenValue(Vector128<float> value) => UnevenTable.Value(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector128<float> Low, Vector128<float> High) UnevenNeighbours(Vector128<float> value) => UnevenTable.Neighbours(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> OddOfThree(Vector128<float> codes, int bit) => Avx.IsSupported
        ? Avx.PermuteVar(Vector128.Create(1f, 3f, 5f, 7f), codes.AsInt32() >> bit)
        : Odd(codes, bit, 3);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> OddOfEight(Vector128<float> codes, int bit) => Odd(codes, bit, 7);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Largest(Vector128<float> value)
    {
        Vector128<float> larger = Vector128.MaxNative(value, Vector128.Shuffle(value, Vector128.Create(2, 3, 0, 1)));
        return Vector128.MaxNative(larger, Vector128.Shuffle(larger, Vector128.Create(1, 0, 3, 2))).ToScalar();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Bits(Vector128<float> mask) => mask.ExtractMostSignificantBits();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Odd(Vector128<float> codes, int bit, int mask) =>
        Vector128.ConvertToSingle((((codes.AsInt32() >> bit) & Vector128.Create(mask)) << 1) | Vector128<int>.One);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<short> Words(Vector128<float> low, Vector128<float> high) =>
        Vector128.NarrowWithSaturation(Vector128.ConvertToInt32Native(low), Vector128.ConvertToInt32Native(high));
}
