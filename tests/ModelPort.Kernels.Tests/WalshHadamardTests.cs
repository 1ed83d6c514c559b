using System.Numerics;
using CsCheck;

namespace ModelPort.Kernels.Tests;

public class WalshHadamardTests
{
    [Fact]
    public void It_is_the_product_with_Sylvesters_matrix() =>
        Gen.Int[0, 7].SelectMany(log => Gen.Int[-100, 100].Array[1 << log]).Sample(x =>
        {
            // An entry is -1 where row and column share an odd number of ones.
            float[] expected = [.. Enumerable.Range(0, x.Length).Select(row => (float)Enumerable.Range(0, x.Length).Sum(column => BitOperations.PopCount((uint)(row & column)) % 2 == 0 ? x[column] : -x[column]))];
            float[] actual = [.. x];
            WalshHadamard.Transform(actual);
            Assert.Equal(expected, actual);
        });

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(96)]
    public void Lengths_that_are_no_power_of_two_are_refused(int length) => Assert.Throws<ArgumentException>(() => WalshHadamard.Transform(new float[length]));
}
