using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace ModelPort.Kernels.Lanes;

/// <summary>Turns rows into lanes.</summary>
internal static unsafe class Transpose
{
    /// <summary>destination[i * rows + r] = source[r * stride + i] for i below columns; rows and columns are multiples of four.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Run(float* source, int stride, int rows, int columns, float* destination)
    {
        for (int r = 0; r < rows; r += 4)
        {
            for (int i = 0; i < columns; i += 4)
            {
                float* from = source + ((nint)r * stride) + i;
                float* to = destination + ((nint)i * rows) + r;
                Vector128<float> a = Vector128.Load(from), b = Vector128.Load(from + stride);
                Vector128<float> c = Vector128.Load(from + (2 * stride)), d = Vector128.Load(from + (3 * stride));
                Vector128<float> ac0 = InterleaveLow(a, c), ac1 = InterleaveHigh(a, c), bd0 = InterleaveLow(b, d), bd1 = InterleaveHigh(b, d);
                InterleaveLow(ac0, bd0).Store(to);
                InterleaveHigh(ac0, bd0).Store(to + rows);
                InterleaveLow(ac1, bd1).Store(to + (2 * rows));
                InterleaveHigh(ac1, bd1).Store(to + (3 * rows));
            }
        }
    }

    /// <summary>The largest lane of each of four registers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector128<float> Largest(Vector128<float> a, Vector128<float> b, Vector128<float> c, Vector128<float> d)
    {
        Vector128<float> ab = Vector128.MaxNative(InterleaveLow(a, b), InterleaveHigh(a, b));
        Vector128<float> cd = Vector128.MaxNative(InterleaveLow(c, d), InterleaveHigh(c, d));
        return Sse.IsSupported
            ? Vector128.MaxNative(Sse.MoveLowToHigh(ab, cd), Sse.MoveHighToLow(cd, ab))
            : Vector128.MaxNative(Vector128.Create(ab.GetLower(), cd.GetLower()), Vector128.Create(ab.GetUpper(), cd.GetUpper()));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> InterleaveLow(Vector128<float> a, Vector128<float> b) =>
        Sse.IsSupported ? Sse.UnpackLow(a, b) : Vector128.Create(a[0], b[0], a[1], b[1]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> InterleaveHigh(Vector128<float> a, Vector128<float> b) =>
        Sse.IsSupported ? Sse.UnpackHigh(a, b) : Vector128.Create(a[2], b[2], a[3], b[3]);
}
