using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace ModelPort.Kernels.Lanes;

/// <summary>Eight lanes in a register of 256 bits.</summary>
internal readonly unsafe struct Register256 : IRegister<Vector256<float>>
{
    public static int Count => Vector256<float>.Count;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Broadcast(float value) => Vector256.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> BroadcastCode(uint code) => Vector256.Create(code).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Sequence() => Vector256.CreateSequence(0f, 1f);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> LoadCodes(ushort* source)
    {
        Vector128<ushort> codes = Vector128.Load(source);
        return Avx2.IsSupported
            ? Avx2.ConvertToVector256Int32(codes).AsSingle()
            : Vector256.Create(Vector128.WidenLower(codes), Vector128.WidenUpper(codes)).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Load(float* source) => Vector256.Load(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(float* destination, Vector256<float> value) => value.Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreBytes(byte* destination, Vector256<float> value)
    {
        Vector256<short> words = Words(value, value);
        Unsafe.WriteUnaligned(destination, Vector128.NarrowWithSaturation(words.GetLower(), words.GetLower()).AsUInt64().ToScalar());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreBytes(byte* destination, Vector256<float> low, Vector256<float> high)
    {
        Vector256<short> words = Words(low, high);
        Vector128.NarrowWithSaturation(words.GetLower(), words.GetUpper()).AsByte().Store(destination);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Add(Vector256<float> a, Vector256<float> b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Subtract(Vector256<float> a, Vector256<float> b) => a - b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Multiply(Vector256<float> a, Vector256<float> b) => a * b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Divide(Vector256<float> a, Vector256<float> b) => a / b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> MultiplyAdd(Vector256<float> a, Vector256<float> b, Vector256<float> c) => Vector256.MultiplyAddEstimate(a, b, c);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> And(Vector256<float> a, Vector256<float> b) => a & b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Or(Vector256<float> a, Vector256<float> b) => a | b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Less(Vector256<float> a, Vector256<float> b) => Vector256.LessThan(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Greater(Vector256<float> a, Vector256<float> b) => Vector256.GreaterThan(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Equal(Vector256<float> a, Vector256<float> b) => Vector256.Equals(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> NotEqual(Vector256<float> a, Vector256<float> b) => ~Vector256.Equals(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Smaller(Vector256<float> a, Vector256<float> b) => Sse.IsSupported ? Vector256.MinNative(a, b) : Choose(Less(a, b), a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Larger(Vector256<float> a, Vector256<float> b) => Sse.IsSupported ? Vector256.MaxNative(a, b) : Choose(Greater(a, b), a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Choose(Vector256<float> mask, Vector256<float> a, Vector256<float> b) => Avx.IsSupported ? Avx.BlendVariable(b, a, mask) : Vector256.ConditionalSelect(mask, a, b);

    // Floats of one sign compare as their bits do, and integers use other units of the processor than sums.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Limit(Vector256<float> value, Vector256<float> top) =>
        Vector256.Max(Vector256.Min(value.AsInt32(), top.AsInt32()), Vector256<int>.Zero).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Abs(Vector256<float> value) => Vector256.Abs(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Sqrt(Vector256<float> value) => Vector256.Sqrt(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Round(Vector256<float> value) => Vector256.Round(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Floor(Vector256<float> value) => Vector256.Floor(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> NearestInt(Vector256<float> value)
    {
        Vector256<int> bits = (value + Vector256.Create(Scalar.NearestInt.Magic)).AsInt32();
        return Vector256.ConvertToSingle((bits & Vector256.Create(Scalar.NearestInt.MantissaMask)) - Vector256.Create(Scalar.NearestInt.Bias));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> UnevenIndex(Vector256<float> value) => UnevenTable.Index(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> UnevenValue(Vector256<float> value) => UnevenTable.Value(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector256<float> Low, Vector256<float> High) UnevenNeighbours(Vector256<float> value) => UnevenTable.Neighbours(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> OddOfThree(Vector256<float> codes, int bit) => Avx.IsSupported
        ? Avx.PermuteVar(Vector256.Create(1f, 3f, 5f, 7f, 1f, 3f, 5f, 7f), codes.AsInt32() >> bit)
        : Odd(codes, bit, 3);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> OddOfEight(Vector256<float> codes, int bit) => Avx2.IsSupported
        ? Avx2.PermuteVar8x32(Vector256.Create(1f, 3f, 5f, 7f, 9f, 11f, 13f, 15f), codes.AsInt32() >> bit)
        : Odd(codes, bit, 7);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Largest(Vector256<float> value) => Register128.Largest(Vector128.MaxNative(value.GetLower(), value.GetUpper()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Bits(Vector256<float> mask) => mask.ExtractMostSignificantBits();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Odd(Vector256<float> codes, int bit, int mask) =>
        Vector256.ConvertToSingle((((codes.AsInt32() >> bit) & Vector256.Create(mask)) << 1) | Vector256<int>.One);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<short> Words(Vector256<float> low, Vector256<float> high) =>
        Vector256.NarrowWithSaturation(Vector256.ConvertToInt32Native(low), Vector256.ConvertToInt32Native(high));
}
