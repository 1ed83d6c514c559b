using CsCheck;
using ModelPort.Onnx.Calibration;

namespace ModelPort.Tests.Onnx;

/// <summary>Ranges by each method, against what the whole list of values says.</summary>
public sealed class ValueHistogramTests
{
    private static readonly Gen<float[]> Values = Gen.Float[-100, 100].Array[1, 500];

    [Fact]
    public void Ends_are_those_of_all_values() => Values.Sample(values =>
    {
        var range = Of(values).Range(RangeMethod.MinMax, 0);
        Assert.Equal((values.Min(), values.Max()), (range.Min, range.Max));
        Assert.Equal(values.Max(Math.Abs), range.LargestMagnitude);
    });

    [Fact]
    public void A_percentile_is_that_of_the_sorted_values_to_a_step() => Values.Sample(values =>
    {
        var range = Of(values).Range(RangeMethod.Percentile, 90);
        var sorted = values.Order().ToArray();
        var step = (sorted[^1] - sorted[0]) / ValueHistogram.Bins + 1e-4f;
        double inside = sorted.Count(v => v >= range.Min - step && v <= range.Max + step);
        Assert.True(inside / sorted.Length >= 0.9 - 1e-9, $"{inside} of {sorted.Length} values are inside");
        double above = sorted.Count(v => v > range.Max + step), below = sorted.Count(v => v < range.Min - step);
        Assert.True(above <= 0.05 * sorted.Length && below <= 0.05 * sorted.Length);
    });

    [Fact]
    public void Every_method_stays_between_the_ends() => Values.Sample(values =>
    {
        var histogram = Of(values);
        foreach (var method in Enum.GetValues<RangeMethod>())
        {
            var range = histogram.Range(method, 99);
            Assert.InRange(range.Min, histogram.Min, histogram.Max);
            Assert.InRange(range.Max, range.Min, histogram.Max);
        }
    });

    [Fact]
    public void Entropy_cuts_a_lone_outlier_and_keeps_an_even_spread()
    {
        var random = new Random(7);
        float[] bell = [.. Enumerable.Range(0, 100_000).Select(_ => (float)(Enumerable.Range(0, 12).Sum(_ => random.NextDouble()) - 6))];
        Assert.InRange(Of([.. bell, 100]).Range(RangeMethod.Entropy, 0).Max, 2, 13);
        float[] even = [.. Enumerable.Range(0, 100_000).Select(i => i / 100_000f)];
        Assert.InRange(Of(even).Range(RangeMethod.Entropy, 0).Max, 0.95f, 1);
    }

    [Fact]
    public void Data_repeated_gives_the_same_range() => Gen.Select(Values, Gen.Int[2, 100], Gen.Bool, Gen.Bool).Sample((values, times, oneSided, symmetric) =>
    {
        float[] once = oneSided ? [.. values.Select(v => Math.Max(0, v))] : values;
        float[] often = [.. Enumerable.Repeat(once, times).SelectMany(v => v)];
        foreach (var method in Enum.GetValues<RangeMethod>())
        {
            var (few, many) = (Of(once).Range(method, 99, symmetric), Of(often).Range(method, 99, symmetric));

            // A percentile is found by adding shares up, which rounds.
            var step = (once.Max() - once.Min()) / ValueHistogram.Bins;
            Assert.InRange(many.Min, few.Min - step, few.Min + step);
            Assert.InRange(many.Max, few.Max - step, few.Max + step);
        }
    }, iter: 50);

    [Fact]
    public void Entropy_knows_how_many_levels_there_are()
    {
        // A long tail: with twice as many levels for the same side it pays to cut less.
        var random = new Random(3);
        float[] tail = [.. Enumerable.Range(0, 200_000).Select(_ => (float)-Math.Log(1 - random.NextDouble()))];
        var (withZeroPoint, aroundZero) = (Of(tail).Range(RangeMethod.Entropy, 0).Max, Of(tail).Range(RangeMethod.Entropy, 0, isSymmetric: true).Max);
        Assert.InRange(aroundZero, 4, withZeroPoint);
        Assert.InRange(withZeroPoint, aroundZero, tail.Max());
        Assert.NotEqual(aroundZero, withZeroPoint);
    }

    [Fact]
    public void Zeros_say_nothing_of_where_to_cut()
    {
        float[] half = OnnxGraphs.Random(5, 20_000);
        float[] rectified = [.. half.Select(v => Math.Max(0, v))];
        Assert.Equal(Of([.. rectified.Where(v => v > 0), 0]).Range(RangeMethod.Entropy, 0).Max, Of(rectified).Range(RangeMethod.Entropy, 0).Max);
    }

    [Fact]
    public void Values_come_in_any_pieces() => Gen.Select(Values, Gen.Int[1, 50]).Sample((values, size) =>
    {
        var pieces = new ValueHistogram();
        Array.ForEach([.. values.Chunk(size)], piece => pieces.Widen(piece));
        Array.ForEach([.. values.Chunk(size)], piece => pieces.Add(piece));
        Assert.Equal(Of(values).Range(RangeMethod.Percentile, 99), pieces.Range(RangeMethod.Percentile, 99));
    });

    [Fact]
    public void What_is_no_number_is_noticed() => Assert.True(Of([1, float.NaN]).HasNonFinite);

    private static ValueHistogram Of(float[] values)
    {
        var histogram = new ValueHistogram();
        histogram.Widen(values);
        histogram.Add(values);
        return histogram;
    }
}
