using System.Runtime.CompilerServices;
using ModelPort.Kernels.Blocks;
using ModelPort.Kernels.Scalar;

namespace ModelPort.Kernels.Lanes;

/// <summary><see cref="SixBitBlocks"/> and <see cref="ThreeBitBlocks"/> for a batch of super-blocks: Q6_K, Q3_K.</summary>
/// <typeparam name="T">Lanes of the search.</typeparam>
/// <typeparam name="TDescent">Lanes of the descent of Q3_K: 16 at most.</typeparam>
/// <typeparam name="TAlong">Lanes along the values: 16 at most.</typeparam>
internal static unsafe class SymmetricBlocks<T, TDescent, TAlong>
    where T : struct, ILanes<T>
    where TDescent : struct, ILanes<TDescent>
    where TAlong : struct, ILanes<TAlong>
{
    private const int Elements = 256;
    private const int Groups = 16;
    private const int Size = 16;

    /// <summary>Quantises up to <c>T.Count</c> super-blocks.</summary>
    internal static void Quantize(BlockType type, Batch batch)
    {
        if (type == BlockType.Q6_K)
        {
            Q6_K(batch);
        }
        else
        {
            Q3_K(batch);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    private static void Q6_K(Batch batch)
    {
        float* results = stackalloc float[4 * T.Count * Groups];
        SymmetricFound found = Results(results);
        Search(BlockType.Q6_K, batch, found, null);
        Span<byte> quants = stackalloc byte[Elements];
        int bytes = BlockQuantizer.BlockBytes(BlockType.Q6_K);
        for (int b = 0; b < batch.Blocks; b++)
        {
            Span<byte> block = batch.Block(b, bytes);
            SymmetricFound at = found.At(b * Groups);
            if (new ReadOnlySpan<float>(at.Tame, Groups).Contains(0f))
            {
                SixBitBlocks.Quantize(batch.BlockValues(b, Elements), batch.BlockImportance(b, Elements), block);
            }
            else if (SixBitFormat.WriteScales(block, new Span<float>(at.Scale, Groups)))
            {
                FinalLevels<TAlong>.Symmetric(Groups, Size, 32, batch.Values + (b * Elements), at, quants);
                SixBitFormat.WriteLevels(block, quants);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    private static void Q3_K(Batch batch)
    {
        int lanes = T.Count;
        float* results = stackalloc float[4 * lanes * Groups];
        float* sums = stackalloc float[lanes * Groups];
        float* second = stackalloc float[4 * lanes];
        float* transposed = stackalloc float[3 * lanes * Groups];
        SymmetricFound found = Results(results);
        var factors = new SymmetricFound { Scale = second, Inverse = second + lanes, Center = second + (2 * lanes), Tame = second + (3 * lanes) };
        if (!batch.Weighted)
        {
            DescentGroups<TDescent>.Run(4, Size, batch.Values, batch.Blocks * Groups, found);
        }
        else
        {
            Search(BlockType.Q3_K, batch, found, sums);
            float* weights = transposed + (lanes * Groups);
            Transpose.Run(found.Scale, Groups, lanes, Groups, transposed);
            Transpose.Run(sums, Groups, lanes, Groups, weights);
            SymmetricSearch<T>.Run(32, Groups, transposed, weights, weights + (lanes * Groups), factors);
        }

        Span<byte> quants = stackalloc byte[Elements], scaleLevels = stackalloc byte[Groups];
        int bytes = BlockQuantizer.BlockBytes(BlockType.Q3_K);
        for (int b = 0; b < batch.Blocks; b++)
        {
            Span<byte> block = batch.Block(b, bytes);
            SymmetricFound at = found.At(b * Groups);
            var scales = new Span<float>(at.Scale, Groups);
            bool tame = !new ReadOnlySpan<float>(at.Tame, Groups).Contains(0f);
            if (batch.Weighted)
            {
                tame &= factors.Tame[b] != 0;
                for (int j = 0; j < Groups; j++)
                {
                    scaleLevels[j] = (byte)(NearestInt.Clamped(factors.Inverse[b] * scales[j], -32, 31) + (int)factors.Center[b]);
                }
            }
            else
            {
                factors.Scale[b] = ThreeBitFormat.ScaleLevels(scales, scaleLevels);
            }

            ThreeBitFormat.WriteScales(block, factors.Scale[b], scaleLevels, scales);
            if (!tame || LosesDescent(at))
            {
                ThreeBitBlocks.Quantize(batch.BlockValues(b, Elements), batch.BlockImportance(b, Elements), block);
                continue;
            }

            FinalLevels<TAlong>.Symmetric(Groups, Size, 4, batch.Values + (b * Elements), at, quants);
            ThreeBitFormat.WriteLevels(block, quants);
        }
    }

    /// <summary>Whether a group keeps the levels of a coordinate descent, which no factor can repeat.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static bool LosesDescent(in SymmetricFound found)
    {
        for (int j = 0; j < Groups; j++)
        {
            if (found.Scale[j] == 0 && float.IsNaN(found.Inverse[j]))
            {
                return true;
            }
        }

        return false;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static SymmetricFound Results(float* results)
    {
        int all = T.Count * Groups;
        new Span<float>(results, 4 * all).Clear();
        return new SymmetricFound { Scale = results, Inverse = results + all, Center = results + (2 * all), Tame = results + (3 * all) };
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    private static void Search(BlockType type, Batch batch, in SymmetricFound found, float* sums)
    {
        int lanes = T.Count, groups = batch.Blocks * Groups;
        float* buffer = stackalloc float[(3 * Size * lanes) + CacheLine.Floats];
        float* values = CacheLine.Start(buffer);
        float* weights = values + (Size * lanes);
        float* room = weights + (Size * lanes);
        float* sigma2 = stackalloc float[lanes * (Groups + 1)];
        if (batch.Weighted && type == BlockType.Q3_K)
        {
            new Span<float>(sums, lanes * Groups).Clear();
            float* squares = sigma2 + (lanes * Groups);
            LaneSource<T>.SumsOfSquares(batch.Values, batch.Blocks, Elements, squares);
            for (int j = 0; j < lanes * Groups; j++)
            {
                sigma2[j] = 2 * squares[j / Groups] / Elements;
            }
        }

        for (int g = 0; g < groups; g += lanes)
        {
            LaneSource<T>.Values(batch.Values + (g * Size), groups - g, Size, values);
            if (!batch.Weighted)
            {
                LaneWeights<T>.Squares(Size, values, weights);
            }
            else
            {
                LaneSource<T>.Importance(batch.Importance, (batch.FirstBlock * Groups) + g, Size, weights);
                if (type == BlockType.Q3_K)
                {
                    LaneWeights<T>.FromImportance(Size, values, sigma2 + g, weights, sums + g);
                }
            }

            SymmetricSearch<T>.Run(type == BlockType.Q3_K ? 4 : 32, Size, values, weights, room, found.At(g));
        }
    }
}
