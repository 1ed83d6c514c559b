using ModelPort.Kernels.Blocks;

namespace ModelPort.Kernels.Scalar;

/// <summary>Every block type by its definition, block after block.</summary>
internal static class ScalarQuantizer
{
    /// <summary>Quantises rows; lengths are checked by the caller.</summary>
    internal static void Quantize(BlockType type, ReadOnlySpan<float> rows, int rowLength, ReadOnlySpan<float> importance, Span<byte> destination)
    {
        int rowBytes = rowLength / BlockQuantizer.BlockElements(type) * BlockQuantizer.BlockBytes(type);
        for (int row = 0; row < rows.Length / rowLength; row++)
        {
            QuantizeRow(type, rows.Slice(row * rowLength, rowLength), importance, destination.Slice(row * rowBytes, rowBytes));
        }
    }

    private static void QuantizeRow(BlockType type, ReadOnlySpan<float> row, ReadOnlySpan<float> importance, Span<byte> destination)
    {
        int elements = BlockQuantizer.BlockElements(type), bytes = BlockQuantizer.BlockBytes(type);
        float sigma2 = elements == 32 && !importance.IsEmpty ? Weights.SumOfSquares(row) / row.Length : 0;
        for (int block = 0; block < row.Length / elements; block++)
        {
            ReadOnlySpan<float> blockImportance = importance.IsEmpty ? default : importance.Slice(block * elements, elements);
            QuantizeBlock(type, row.Slice(block * elements, elements), blockImportance, sigma2, destination.Slice(block * bytes, bytes));
        }
    }

    /// <summary>Quantises one block.</summary>
    /// <param name="type">The block's type.</param>
    /// <param name="x">Its values.</param>
    /// <param name="importance">Importance of its columns, or nothing.</param>
    /// <param name="rowMeanSquare">Mean square of the whole row; used by the types of 32 values with importance.</param>
    /// <param name="block">Receives the bytes.</param>
    private static void QuantizeBlock(BlockType type, ReadOnlySpan<float> x, ReadOnlySpan<float> importance, float rowMeanSquare, Span<byte> block)
    {
        switch (type)
        {
            case BlockType.Q8_0:
                SmallBlocks.Q8_0(x, block);
                break;
            case BlockType.Q4_0 or BlockType.Q4_1 or BlockType.Q5_0 or BlockType.Q5_1:
                Small(SmallFormat.Of(type), x, importance, rowMeanSquare, block);
                break;
            case BlockType.Q2_K or BlockType.Q4_K or BlockType.Q5_K:
                AffineBlocks.Quantize(AffineFormat.Of(type), x, importance, block);
                break;
            case BlockType.Q3_K:
                ThreeBitBlocks.Quantize(x, importance, block);
                break;
            case BlockType.Q6_K:
                SixBitBlocks.Quantize(x, importance, block);
                break;
            case BlockType.IQ4_NL:
                UnevenBlocks.IQ4_NL(x, importance, block);
                break;
            case BlockType.IQ4_XS:
                UnevenBlocks.IQ4_XS(x, importance, block);
                break;
            case BlockType.MXFP4:
                MicroscaledBlocks.Quantize(x, block);
                break;
            case BlockType.TQ1_0 or BlockType.TQ2_0:
                TernaryBlocks.Quantize(type, x, block);
                break;
            case BlockType.IQ2_XXS or BlockType.IQ2_XS or BlockType.IQ2_S or BlockType.IQ3_XXS or BlockType.IQ3_S:
                GridBlocks.Quantize(GridFormat.Of(type), x, importance, block);
                break;
            default:
                throw new NotSupportedException($"Blocks of type {type} cannot be quantised here.");
        }
    }

    private static void Small(SmallFormat format, ReadOnlySpan<float> x, ReadOnlySpan<float> importance, float rowMeanSquare, Span<byte> block)
    {
        if (!importance.IsEmpty)
        {
            SmallBlocks.Weighted(format, x, importance, rowMeanSquare, block);
        }
        else if (format.HasMinimum)
        {
            SmallBlocks.Affine(format, x, block);
        }
        else
        {
            SmallBlocks.Symmetric(format, x, block);
        }
    }
}
