using CsCheck;
using ModelPort.Engines.OnnxRuntime;
using ModelPort.Parity.Outputs;

namespace ModelPort.Tests.Onnx;

public sealed class TensorComparisonTests
{
    [Fact]
    public void Figures_are_those_of_the_definition()
    {
        TensorComparison comparison = new(absoluteTolerance: 0.4);
        comparison.Add([3, 4], [3, 4.5f]);
        comparison.Add([0], [1]);
        var difference = comparison.Difference;
        Assert.Equal((3, 0, 1, 0.5, 2), (difference.Values, difference.Broken, difference.MaxAbsoluteError, difference.MeanAbsoluteError, difference.OutsideTolerance));
        Assert.Equal(Math.Sqrt(1.25 / 25), difference.RelativeError, 12);
        Assert.Equal(27 / (5 * Math.Sqrt(9 + 20.25 + 1)), difference.CosineSimilarity, 12);
    }

    [Fact]
    public void Equal_values_differ_by_nothing_also_where_they_are_no_numbers()
    {
        TensorComparison comparison = new();
        float[] values = [0, 1, -2, float.NaN, float.PositiveInfinity, float.NegativeInfinity];
        comparison.Add(values, values);
        Assert.Equal(new TensorDifference(6, 0, 0, 0, 0, 1, 0), comparison.Difference);
    }

    [Theory]
    [InlineData(1f, float.NaN)]
    [InlineData(float.NaN, 1f)]
    [InlineData(float.PositiveInfinity, float.NegativeInfinity)]
    [InlineData(float.PositiveInfinity, float.NaN)]
    [InlineData(float.MaxValue, float.PositiveInfinity)]
    public void One_broken_value_breaks_every_figure(float expected, float actual)
    {
        TensorComparison comparison = new(1, 1);
        comparison.Add(new float[1000], new float[1000]);
        comparison.Add([expected], [actual]);
        var difference = comparison.Difference;
        Assert.Equal((1001, 1, 1), (difference.Values, difference.Broken, difference.OutsideTolerance));
        Assert.Equal((double.PositiveInfinity, double.PositiveInfinity, double.PositiveInfinity), (difference.MaxAbsoluteError, difference.MeanAbsoluteError, difference.RelativeError));
        Assert.False(difference.CosineSimilarity >= -1);
    }

    [Fact]
    public void Zero_against_something_is_infinitely_wrong_and_at_no_angle()
    {
        TensorComparison comparison = new();
        comparison.Add([0, 0], [1, 0]);
        Assert.Equal((double.PositiveInfinity, 0), (comparison.Difference.RelativeError, comparison.Difference.CosineSimilarity));
    }

    [Fact]
    public void Pieces_give_what_the_whole_gives() => Gen.Float[-100, 100].Array[1, 200].Select(Gen.Int[1, 50]).Sample(
        (values, piece) =>
        {
            var moved = Array.ConvertAll(values, value => value + 0.25f);
            TensorComparison whole = new();
            TensorComparison parts = new();
            whole.Add(values, moved);
            for (var i = 0; i < values.Length; i += piece)
            {
                var end = Math.Min(values.Length, i + piece);
                parts.Add(values.AsSpan(i..end), moved.AsSpan(i..end));
            }

            Assert.Equal(whole.Difference, parts.Difference);
        },
        iter: 300);

    [Fact]
    public void Tensors_of_any_two_types_are_compared_as_numbers()
    {
        Assert.Equal(0.5, Max(EngineTensor.Of<Half>([(Half)1.5], 1), EngineTensor.Of<float>([1], 1)));
        Assert.Equal(2, Max(EngineTensor.Of<sbyte>([-1], 1), EngineTensor.Of<long>([1], 1)));
        Assert.Equal(1, Max(EngineTensor.Of<bool>([true], 1), EngineTensor.Of<bool>([false], 1)));
        Assert.Equal(0, Max(new EngineTensor(TensorType.BFloat16, [1], new byte[] { 0x80, 0x3F }), EngineTensor.Of<double>([1], 1)));

        // Doubles would not tell these apart.
        Assert.Equal(1, Max(EngineTensor.Of<long>([(1L << 60) + 1], 1), EngineTensor.Of<long>([1L << 60], 1)));
        Assert.Equal(1, Max(EngineTensor.Of<ulong>([ulong.MaxValue], 1), EngineTensor.Of<ulong>([ulong.MaxValue - 1], 1)));
    }

    [Fact]
    public void Other_shapes_and_strings_are_not_compared()
    {
        Assert.Throws<ArgumentException>(() => Max(EngineTensor.Of(new float[6], 2, 3), EngineTensor.Of(new float[6], 3, 2)));
        Assert.Throws<ArgumentException>(() => Max(new EngineTensor([1], ["a"]), new EngineTensor([1], ["a"])));
        Assert.Throws<ArgumentException>(() => new TensorComparison().Add([1], [1, 2]));
    }

    private static double Max(EngineTensor expected, EngineTensor actual)
    {
        TensorComparison comparison = new();
        comparison.Add(expected, actual);
        return comparison.Difference.MaxAbsoluteError;
    }
}
