using ModelPort.Onnx.Transforms;

namespace ModelPort.Onnx.Calibration;

/// <summary>
/// What was seen at one place of a graph: first the ends, then, where a method asks for more, how often values fall into equal steps between them. Its size
/// does not depend on how much it has seen.
/// </summary>
internal sealed class ValueHistogram
{
    /// <summary>Steps between the ends.</summary>
    public const int Bins = 4096;

    // Entropy: the number of values of INT8 on one side of zero, and how many of the finest thresholds one is tried of.
    private const int Levels = 128;
    private const int EntropyBins = 2048;
    private const int Stride = 8;

    // Of fewer values in a step, their chance is seen rather than their distribution.
    private const int FewestInStep = 64;

    private long[]? _counts;
    private long[]? _magnitudes;

    /// <summary>Values that were seen.</summary>
    public long Count { get; private set; }

    /// <summary>The least.</summary>
    public float Min { get; private set; } = float.PositiveInfinity;

    /// <summary>The greatest.</summary>
    public float Max { get; private set; } = float.NegativeInfinity;

    /// <summary>The least magnitude above zero; 0 where all are zero.</summary>
    public float SmallestNonZero { get; private set; }

    /// <summary>Whether a value was NaN or infinite.</summary>
    public bool HasNonFinite { get; private set; }

    /// <summary>Takes values for the ends. All have to be taken before the first is counted.</summary>
    public void Widen(ReadOnlySpan<float> values)
    {
        foreach (var value in values)
        {
            if (!float.IsFinite(value))
            {
                HasNonFinite = true;
                continue;
            }

            Min = Math.Min(Min, value);
            Max = Math.Max(Max, value);
            var magnitude = Math.Abs(value);
            if (magnitude > 0 && (SmallestNonZero == 0 || magnitude < SmallestNonZero))
            {
                SmallestNonZero = magnitude;
            }
        }

        Count += values.Length;
    }

    /// <summary>Counts values between the ends.</summary>
    public void Add(ReadOnlySpan<float> values)
    {
        _counts ??= new long[Bins];
        _magnitudes ??= new long[EntropyBins];
        var (step, magnitude) = (((double)Max - Min) / Bins, Math.Max(Math.Abs((double)Min), Math.Abs((double)Max)) / EntropyBins);
        foreach (var value in values)
        {
            if (float.IsFinite(value))
            {
                _counts[step > 0 ? Math.Min(Bins - 1, (int)((value - (double)Min) / step)) : 0]++;
                _magnitudes[magnitude > 0 ? Math.Min(EntropyBins - 1, (int)(Math.Abs((double)value) / magnitude)) : 0]++;
            }
        }
    }

    /// <summary>The range by a method.</summary>
    /// <param name="method">The method; all but <see cref="RangeMethod.MinMax"/> need counts.</param>
    /// <param name="percentile">With <see cref="RangeMethod.Percentile"/>: the share of the values inside, in percent.</param>
    public ValueRange Range(RangeMethod method, double percentile)
    {
        var (low, high) = method switch
        {
            RangeMethod.Percentile => (Quantile((1 - percentile / 100) / 2), Quantile(1 - (1 - percentile / 100) / 2)),
            RangeMethod.Entropy when Threshold() is var threshold => (Math.Max(Min, -threshold), Math.Min(Max, threshold)),
            _ => (Min, Max),
        };
        return new ValueRange(low, high) { LargestMagnitude = Math.Max(Math.Abs(Min), Math.Abs(Max)), SmallestNonZero = SmallestNonZero };
    }

    // Within a step values count as evenly spread.
    private float Quantile(double share)
    {
        var counts = _counts!;
        var wanted = share * counts.Sum();
        double seen = 0;
        for (var i = 0; i < Bins; i++)
        {
            if (seen + counts[i] >= wanted && counts[i] > 0)
            {
                return (float)Math.Clamp(Min + ((double)Max - Min) / Bins * (i + (wanted - seen) / counts[i]), Min, Max);
            }

            seen += counts[i];
        }

        return Max;
    }

    // The magnitude at which to cut: of all distributions that end there, quantised to 128 levels, the one nearest to the whole.
    private float Threshold()
    {
        var largest = Math.Max(Math.Abs((double)Min), Math.Abs((double)Max));
        var counts = Coarsened(_magnitudes!);
        var (best, least) = (counts.Length, double.PositiveInfinity);
        for (var bins = counts.Length; bins >= Levels; bins -= Stride)
        {
            var divergence = Divergence(counts, bins);
            if (divergence < least)
            {
                (best, least) = (bins, divergence);
            }
        }

        return (float)(largest * best / counts.Length);
    }

    // Neighbours are taken together until there are enough in each; those that are nearly zero, as after Relu, say nothing of the others.
    private static long[] Coarsened(long[] counts)
    {
        while (counts.Length > Levels && counts.Skip(1).Sum() < (long)FewestInStep * counts.Length)
        {
            counts = [.. counts.Chunk(2).Select(pair => pair[0] + pair[1])];
        }

        return counts;
    }

    private static double Divergence(long[] counts, int bins)
    {
        var reference = new double[bins];
        for (var i = 0; i < counts.Length; i++)
        {
            // What is cut off is seen as the greatest that is left.
            reference[Math.Min(i, bins - 1)] += counts[i];
        }

        var coarse = new double[bins];
        for (var level = 0; level < Levels; level++)
        {
            var (from, to) = (level * bins / Levels, (level + 1) * bins / Levels);
            double sum = 0;
            var filled = 0;
            for (var i = from; i < to; i++)
            {
                sum += counts[i];
                filled += counts[i] > 0 ? 1 : 0;
            }

            for (var i = from; i < to; i++)
            {
                coarse[i] = counts[i] > 0 ? sum / filled : 0;
            }
        }

        return Divergence(reference, coarse);
    }

    // What the reference has and the other lacks would be infinitely far: it is given a little.
    private static double Divergence(double[] reference, double[] other)
    {
        const double Little = 1e-4;
        var (total, ofOther) = (reference.Sum(), other.Sum());
        if (total == 0 || ofOther == 0)
        {
            return double.PositiveInfinity;
        }

        double divergence = 0;
        for (var i = 0; i < reference.Length; i++)
        {
            if (reference[i] > 0)
            {
                var p = reference[i] / total;
                divergence += p * Math.Log(p / Math.Max(other[i] / ofOther, Little / total));
            }
        }

        return divergence;
    }
}
