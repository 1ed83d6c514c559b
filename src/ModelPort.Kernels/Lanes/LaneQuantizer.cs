using System.Runtime.Intrinsics;
using ModelPort.Kernels.Blocks;

namespace ModelPort.Kernels.Lanes;

/// <summary>Quantises with the widest lanes that the processor runs at full speed.</summary>
internal static unsafe class LaneQuantizer
{
    /// <summary>False when there is no kernel for the type, or no hardware for any kernel.</summary>
    internal static bool TryQuantize(BlockType type, ReadOnlySpan<float> rows, ReadOnlySpan<float> importance, Span<byte> destination)
    {
        if (Vector512.IsHardwareAccelerated)
        {
            return LaneQuantizer<Lanes32, Lanes16>.TryQuantize(type, rows, importance, destination);
        }

        if (Vector256.IsHardwareAccelerated)
        {
            return LaneQuantizer<Lanes16, Lanes16>.TryQuantize(type, rows, importance, destination);
        }

        return Vector128.IsHardwareAccelerated && LaneQuantizer<Lanes8, Lanes8>.TryQuantize(type, rows, importance, destination);
    }
}

/// <summary>Quantises with lanes of one width.</summary>
/// <typeparam name="T">Lanes of the searches.</typeparam>
/// <typeparam name="TAlong">Lanes along the values: 16 at most.</typeparam>
internal static unsafe class LaneQuantizer<T, TAlong>
    where T : struct, ILanes<T>
    where TAlong : struct, ILanes<TAlong>
{
    /// <summary>False when there is no kernel for the type.</summary>
    internal static bool TryQuantize(BlockType type, ReadOnlySpan<float> rows, ReadOnlySpan<float> importance, Span<byte> destination)
    {
        if (type is not (BlockType.Q2_K or BlockType.Q4_K or BlockType.Q5_K))
        {
            return false;
        }

        AffineFormat format = AffineFormat.Of(type);
        int batch = T.Count, blocks = rows.Length / AffineFormat.Elements, bytes = BlockQuantizer.BlockBytes(type);
        fixed (float* x = rows)
        {
            for (int b = 0; b < blocks; b += batch)
            {
                AffineBlocks<T, TAlong>.Quantize(format, x + ((nint)b * AffineFormat.Elements), Math.Min(batch, blocks - b), importance, b, destination[(b * bytes)..]);
            }
        }

        return true;
    }
}
