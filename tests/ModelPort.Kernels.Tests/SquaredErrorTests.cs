using CsCheck;

namespace ModelPort.Kernels.Tests;

public class SquaredErrorTests
{
    private static readonly Gen<float> s_value = Gen.Float[-1e6f, 1e6f];

    [Fact]
    public void It_is_the_sum_of_weighted_squares_of_differences() =>
        Gen.Select(s_value, s_value, Gen.Float[0, 1000]).Array[0, 70].Sample(values =>
        {
            float[] x = [.. values.Select(v => v.Item1)], y = [.. values.Select(v => v.Item2)], w = [.. values.Select(v => v.Item3)];
            double Difference(int i) => (double)(x[i] - y[i]) * (x[i] - y[i]);
            double plain = Enumerable.Range(0, x.Length).Sum(Difference), weighted = Enumerable.Range(0, x.Length).Sum(i => Difference(i) * w[i]);
            Assert.Equal(plain, SquaredError.Sum(x, y), plain * 1e-13);
            Assert.Equal(weighted, SquaredError.Sum(x, y, w), weighted * 1e-13);
        });

    [Fact]
    public void Weights_of_one_change_no_bit() =>
        s_value.Array[0, 50].Sample(x => SquaredError.Sum(x, new float[x.Length]) == SquaredError.Sum(x, new float[x.Length], [.. x.Select(_ => 1f)]));

    [Fact]
    public void Lengths_that_differ_are_refused()
    {
        Assert.Throws<ArgumentException>(() => SquaredError.Sum(new float[3], new float[2]));
        Assert.Throws<ArgumentException>(() => SquaredError.Sum(new float[3], new float[3], new float[2]));
    }
}
