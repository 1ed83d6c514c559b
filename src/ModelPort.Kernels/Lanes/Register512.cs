using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace ModelPort.Kernels.Lanes;

/// <summary>Sixteen lanes in a register of 512 bits.</summary>
internal readonly unsafe struct Register512 : IRegister<Vector512<float>>
{
    public static int Count => Vector512<float>.Count;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Broadcast(float value) => Vector512.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> BroadcastCode(uint code) => Vector512.Create(code).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Sequence() => Vector512.CreateSequence(0f, 1f);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> LoadCodes(ushort* source)
    {
        Vector256<ushort> codes = Vector256.Load(source);
        return Avx512F.IsSupported
            ? Avx512F.ConvertToVector512Int32(codes).AsSingle()
            : Vector512.Create(Vector256.WidenLower(codes), Vector256.WidenUpper(codes)).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(float* source) => Vector512.Load(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(float* destination, Vector512<float> value) => value.Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreBytes(byte* destination, Vector512<float> value)
    {
        Vector512<short> words = Words(value, value);
        Vector128.NarrowWithSaturation(words.GetLower().GetLower(), words.GetLower().GetUpper()).AsByte().Store(destination);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreBytes(byte* destination, Vector512<float> low, Vector512<float> high)
    {
        Vector512<short> words = Words(low, high);
        Vector256.NarrowWithSaturation(words.GetLower(), words.GetUpper()).AsByte().Store(destination);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Add(Vector512<float> a, Vector512<float> b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Subtract(Vector512<float> a, Vector512<float> b) => a - b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Multiply(Vector512<float> a, Vector512<float> b) => a * b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Divide(Vector512<float> a, Vector512<float> b) => a / b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> MultiplyAdd(Vector512<float> a, Vector512<float> b, Vector512<float> c) => Vector512.MultiplyAddEstimate(a, b, c);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> And(Vector512<float> a, Vector512<float> b) => a & b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Or(Vector512<float> a, Vector512<float> b) => a | b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Less(Vector512<float> a, Vector512<float> b) => Vector512.LessThan(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Greater(Vector512<float> a, Vector512<float> b) => Vector512.GreaterThan(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Equal(Vector512<float> a, Vector512<float> b) => Vector512.Equals(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> NotEqual(Vector512<float> a, Vector512<float> b) => ~Vector512.Equals(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Smaller(Vector512<float> a, Vector512<float> b) => Sse.IsSupported ? Vector512.MinNative(a, b) : Choose(Less(a, b), a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Larger(Vector512<float> a, Vector512<float> b) => Sse.IsSupported ? Vector512.MaxNative(a, b) : Choose(Greater(a, b), a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Choose(Vector512<float> mask, Vector512<float> a, Vector512<float> b) => Vector512.ConditionalSelect(mask, a, b);

    // Floats of one sign compare as their bits do, and integers use other units of the processor than sums.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Limit(Vector512<float> value, Vector512<float> top) =>
        Vector512.Max(Vector512.Min(value.AsInt32(), top.AsInt32()), Vector512<int>.Zero).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Abs(Vector512<float> value) => Vector512.Abs(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Sqrt(Vector512<float> value) => Vector512.Sqrt(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Round(Vector512<float> value) => Vector512.Round(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Floor(Vector512<float> value) => Vector512.Floor(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> NearestInt(Vector512<float> value)
    {
        Vector512<int> bits = (value + Vector512.Create(Scalar.NearestInt.Magic)).AsInt32();
        return Vector512.ConvertToSingle((bits & Vector512.Create(Scalar.NearestInt.MantissaMask)) - Vector512.Create(Scalar.NearestInt.Bias));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> UnevenIndex(Vector512<float> value) => UnevenTable.Index(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> UnevenValue(Vector512<float> value) => UnevenTable.Value(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector512<float> Low, Vector512<float> High) UnevenNeighbours(Vector512<float> value) => UnevenTable.Neighbours(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> OddOfThree(Vector512<float> codes, int bit) => Avx512F.IsSupported
        ? Avx512F.PermuteVar4x32(Vector512.Create(1f, 3f, 5f, 7f, 1f, 3f, 5f, 7f, 1f, 3f, 5f, 7f, 1f, 3f, 5f, 7f), codes.AsInt32() >> bit)
        : Odd(codes, bit, 3);

    // The table stands twice, as the permute reads one bit more.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> OddOfEight(Vector512<float> codes, int bit) => Avx512F.IsSupported
        ? Avx512F.PermuteVar16x32(Vector512.Create(1f, 3f, 5f, 7f, 9f, 11f, 13f, 15f, 1f, 3f, 5f, 7f, 9f, 11f, 13f, 15f), codes.AsInt32() >> bit)
        : Odd(codes, bit, 7);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Largest(Vector512<float> value) => Register256.Largest(Vector256.MaxNative(value.GetLower(), value.GetUpper()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Bits(Vector512<float> mask) => (uint)mask.ExtractMostSignificantBits();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Odd(Vector512<float> codes, int bit, int mask) =>
        Vector512.ConvertToSingle((((codes.AsInt32() >> bit) & Vector512.Create(mask)) << 1) | Vector512<int>.One);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<short> Words(Vector512<float> low, Vector512<float> high) =>
        Vector512.NarrowWithSaturation(Vector512.ConvertToInt32Native(low), Vector512.ConvertToInt32Native(high));
}
