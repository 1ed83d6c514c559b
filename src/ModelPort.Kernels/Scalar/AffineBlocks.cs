using ModelPort.Kernels.Blocks;

namespace ModelPort.Kernels.Scalar;

/// <summary>Q2_K, Q4_K and Q5_K, one super-block at a time: the definitions.</summary>
internal static class AffineBlocks
{
    internal static void Quantize(AffineFormat format, ReadOnlySpan<float> x, ReadOnlySpan<float> importance, Span<byte> block)
    {
        Span<float> scales = stackalloc float[AffineFormat.MaxGroups], minima = stackalloc float[AffineFormat.MaxGroups];
        Span<float> sums = stackalloc float[AffineFormat.MaxGroups], weights = stackalloc float[32];
        Span<byte> scaleLevels = stackalloc byte[AffineFormat.MaxGroups], minLevels = stackalloc byte[AffineFormat.MaxGroups];
        Span<byte> levels = stackalloc byte[AffineFormat.Elements];
        scales = scales[..format.Groups];
        minima = minima[..format.Groups];
        weights = weights[..format.Group];
        AffineSteps steps = importance.IsEmpty ? format.Steps : format.WeightedSteps;
        float sigma2 = importance.IsEmpty ? 0 : format.Sigma2(Weights.SumOfSquares(x));
        for (int j = 0; j < format.Groups; j++)
        {
            ReadOnlySpan<float> group = x.Slice(j * format.Group, format.Group);
            if (!importance.IsEmpty)
            {
                Weights.FromImportance(importance.Slice(j * format.Group, format.Group), sigma2, group, weights);
                sums[j] = Weights.Sum(weights);
            }
            else if (format.Type == BlockType.Q2_K)
            {
                Weights.Magnitudes(group, 0, weights);
            }
            else
            {
                Weights.Magnitudes(group, MathF.Sqrt(Weights.SumOfSquares(group) / format.Group), weights);
            }

            scales[j] = ScaleSearch.Affine(steps, group, weights, levels.Slice(j * format.Group, format.Group), out minima[j]);
        }

        float d, m;
        if (importance.IsEmpty)
        {
            d = format.ScaleLevels(scales, scaleLevels);
            m = format.ScaleLevels(minima, minLevels);
        }
        else
        {
            d = PositiveSearch.Run(format.ScaleTop, scales, sums, scaleLevels);
            m = PositiveSearch.Run(format.ScaleTop, minima, sums, minLevels);
            for (int j = 0; j < format.Groups; j++)
            {
                scaleLevels[j] = format.Limit(scaleLevels[j]);
                minLevels[j] = format.Limit(minLevels[j]);
            }
        }

        format.WriteScales(block, d, m, scaleLevels, minLevels, scales, minima);
        for (int j = 0; j < format.Groups; j++)
        {
            // A group without a scale keeps the levels of the search.
            for (int i = 0; i < format.Group && scales[j] != 0; i++)
            {
                levels[(j * format.Group) + i] =
                    (byte)NearestInt.Clamped((x[(j * format.Group) + i] + minima[j]) / scales[j], 0, format.Steps.Top);
            }
        }

        format.WriteLevels(block, levels);
    }
}
