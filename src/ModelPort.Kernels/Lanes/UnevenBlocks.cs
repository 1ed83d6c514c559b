using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using ModelPort.Kernels.Blocks;

namespace ModelPort.Kernels.Lanes;

/// <summary><see cref="Scalar.UnevenBlocks"/> for a batch of blocks: IQ4_NL, IQ4_XS.</summary>
/// <typeparam name="T">Lanes of the search.</typeparam>
/// <typeparam name="TAlong">Lanes along the values: 32 at most.</typeparam>
internal static unsafe class UnevenBlocks<T, TAlong>
    where T : struct, ILanes<T>
    where TAlong : struct, ILanes<TAlong>
{
    private const int Size = 32;
    private const int MaxGroups = 8;

    /// <summary>Quantises up to <c>T.Count</c> blocks.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    internal static void Quantize(BlockType type, Batch batch)
    {
        int elements = BlockQuantizer.BlockElements(type), bytes = BlockQuantizer.BlockBytes(type), groups = elements / Size;
        float* scales = stackalloc float[T.Count * MaxGroups];
        Search(groups, batch, scales);
        Span<float> inverses = stackalloc float[MaxGroups];
        Span<byte> quants = stackalloc byte[Size * MaxGroups];
        quants = quants[..elements];
        for (int b = 0; b < batch.Blocks; b++)
        {
            Span<byte> block = batch.Block(b, bytes);
            if (groups == 1)
            {
                BinaryPrimitives.WriteUInt16LittleEndian(block, Narrow.ToHalf(scales[b]));
                inverses[0] = scales[b] != 0 ? 1 / scales[b] : 0f;
            }
            else
            {
                UnevenFormat.WriteScales(block, new ReadOnlySpan<float>(scales + (b * groups), groups), inverses);
            }

            FinalLevels<TAlong>.Uneven(groups, Size, batch.Values + (b * elements), inverses, quants);
            UnevenFormat.WriteLevels(block[(groups == 1 ? 2 : 8)..], quants);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    private static void Search(int groupsPerBlock, Batch batch, float* scales)
    {
        int lanes = T.Count, groups = batch.Blocks * groupsPerBlock, elements = groupsPerBlock * Size;
        float* buffer = stackalloc float[((2 + UnevenSearch<T>.Kept) * Size * lanes) + CacheLine.Floats];
        float* values = CacheLine.Start(buffer);
        float* weights = values + (Size * lanes);
        float* room = weights + (Size * lanes);
        float* sigma2 = stackalloc float[lanes * (MaxGroups + 2)];
        if (batch.Weighted)
        {
            float* squares = sigma2 + (lanes * MaxGroups);
            LaneSource<T>.SumsOfSquares(batch.Values, batch.Blocks, elements, squares);
            for (int j = 0; j < lanes * groupsPerBlock; j++)
            {
                sigma2[j] = squares[j / groupsPerBlock] * (2f / elements);
            }
        }

        float* sums = sigma2 + (lanes * (MaxGroups + 1));
        for (int g = 0; g < groups; g += lanes)
        {
            LaneSource<T>.Values(batch.Values + (g * Size), groups - g, Size, values);
            if (batch.Weighted)
            {
                LaneSource<T>.Importance(batch.Importance, (batch.FirstBlock * groupsPerBlock) + g, Size, weights);
                LaneWeights<T>.FromImportance(Size, values, sigma2 + g, weights, sums);
            }
            else
            {
                LaneWeights<T>.Squares(Size, values, weights);
            }

            UnevenSearch<T>.Run(Size, values, weights, room, scales + g);
        }
    }
}
