using System.Runtime.Intrinsics;
using ModelPort.Kernels.Blocks;

namespace ModelPort.Kernels.Lanes;

/// <summary>Quantises with the widest registers that the processor runs at full speed.</summary>
internal static class LaneQuantizer
{
    /// <summary>False when the processor has no fast registers.</summary>
    internal static bool TryQuantize(BlockType type, ReadOnlySpan<float> rows, int rowLength, ReadOnlySpan<float> importance, Span<byte> destination)
    {
        int bits = Vector512.IsHardwareAccelerated ? 512 : Vector256.IsHardwareAccelerated ? 256 : Vector128.IsHardwareAccelerated ? 128 : 0;
        if (bits != 0)
        {
            Quantize(bits, type, rows, rowLength, importance, destination);
        }

        return bits != 0;
    }

    /// <summary>With registers of 512, 256 or 128 bits, which the runtime emulates where the processor has none. 512 means 32 registers, else 16.</summary>
    internal static void Quantize(int bits, BlockType type, ReadOnlySpan<float> rows, int rowLength, ReadOnlySpan<float> importance, Span<byte> destination)
    {
        switch (bits)
        {
            case 512:
                LaneQuantizer<One<Vector512<float>, Register512>, Pair<Vector512<float>, Register512>, Pair<Vector512<float>, Register512>, Pair<Vector256<float>, Register256>, One<Vector256<float>, Register256>>
                    .Quantize(type, rows, rowLength, importance, destination);
                break;
            case 256:
                LaneQuantizer<One<Vector256<float>, Register256>, Pair<Vector256<float>, Register256>, One<Vector256<float>, Register256>, Pair<Vector256<float>, Register256>, One<Vector256<float>, Register256>>
                    .Quantize(type, rows, rowLength, importance, destination);
                break;
            default:
                LaneQuantizer<One<Vector128<float>, Register128>, Pair<Vector128<float>, Register128>, One<Vector128<float>, Register128>, Pair<Vector128<float>, Register128>, One<Vector128<float>, Register128>>
                    .Quantize(type, rows, rowLength, importance, destination);
                break;
        }
    }
}

/// <summary>Quantises with registers of one width.</summary>
/// <typeparam name="TOne">One register.</typeparam>
/// <typeparam name="TPair">Two registers.</typeparam>
/// <typeparam name="TSums">As many as leave room for the sums of three candidates at a time.</typeparam>
/// <typeparam name="TAlong">Lanes along the values: 16 at most.</typeparam>
/// <typeparam name="TFew">One register of 8 lanes at most, for searches that seldom fill more.</typeparam>
internal static unsafe class LaneQuantizer<TOne, TPair, TSums, TAlong, TFew>
    where TOne : struct, ILanes<TOne>
    where TPair : struct, ILanes<TPair>
    where TSums : struct, ILanes<TSums>
    where TAlong : struct, ILanes<TAlong>
    where TFew : struct, ILanes<TFew>
{
    /// <summary>Quantises as many blocks as the search has lanes, or fewer.</summary>
    private delegate void Kernel(BlockType type, Batch batch);

    /// <summary>Quantises rows; lengths are checked by the caller.</summary>
    internal static void Quantize(BlockType type, ReadOnlySpan<float> rows, int rowLength, ReadOnlySpan<float> importance, Span<byte> destination)
    {
        int blocks = rows.Length / BlockQuantizer.BlockElements(type);
        fixed (float* x = rows)
        fixed (byte* to = destination)
        {
            switch (type)
            {
                case BlockType.Q8_0:
                    PlainBlocks<TAlong>.Q8_0(x, blocks, to);
                    break;
                case BlockType.MXFP4:
                    MicroscaledBlocks<TAlong>.Quantize(x, blocks, destination);
                    break;
                case BlockType.TQ1_0 or BlockType.TQ2_0:
                    TernaryBlocks<TAlong>.Quantize(type, x, blocks, destination);
                    break;
                case BlockType.Q4_0 or BlockType.Q5_0 when importance.IsEmpty:
                    PlainBlocks<TAlong>.Symmetric(SmallFormat.Of(type), x, blocks, destination);
                    break;
                case BlockType.Q4_1 or BlockType.Q5_1 when importance.IsEmpty:
                    PlainBlocks<TAlong>.Affine(SmallFormat.Of(type), x, blocks, destination);
                    break;
                case BlockType.Q4_0 or BlockType.Q5_0:
                    SmallBlocks<TSums, TAlong>.Quantize(SmallFormat.Of(type), x, rows.Length / rowLength, rowLength, importance, destination);
                    break;
                case BlockType.Q4_1 or BlockType.Q5_1:
                    SmallBlocks<TPair, TAlong>.Quantize(SmallFormat.Of(type), x, rows.Length / rowLength, rowLength, importance, destination);
                    break;
                case BlockType.Q3_K or BlockType.Q6_K:
                    InBatches(SymmetricBlocks<TSums, TOne, TAlong>.Quantize, TSums.Count, type, x, blocks, importance, destination);
                    break;
                case BlockType.IQ4_NL or BlockType.IQ4_XS:
                    InBatches(UnevenBlocks<TSums, TAlong>.Quantize, TSums.Count, type, x, blocks, importance, destination);
                    break;
                case BlockType.IQ2_XXS or BlockType.IQ2_XS or BlockType.IQ2_S or BlockType.IQ3_XXS or BlockType.IQ3_S:
                    InBatches(GridBlocks<TPair, TFew>.Quantize, TPair.Count, type, x, blocks, importance, destination);
                    break;
                default:
                    InBatches(AffineBlocks<TPair, TAlong>.Quantize, TPair.Count, type, x, blocks, importance, destination);
                    break;
            }
        }
    }

    private static void InBatches(
        Kernel kernel, int lanes, BlockType type, float* x, int blocks, ReadOnlySpan<float> importance, Span<byte> destination)
    {
        int elements = BlockQuantizer.BlockElements(type), bytes = BlockQuantizer.BlockBytes(type);
        for (int b = 0; b < blocks; b += lanes)
        {
            kernel(type, new Batch(x + ((nint)b * elements), Math.Min(lanes, blocks - b), b, importance, destination[(b * bytes)..]));
        }
    }
}
