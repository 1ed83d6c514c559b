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
    /// <param name="format">The block type.</param>
    /// <param name="x">The values.</param>
    /// <param name="blocks">Super-blocks in the batch.</param>
    /// <param name="importance">A row of importance, or nothing.</param>
    /// <param name="firstBlock">Number of the first super-block, counted from the start of a row.</param>
    /// <param name="destination">Receives the blocks.</param>
    [SkipLocalsInit]
    internal static void Quantize(AffineFormat format, float* x, int blocks, ReadOnlySpan<float> importance, int firstBlock, Span<byte> destination)
    {
        int lanes = T.Count, groups = format.Groups, all = lanes * groups;
        float* results = stackalloc float[6 * lanes * AffineFormat.MaxGroups];
        var found = new AffineFound { Scale = results, Minimum = results + all, Inverse = results + (2 * all), Base = results + (3 * all), Tame = results + (4 * all) };
        float* sums = results + (5 * all);
        new Span<float>(results, 6 * all).Clear();
        Search(format, x, blocks, importance, firstBlock, found, sums);

        float* factors = stackalloc float[2 * lanes];
        float* levels = stackalloc float[2 * lanes * AffineFormat.MaxGroups];
        if (!importance.IsEmpty)
        {
            SecondLevel(format, found, sums, factors, levels);
        }

        int bytes = BlockQuantizer.BlockBytes(format.Type);
        Span<byte> scaleLevels = stackalloc byte[AffineFormat.MaxGroups], minLevels = stackalloc byte[AffineFormat.MaxGroups];
        Span<byte> quants = stackalloc byte[AffineFormat.Elements];
        for (int b = 0; b < blocks; b++)
        {
            Span<byte> block = destination.Slice(b * bytes, bytes);
            AffineFound at = found.At(b * groups);
            var scales = new Span<float>(at.Scale, groups);
            var minima = new Span<float>(at.Minimum, groups);
            if (new ReadOnlySpan<float>(at.Tame, groups).Contains(0f))
            {
                var own = new ReadOnlySpan<float>(x + (b * AffineFormat.Elements), AffineFormat.Elements);
                ReadOnlySpan<float> ownImportance = importance.IsEmpty
                    ? default
                    : importance.Slice((int)((long)(firstBlock + b) * AffineFormat.Elements % importance.Length), AffineFormat.Elements);
                Scalar.AffineBlocks.Quantize(format, own, ownImportance, block);
                continue;
            }

            if (importance.IsEmpty)
            {
                factors[b] = format.ScaleLevels(scales, scaleLevels);
                factors[lanes + b] = format.ScaleLevels(minima, minLevels);
            }
            else
            {
                for (int j = 0; j < groups; j++)
                {
                    scaleLevels[j] = format.Limit((byte)levels[(j * lanes) + b]);
                    minLevels[j] = format.Limit((byte)levels[all + (j * lanes) + b]);
                }
            }

            format.WriteScales(block, factors[b], factors[lanes + b], scaleLevels, minLevels, scales, minima);
            Round(format, x + (b * AffineFormat.Elements), at, quants);
            format.WriteLevels(block, quants);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    private static void Search(
        AffineFormat format, float* x, int blocks, ReadOnlySpan<float> importance, int firstBlock, in AffineFound found, float* sums)
    {
        int size = format.Group, lanes = T.Count, groups = blocks * format.Groups;
        float* values = stackalloc float[3 * 32 * lanes];
        float* weights = values + (32 * lanes);
        float* levels = weights + (32 * lanes);
        float* sigma2 = stackalloc float[lanes * (AffineFormat.MaxGroups + 1)];
        AffineSteps steps = importance.IsEmpty ? format.Steps : format.WeightedSteps;
        if (!importance.IsEmpty)
        {
            float* squares = sigma2 + (lanes * AffineFormat.MaxGroups);
            LaneSource<T>.SumsOfSquares(x, blocks, AffineFormat.Elements, squares);
            for (int j = 0; j < lanes * format.Groups; j++)
            {
                sigma2[j] = format.Sigma2(squares[j / format.Groups]);
            }
        }

        for (int g = 0; g < groups; g += lanes)
        {
            LaneSource<T>.Values(x + (g * size), groups - g, size, values);
            if (!importance.IsEmpty)
            {
                LaneSource<T>.Importance(importance, (firstBlock * format.Groups) + g, size, weights);
                LaneWeights<T>.FromImportance(size, values, sigma2 + g, weights, sums + g);
            }
            else
            {
                LaneWeights<T>.Magnitudes(size, values, rootMeanSquare: format.Type != BlockType.Q2_K, weights);
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

    /// <summary>The levels under the scales that a decoder will see; a group without a scale keeps the levels of the search.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Round(AffineFormat format, float* x, in AffineFound found, Span<byte> quants)
    {
        TAlong zero = TAlong.Broadcast(0f), top = TAlong.Broadcast(format.Steps.Top);
        fixed (byte* to = quants)
        {
            for (int j = 0; j < format.Groups; j++)
            {
                bool kept = found.Scale[j] == 0;
                TAlong scale = TAlong.Broadcast(found.Scale[j]), min = TAlong.Broadcast(found.Minimum[j]);
                TAlong inverse = TAlong.Broadcast(found.Inverse[j]), start = TAlong.Broadcast(found.Base[j]);
                for (int i = j * format.Group; i < (j + 1) * format.Group; i += TAlong.Count)
                {
                    TAlong xi = TAlong.Load(x + i);
                    TAlong l = TAlong.NearestInt(kept ? inverse * (xi - start) : (xi + min) / scale);
                    TAlong.StoreBytes(to + i, TAlong.Larger(zero, TAlong.Smaller(top, l)));
                }
            }
        }
    }
}
