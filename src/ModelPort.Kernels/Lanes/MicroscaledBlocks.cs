using System.Runtime.CompilerServices;
using ModelPort.Kernels.Blocks;

namespace ModelPort.Kernels.Lanes;

/// <summary><see cref="Scalar.MicroscaledBlocks"/> with the lanes along the values: MXFP4.</summary>
/// <remarks>The distances that the definition compares are exact near the midpoints, so a magnitude's level is the number of midpoints below it.</remarks>
/// <typeparam name="T">Lanes along the values: 32 at most.</typeparam>
internal static unsafe class MicroscaledBlocks<T>
    where T : struct, ILanes<T>
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    internal static void Quantize(float* x, int blocks, Span<byte> destination)
    {
        byte* levels = stackalloc byte[MicroscaledFormat.Size];
        T zero = T.Broadcast(0f), minus = T.Broadcast(8f);
        for (int b = 0; b < blocks; b++, x += MicroscaledFormat.Size)
        {
            T largest = zero;
            for (int i = 0; i < MicroscaledFormat.Size; i += T.Count)
            {
                largest = T.Larger(largest, T.Abs(T.Load(x + i)));
            }

            byte exponent = MicroscaledFormat.Exponent(T.Largest(largest));
            float scale = MicroscaledFormat.HalfScale(exponent);
            for (int i = 0; i < MicroscaledFormat.Size; i += T.Count)
            {
                T xi = T.Load(x + i), magnitude = T.Abs(xi);
                T level = T.Choose(magnitude > T.Broadcast(0.5f * scale), T.Broadcast(1f), zero);
                level = T.Choose(magnitude > T.Broadcast(1.5f * scale), T.Broadcast(2f), level);
                level = T.Choose(magnitude > T.Broadcast(2.5f * scale), T.Broadcast(3f), level);
                level = T.Choose(magnitude > T.Broadcast(3.5f * scale), T.Broadcast(4f), level);
                level = T.Choose(magnitude > T.Broadcast(5f * scale), T.Broadcast(5f), level);
                level = T.Choose(magnitude > T.Broadcast(7f * scale), T.Broadcast(6f), level);
                level = T.Choose(magnitude > T.Broadcast(10f * scale), T.Broadcast(7f), level);
                T.StoreBytes(levels + i, T.Choose((xi < zero) & (level > zero), level + minus, level));
            }

            MicroscaledFormat.Write(destination.Slice(b * MicroscaledFormat.Bytes, MicroscaledFormat.Bytes), exponent, new ReadOnlySpan<byte>(levels, MicroscaledFormat.Size));
        }
    }
}
