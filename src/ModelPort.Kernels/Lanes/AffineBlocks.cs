using System.Runtime.CompilerServices;
using ModelPort.Kernels.Blocks;
using ModelPort.Kernels.Scalar;

namespace ModelPort.Kernels.Lanes;

/// <summary><see cref="Scalar.AffineBlocks"/> for a batch of super-blocks: Q2_K, Q4_K, Q5_K.</summary>
/// <remarks>The search has one group in each lane, the second level one super-block in each lane, the final levels run along the values.</remarks>
/// <typeparam name="T">Lanes of the search.</typeparam>
/// <typeparam name="TAlong">Lanes along the values: no more than a group has.</typeparam>
internal static unsafe class AffineBlocks<T, TAlong>
    where T : struct, ILanes<T>
    where TAlong : struct, ILanes<TAlong>
{
    /// <summary>Quantises up to <c>T.Count</c> super-blocks.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    internal static void Quantize(BlockType type, Batch batch)
    {
        AffineFormat format = AffineFormat.Of(type);
        int lanes = T.Count, groups = format.Groups, all = lanes * groups;
        float* results = stackalloc float[6 * lanes * AffineFormat.MaxGroups];
        var found = new AffineFound { Scale = results, Minimum = results + all, Inverse = results + (2 * all), Base = results + (3 * all), Tame = results + (4 * all) };
        float* sums = results + (5 * all);
        new Span<float>(results, 6 * all).Clear();
        Search(format, batch, found, sums);

        float* factors = stackalloc float[2 * lanes];
        float* levels = stackalloc float[2 * lanes * AffineFormat.MaxGroups];
        if (batch.Weighted)
        {
            SecondLevel(format, found, sums, factors, levels);
        }

        Span<byte> scaleLevels = stackalloc byte[AffineFormat.MaxGroups], minLevels = stackalloc byte[AffineFormat.MaxGroups];
        Span<byte> quants = stackalloc byte[AffineFormat.Elements];
        for (int b = 0; b < batch.Blocks; b++)
        {
            Span<byte> block = batch.Block(b, format.Bytes);
            AffineFound at = found.At(b * groups);
            var scales = new Span<float>(at.Scale, groups);
            var minima = new Span<float>(at.Minimum, groups);
            if (new ReadOnlySpan<float>(at.Tame, groups).Contains(0f))
            {
                Scalar.AffineBlocks.Quantize(
                    format, batch.BlockValues(b, AffineFormat.Elements), batch.BlockImportance(b, AffineFormat.Elements), block);
                continue;
            }

            if (batch.Weighted)
            {
                for (int j = 0; j < groups; j++)
                {
                    scaleLevels[j] = format.Limit((byte)levels[(j * lanes) + b]);
                    minLevels[j] = format.Limit((byte)levels[all + (j * lanes) + b]);
                }
            }
            else
            {
                factors[b] = format.ScaleLevels(scales, scaleLevels);
                factors[lanes + b] = format.ScaleLevels(minima, minLevels);
            }

            format.WriteScales(block, factors[b], factors[lanes + b], scaleLevels, minLevels, scales, minima);
            FinalLevels<TAlong>.Affine(groups, format.Group, format.Steps.Top, batch.Values + (b * AffineFormat.Elements), at, quants);
            format.WriteLevels(block, quants);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    private static void Search(AffineFormat format, Batch batch, in AffineFound found, float* sums)
    {
        int size = format.Group, lanes = T.Count, groups = batch.Blocks * format.Groups, together = AffineSearch<T, SquaredError>.Groups;
        float* buffer = stackalloc float[(3 * size * together) + CacheLine.Floats];
        float* values = CacheLine.Start(buffer);
        float* weights = values + (size * together);
        float* levels = weights + (size * together);
        float* sigma2 = stackalloc float[lanes * (AffineFormat.MaxGroups + 1)];
        AffineSteps steps = batch.Weighted ? format.WeightedSteps : format.Steps;
        if (batch.Weighted)
        {
            float* squares = sigma2 + (lanes * AffineFormat.MaxGroups);
            LaneSource<T>.SumsOfSquares(batch.Values, batch.Blocks, AffineFormat.Elements, squares);
            for (int j = 0; j < lanes * format.Groups; j++)
            {
                sigma2[j] = format.Sigma2(squares[j / format.Groups]);
            }
        }

        for (int g = 0; g < groups; g += together)
        {
            for (int first = g; first < g + together; first += lanes)
            {
                int at = (first - g) * size;
                LaneSource<T>.Values(batch.Values + (first * size), groups - first, size, values + at);
                if (batch.Weighted)
                {
                    LaneSource<T>.Importance(batch.Importance, (batch.FirstBlock * format.Groups) + first, size, weights + at);
                    LaneWeights<T>.FromImportance(size, values + at, sigma2 + first, weights + at, sums + first);
                }
                else
                {
                    LaneWeights<T>.Magnitudes(size, values + at, rootMeanSquare: format.Type != BlockType.Q2_K, weights + at);
                }
            }

            if (steps.AbsoluteError)
            {
                AffineSearch<T, AbsoluteError>.Run(steps, size, values, weights, levels, found.At(g));
            }
            else
            {
                AffineSearch<T, SquaredError>.Run(steps, size, values, weights, levels, found.At(g));
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    private static void SecondLevel(AffineFormat format, in AffineFound found, float* sums, float* factors, float* levels)
    {
        int lanes = T.Count, groups = format.Groups;
        float* x = stackalloc float[2 * lanes * AffineFormat.MaxGroups];
        float* weights = x + (lanes * groups);
        Transpose.Run(sums, groups, lanes, groups, weights);
        Transpose.Run(found.Scale, groups, lanes, groups, x);
        PositiveSearch<T>.Run(format.ScaleTop, groups, x, weights, levels, factors);
        Transpose.Run(found.Minimum, groups, lanes, groups, x);
        PositiveSearch<T>.Run(format.ScaleTop, groups, x, weights, levels + (lanes * groups), factors + lanes);
    }
}
