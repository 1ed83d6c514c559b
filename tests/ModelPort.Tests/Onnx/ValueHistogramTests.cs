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
