using ModelPort.Onnx.Transforms;

namespace ModelPort.Onnx.Calibration;

/// <summary>
/// What was seen at one place of a graph: first the ends, then, where a method asks for more, how often values fall into equal steps between them. Its size
/// does not depend on how much it has seen.
/// </summary>
internal sealed class ValueHistogram
{
    /// <summary>Steps between the ends.</summary>
    public const int Bins = 8192;

    /// <summary>Changes when a method makes another range of the same values, so that no stored range of before is taken for it.</summary>
    public const int Version = 2;

    private long[]? _counts;
    private long _zeros;

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

    /// <summary>Takes the ends of values that are not handed over one by one.</summary>
    public void Widen(ValueEnds ends)
    {
        if (ends.HasNonFinite)
        {
            HasNonFinite = true;
        }
        else if (ends.Min <= ends.Max)
        {
            Widen([ends.Min, ends.Max]);
            SmallestNonZero = float.IsFinite(ends.SmallestNonZero) && ends.SmallestNonZero < SmallestNonZero ? ends.SmallestNonZero : SmallestNonZero;
        }
    }

    /// <summary>Counts values between the ends.</summary>
    public void Add(ReadOnlySpan<float> values)
    {
        _counts ??= new long[Bins];
        foreach (var value in values)
        {
            if (float.IsFinite(value))
            {
                _counts[StepOf(value)]++;
                _zeros += value == 0 ? 1 : 0;
            }
        }
    }

    /// <summary>The range by a method.</summary>
    /// <param name="method">The method; all but <see cref="RangeMethod.MinMax"/> need counts, and take the ends where there are none.</param>
    /// <param name="percentile">With <see cref="RangeMethod.Percentile"/>: the share of the values inside, in percent.</param>
    /// <param name="isSymmetric">With <see cref="RangeMethod.Entropy"/>: whether zero is the middle of the integers.</param>
    public ValueRange Range(RangeMethod method, double percentile, bool isSymmetric = false)
    {
        var (low, high) = method switch
        {
            _ when _counts is null => (Min, Max),
            RangeMethod.Percentile => (Quantile((1 - percentile / 100) / 2), Quantile(1 - (1 - percentile / 100) / 2)),
            RangeMethod.Entropy when Threshold(isSymmetric) is var threshold => (Math.Max(Min, -threshold), Math.Min(Max, threshold)),
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

    private float Threshold(bool isSymmetric)
    {
        long[] counts = [.. _counts!];
        if (_zeros > 0)
        {
            counts[StepOf(0)] -= _zeros;
        }

        return (float)EntropyCut.Threshold(counts, Min, Max, isSymmetric);
    }

    private int StepOf(float value) => Max > Min ? Math.Min(Bins - 1, (int)((value - (double)Min) / (((double)Max - Min) / Bins))) : 0;
}
