using System.Runtime.CompilerServices;
using ModelPort.Kernels.Blocks;
using ModelPort.Kernels.Scalar;

namespace ModelPort.Kernels.Lanes;

/// <summary>The searches of <see cref="Scalar.SmallBlocks"/> for a batch of blocks: Q4_0, Q4_1, Q5_0, Q5_1 with importance.</summary>
/// <typeparam name="T">Lanes of the search.</typeparam>
/// <typeparam name="TAlong">Lanes along the values: 32 at most.</typeparam>
internal static unsafe class SmallBlocks<T, TAlong>
    where T : struct, ILanes<T>
    where TAlong : struct, ILanes<TAlong>
{
    private const int Size = 32;

    /// <summary>Quantises rows: the mean square of a row is part of its blocks' weights, so as many rows at a time are summed as there are lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    internal static void Quantize(SmallFormat format, float* x, int rows, int rowLength, ReadOnlySpan<float> importance, Span<byte> destination)
    {
        int blocksPerRow = rowLength / Size, lanes = format.HasMinimum ? AffineSearch<T, SquaredError>.Groups : T.Count;
        float* meanSquares = stackalloc float[T.Count + lanes];
        float* ofBlocks = meanSquares + T.Count;
        for (int row = 0; row < rows; row += T.Count)
        {
            int first = row * blocksPerRow, end = Math.Min(rows, row + T.Count) * blocksPerRow;
            LaneSource<T>.SumsOfSquares(x + ((nint)row * rowLength), Math.Min(T.Count, rows - row), rowLength, meanSquares);
            for (int b = first; b < end; b += lanes)
            {
                for (int lane = 0; lane < lanes; lane++)
                {
                    ofBlocks[lane] = meanSquares[Math.Min(b + lane, end - 1) / blocksPerRow - row] / rowLength;
                }

                Quantize(format, lanes, new Batch(x + ((nint)b * Size), Math.Min(lanes, end - b), b, importance, destination[(b * format.Bytes)..]), ofBlocks);
            }
        }
    }

    /// <summary>Quantises up to as many blocks as the search takes.</summary>
    /// <param name="format">The blocks' format.</param>
    /// <param name="lanes">Groups that the search takes.</param>
    /// <param name="batch">The blocks.</param>
    /// <param name="meanSquares">Mean square of each block's row, one for each of the lanes.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    private static void Quantize(SmallFormat format, int lanes, Batch batch, float* meanSquares)
    {
        int half = (format.Top + 1) / 2;
        float* buffer = stackalloc float[(3 * Size * lanes) + CacheLine.Floats];
        float* values = CacheLine.Start(buffer);
        float* weights = values + (Size * lanes);
        float* room = weights + (Size * lanes);
        float* results = stackalloc float[6 * lanes];
        var affine = new AffineFound { Scale = results, Minimum = results + lanes, Inverse = results + (2 * lanes), Base = results + (3 * lanes), Tame = results + (4 * lanes) };
        var symmetric = new SymmetricFound { Scale = results, Inverse = results + (2 * lanes), Center = results + (3 * lanes), Tame = results + (4 * lanes) };
        for (int b = 0; b < lanes; b += T.Count)
        {
            int at = b * Size;
            LaneSource<T>.Values(batch.Values + at, batch.Blocks - b, Size, values + at);
            LaneSource<T>.Importance(batch.Importance, batch.FirstBlock + b, Size, weights + at);
            LaneWeights<T>.FromImportance(Size, values + at, meanSquares + b, weights + at, results + (5 * lanes));
        }

        if (format.HasMinimum)
        {
            AffineSearch<T, SquaredError>.Run(AffineSteps.Weighted(format.Top), Size, values, weights, room, affine);
        }
        else
        {
            SymmetricSearch<T>.Run(half, Size, values, weights, room, symmetric);
        }

        Span<byte> quants = stackalloc byte[Size];
        for (int b = 0; b < batch.Blocks; b++)
        {
            Span<byte> block = batch.Block(b, format.Bytes);
            float scale = affine.Scale[b];
            if (affine.Tame[b] == 0)
            {
                Scalar.SmallBlocks.Weighted(format, batch.BlockValues(b, Size), batch.BlockImportance(b, Size), meanSquares[b], block);
                continue;
            }

            // These types store the levels of the search: a scale of zero asks for them.
            affine.Scale[b] = 0;
            if (format.HasMinimum)
            {
                FinalLevels<TAlong>.Affine(1, Size, format.Top, batch.Values + (b * Size), affine.At(b), quants);
                format.Write(block, scale, -affine.Minimum[b], quants);
            }
            else
            {
                FinalLevels<TAlong>.Symmetric(1, Size, half, batch.Values + (b * Size), symmetric.At(b), quants);
                format.Write(block, scale, 0, quants);
            }
        }
    }
}
