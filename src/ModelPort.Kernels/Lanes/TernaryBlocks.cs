using System.Runtime.CompilerServices;
using ModelPort.Kernels.Blocks;

namespace ModelPort.Kernels.Lanes;

/// <summary><see cref="Scalar.TernaryBlocks"/> with the lanes along the values: TQ1_0, TQ2_0.</summary>
/// <typeparam name="T">The lanes.</typeparam>
internal static unsafe class TernaryBlocks<T>
    where T : struct, ILanes<T>
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    internal static void Quantize(BlockType type, float* x, int blocks, Span<byte> destination)
    {
        int bytes = BlockQuantizer.BlockBytes(type);
        byte* levels = stackalloc byte[TernaryFormat.Elements];

        // The float below one half: what lies beyond it rounds away from zero.
        T zero = T.Broadcast(0f), one = T.Broadcast(1f), two = T.Broadcast(2f), up = T.Broadcast(0.49999997f), down = zero - up;
        for (int b = 0; b < blocks; b++, x += TernaryFormat.Elements)
        {
            T largest = zero;
            for (int i = 0; i < TernaryFormat.Elements; i += T.Count)
            {
                largest = T.Larger(largest, T.Abs(T.Load(x + i)));
            }

            float d = T.Largest(largest);
            T inverse = T.Broadcast(TernaryFormat.Inverse(d));
            for (int i = 0; i < TernaryFormat.Elements; i += T.Count)
            {
                T scaled = T.Load(x + i) * inverse;
                T.StoreBytes(levels + i, T.Choose(scaled > up, two, T.Choose(scaled < down, zero, one)));
            }

            TernaryFormat.Write(type, destination.Slice(b * bytes, bytes), d, new ReadOnlySpan<byte>(levels, TernaryFormat.Elements));
        }
    }
}
