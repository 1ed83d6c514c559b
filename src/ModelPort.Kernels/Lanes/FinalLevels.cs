using System.Runtime.CompilerServices;

namespace ModelPort.Kernels.Lanes;

/// <summary>The levels of a block under the scales that a decoder will see. A group whose scale is zero keeps the levels of its search.</summary>
/// <typeparam name="T">Lanes along the values: no more than a group has.</typeparam>
internal static unsafe class FinalLevels<T>
    where T : struct, ILanes<T>
{
    /// <summary>level = round((x + minimum) / scale) in [0, top].</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Affine(int groups, int size, int top, float* x, in AffineFound found, Span<byte> quants)
    {
        T zero = T.Broadcast(0f), highest = T.Broadcast(top);
        fixed (byte* to = quants)
        {
            for (int j = 0; j < groups; j++)
            {
                bool kept = found.Scale[j] == 0;
                T offset = T.Broadcast(kept ? -found.Base[j] : found.Minimum[j]);
                T factor = T.Broadcast(kept ? found.Inverse[j] : found.Scale[j]);
                for (int i = j * size; i < (j + 1) * size; i += T.Count)
                {
                    T shifted = T.Load(x + i) + offset;
                    T l = T.NearestInt(kept ? shifted * factor : shifted / factor);
                    T.StoreBytes(to + i, T.Larger(zero, T.Smaller(highest, l)));
                }
            }
        }
    }

    /// <summary>level = round(x / scale) in [-levels, levels), plus levels.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Symmetric(int groups, int size, int levels, float* x, in SymmetricFound found, Span<byte> quants)
    {
        T low = T.Broadcast(-levels), high = T.Broadcast(levels - 1);
        fixed (byte* to = quants)
        {
            for (int j = 0; j < groups; j++)
            {
                bool kept = found.Scale[j] == 0;
                T center = T.Broadcast(kept ? found.Center[j] : levels);
                T factor = T.Broadcast(kept ? found.Inverse[j] : found.Scale[j]);
                for (int i = j * size; i < (j + 1) * size; i += T.Count)
                {
                    T xi = T.Load(x + i);
                    T l = T.NearestInt(kept ? xi * factor : xi / factor);
                    T.StoreBytes(to + i, T.Larger(low, T.Smaller(high, l)) + center);
                }
            }
        }
    }

    /// <summary>Index of the entry nearest to inverse * x.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Uneven(int groups, int size, float* x, ReadOnlySpan<float> inverses, Span<byte> quants)
    {
        fixed (byte* to = quants)
        {
            for (int j = 0; j < groups; j++)
            {
                T factor = T.Broadcast(inverses[j]);
                for (int i = j * size; i < (j + 1) * size; i += T.Count)
                {
                    T.StoreBytes(to + i, T.UnevenIndex(factor * T.Load(x + i)));
                }
            }
        }
    }
}
