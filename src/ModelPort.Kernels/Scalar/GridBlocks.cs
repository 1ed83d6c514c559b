using ModelPort.Kernels.Blocks;

namespace ModelPort.Kernels.Scalar;

/// <summary>IQ2_XXS, IQ2_XS, IQ2_S, IQ3_XXS and IQ3_S, one super-block at a time: the definitions.</summary>
/// <remarks>
/// Signs apart, a group is scale * (2 * level + 1), and the levels of each four or eight values together are a point of a grid. Of several scales the
/// one with the least weighted error wins. Under each, values round to a cell; where that is no point, the best point near it is searched.
/// </remarks>
internal static class GridBlocks
{
    /// <summary>The highest level of the search that gives <see cref="GridFormat.SearchesFirst"/> types their first scale.</summary>
    internal const int FirstSearchTop = 4;

    internal static void Quantize(GridFormat format, ReadOnlySpan<float> x, ReadOnlySpan<float> importance, Span<byte> block)
    {
        int size = format.Group, points = size / format.Grid.Dimensions;
        Span<float> scales = stackalloc float[GridFormat.MaxGroups], weights = stackalloc float[size], magnitudes = stackalloc float[size];
        Span<ushort> found = stackalloc ushort[GridFormat.MaxPoints];
        Span<byte> signs = stackalloc byte[GridFormat.Octets];
        uint zeros = 0;
        float sigma2 = format.Sigma2(Weights.SumOfSquares(x));
        for (int j = 0; j < format.Groups; j++)
        {
            Span<byte> groupSigns = signs.Slice(j * size / 8, size / 8);
            SetWeights(format, x.Slice(j * size, size), importance.IsEmpty ? default : importance.Slice(j * size, size), sigma2, weights);
            TakeSigns(format, x.Slice(j * size, size), weights, magnitudes, groupSigns);
            if (!TrySearch(format, magnitudes, weights, found.Slice(j * points, points), out scales[j]))
            {
                groupSigns.Clear();
                zeros |= 1u << j;
            }
            else if (scales[j] < 0)
            {
                scales[j] = -scales[j];
                foreach (ref byte octet in groupSigns)
                {
                    octet = (byte)~octet;
                }
            }
        }

        format.Write(block, scales[..format.Groups], found[..(format.Groups * points)], signs, zeros);
    }

    private static void SetWeights(GridFormat format, ReadOnlySpan<float> x, ReadOnlySpan<float> importance, float sigma2, Span<float> weights)
    {
        if (!importance.IsEmpty)
        {
            Weights.FromImportance(importance, sigma2, x, weights);
            return;
        }

        Weights.Squares(x, weights);
        for (int i = 0; i < x.Length && format.WeighsMeanSquare; i++)
        {
            weights[i] = (0.25f * sigma2) + weights[i];
        }
    }

    /// <summary>Where signs must be even in number, the value that costs least to flip keeps the wrong one: its magnitude becomes negative.</summary>
    private static void TakeSigns(GridFormat format, ReadOnlySpan<float> x, ReadOnlySpan<float> weights, Span<float> magnitudes, Span<byte> signs)
    {
        for (int octet = 0; octet < signs.Length; octet++)
        {
            int bits = 0, flips = 0, cheapest = 8 * octet;
            for (int i = 8 * octet; i < 8 * (octet + 1); i++)
            {
                bool negative = x[i] < 0;
                magnitudes[i] = negative ? -x[i] : x[i];
                bits |= negative ? 1 << (i % 8) : 0;
                flips ^= negative ? 1 : 0;
                cheapest = weights[i] * x[i] * x[i] < weights[cheapest] * x[cheapest] * x[cheapest] ? i : cheapest;
            }

            if (format.EvenSigns && flips != 0)
            {
                magnitudes[cheapest] = -magnitudes[cheapest];
                bits ^= 1 << (cheapest % 8);
            }

            signs[octet] = (byte)bits;
        }
    }

    /// <summary>Finds a group's points and scale.</summary>
    /// <returns>Whether there is anything to find: false for a zero group.</returns>
    private static bool TrySearch(GridFormat format, ReadOnlySpan<float> x, ReadOnlySpan<float> weights, Span<ushort> points, out float scale)
    {
        int dimensions = format.Grid.Dimensions;
        points.Clear();
        scale = 0;
        float range = x[0];
        foreach (float value in x)
        {
            range = range > value ? range : value;
        }

        if (range < format.Smallest)
        {
            return false;
        }

        if (format.SearchesFirst)
        {
            Span<byte> levels = stackalloc byte[x.Length];
            scale = PositiveSearch.Run(FirstSearchTop, x, weights, levels);
            range = scale * format.Grid.Levels;
            if (range <= 0)
            {
                scale = 0;
                return false;
            }
        }
        else
        {
            scale = range / format.Top;
        }

        Span<float> roots = stackalloc float[x.Length];
        for (int i = 0; i < x.Length; i++)
        {
            roots[i] = MathF.Sqrt(weights[i]);
        }

        Span<ushort> candidate = stackalloc ushort[points.Length];
        Span<bool> off = stackalloc bool[points.Length], candidateOff = stackalloc bool[points.Length];
        off.Fill(format.Refines != GridFormat.Refinement.Off);
        float best = 0, sumQX, sumQ2;
        for (int step = -format.Steps; step <= format.Steps; step++)
        {
            float inverse = format.Candidate(step) / range;
            for (int k = 0; k < points.Length; k++)
            {
                Range values = (k * dimensions)..((k + 1) * dimensions);
                candidate[k] = (ushort)Nearest(format.Grid, x[values], roots[values], inverse, 1 / inverse, out candidateOff[k]);
            }

            Sums(format.Grid, x, weights, candidate, out sumQX, out sumQ2);
            if (sumQ2 > 0 && sumQX * sumQX > best * sumQ2)
            {
                scale = sumQX / sumQ2;
                best = scale * sumQX;
                candidate.CopyTo(points);
                candidateOff.CopyTo(off);
            }
        }

        if (scale > 0 && (format.Refines == GridFormat.Refinement.Always || off.Contains(true)))
        {
            for (int k = 0; k < points.Length; k++)
            {
                if (off[k] || format.Refines != GridFormat.Refinement.Off)
                {
                    Range values = (k * dimensions)..((k + 1) * dimensions);
                    points[k] = (ushort)Nearest(format.Grid, x[values], roots[values], 1 / scale, scale, out _);
                }
            }

            Sums(format.Grid, x, weights, points, out sumQX, out sumQ2);
            scale = sumQ2 > 0 ? sumQX / sumQ2 : scale;
        }

        return true;
    }

    /// <summary>The point for some values.</summary>
    /// <param name="grid">The grid.</param>
    /// <param name="x">The values.</param>
    /// <param name="roots">Square roots of their weights: they, not the weights, count among the points near a cell.</param>
    /// <param name="inverse">What values are multiplied by to find their cell.</param>
    /// <param name="scale">What a point is multiplied by to compare it with the values.</param>
    /// <param name="off">Whether the cell is no point.</param>
    private static int Nearest(Grid grid, ReadOnlySpan<float> x, ReadOnlySpan<float> roots, float inverse, float scale, out bool off)
    {
        int cell = 0;
        for (int i = x.Length - 1; i >= 0; i--)
        {
            cell = (cell * grid.Levels) + NearestInt.Clamped(0.5f * ((inverse * x[i]) - 1), 0, grid.Levels - 1);
        }

        ReadOnlySpan<ushort> near = grid.Near(cell);
        int best = near[0];
        float least = float.MaxValue;
        foreach (ushort point in near)
        {
            float error = 0;
            for (int i = 0; i < x.Length; i++)
            {
                float difference = (scale * ((2 * grid.LevelsOf(point)[i]) + 1)) - x[i];
                error += roots[i] * difference * difference;
            }

            if (error < least)
            {
                (least, best) = (error, point);
            }
        }

        off = grid.PointCells[best] != cell;
        return best;
    }

    private static void Sums(Grid grid, ReadOnlySpan<float> x, ReadOnlySpan<float> weights, ReadOnlySpan<ushort> points, out float sumQX, out float sumQ2)
    {
        (sumQX, sumQ2) = (0, 0);
        for (int i = 0; i < x.Length; i++)
        {
            int q = (2 * grid.LevelsOf(points[i / grid.Dimensions])[i % grid.Dimensions]) + 1;
            sumQX += weights[i] * x[i] * q;
            sumQ2 += weights[i] * q * q;
        }
    }
}
