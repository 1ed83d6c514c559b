using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using ModelPort.Kernels.Blocks;

namespace ModelPort.Kernels.Lanes;

/// <summary>Quantises with the widest lanes that the processor runs at full speed.</summary>
internal static class LaneQuantizer
{
    /// <summary>False when the processor has no fast lanes.</summary>
    internal static bool TryQuantize(BlockType type, ReadOnlySpan<float> rows, int rowLength, ReadOnlySpan<float> importance, Span<byte> destination)
    {
        if (Vector512.IsHardwareAccelerated)
        {
            LaneQuantizer<Lanes32, Lanes16>.Quantize(type, rows, rowLength, importance, destination);
        }
        else if (Vector256.IsHardwareAccelerated)
        {
            LaneQuantizer<Lanes16, Lanes16>.Quantize(type, rows, rowLength, importance, destination);
        }
        else if (Vector128.IsHardwareAccelerated)
        {
            LaneQuantizer<Lanes8, Lanes8>.Quantize(type, rows, rowLength, importance, destination);
        }
        else
        {
            return false;
        }

        return true;
    }
}

/// <summary>Quantises with lanes of one width.</summary>
/// <typeparam name="T">Lanes of the searches.</typeparam>
/// <typeparam name="TAlong">Lanes along the values: 16 at most.</typeparam>
internal static unsafe class LaneQuantizer<T, TAlong>
    where T : struct, ILanes<T>
    where TAlong : struct, ILanes<TAlong>
{
    /// <summary>Quantises rows; lengths are checked by the caller.</summary>
    internal static void Quantize(BlockType type, ReadOnlySpan<float> rows, int rowLength, ReadOnlySpan<float> importance, Span<byte> destination)
    {
        int elements = BlockQuantizer.BlockElements(type), bytes = BlockQuantizer.BlockBytes(type), blocks = rows.Length / elements;
        fixed (float* x = rows)
        fixed (byte* to = destination)
        {
            switch (type)
            {
                case BlockType.Q8_0:
                    PlainBlocks<TAlong>.Q8_0(x, blocks, to);
                    return;
                case BlockType.MXFP4:
                    MicroscaledBlocks<TAlong>.Quantize(x, blocks, destination);
                    return;
                case BlockType.TQ1_0 or BlockType.TQ2_0:
                    TernaryBlocks<TAlong>.Quantize(type, x, blocks, destination);
                    return;
                case BlockType.Q4_0 or BlockType.Q5_0 when importance.IsEmpty:
                    PlainBlocks<TAlong>.Symmetric(SmallFormat.Of(type), x, blocks, destination);
                    return;
                case BlockType.Q4_1 or BlockType.Q5_1 when importance.IsEmpty:
                    PlainBlocks<TAlong>.Affine(SmallFormat.Of(type), x, blocks, destination);
                    return;
                case BlockType.Q4_0 or BlockType.Q4_1 or BlockType.Q5_0 or BlockType.Q5_1:
                    Small(SmallFormat.Of(type), x, rows.Length / rowLength, rowLength, importance, destination);
                    return;
            }

            for (int b = 0; b < blocks; b += T.Count)
            {
                var batch = new Batch(x + ((nint)b * elements), Math.Min(T.Count, blocks - b), b, importance, destination[(b * bytes)..]);
                switch (type)
                {
                    case BlockType.Q6_K:
                        SymmetricBlocks<T, TAlong>.Q6_K(batch);
                        break;
                    case BlockType.Q3_K:
                        SymmetricBlocks<T, TAlong>.Q3_K(batch);
                        break;
                    case BlockType.IQ4_NL or BlockType.IQ4_XS:
                        UnevenBlocks<T, TAlong>.Quantize(type, batch);
                        break;
                    case BlockType.IQ2_XXS or BlockType.IQ2_XS or BlockType.IQ2_S or BlockType.IQ3_XXS or BlockType.IQ3_S:
                        Grid(GridFormat.Of(type), batch);
                        break;
                    default:
                        AffineBlocks<T, TAlong>.Quantize(AffineFormat.Of(type), batch);
                        break;
                }
            }
        }
    }

    private static void Grid(GridFormat format, Batch batch)
    {
        if (T.Count == Lanes32.Count)
        {
            GridBlocks<T, Register512>.Quantize(format, batch);
        }
        else if (T.Count == Lanes16.Count)
        {
            GridBlocks<T, Register256>.Quantize(format, batch);
        }
        else
        {
            GridBlocks<T, Register128>.Quantize(format, batch);
        }
    }

    /// <summary>The small types with importance need the mean square of each row: as many rows at a time as there are lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    private static void Small(SmallFormat format, float* x, int rows, int rowLength, ReadOnlySpan<float> importance, Span<byte> destination)
    {
        int blocksPerRow = rowLength / 32;
        float* meanSquares = stackalloc float[2 * T.Count];
        float* ofBlocks = meanSquares + T.Count;
        for (int row = 0; row < rows; row += T.Count)
        {
            int first = row * blocksPerRow, end = Math.Min(rows, row + T.Count) * blocksPerRow;
            LaneSource<T>.SumsOfSquares(x + ((nint)row * rowLength), Math.Min(T.Count, rows - row), rowLength, meanSquares);
            for (int b = first; b < end; b += T.Count)
            {
                for (int lane = 0; lane < T.Count; lane++)
                {
                    ofBlocks[lane] = meanSquares[Math.Min(b + lane, end - 1) / blocksPerRow - row] / rowLength;
                }

                var batch = new Batch(x + ((nint)b * 32), Math.Min(T.Count, end - b), b, importance, destination[(b * format.Bytes)..]);
                SmallBlocks<T, TAlong>.Quantize(format, batch, ofBlocks);
            }
        }
    }
}
