using ModelPort.Parity.Tasks;

namespace ModelPort.Tests.Tasks;

public sealed class McNemarTests
{
    // From Python's math.comb.
    [Theory]
    [InlineData(0, 0, 1)]
    [InlineData(3, 0, 0.25)]
    [InlineData(0, 6, 0.03125)]
    [InlineData(5, 15, 0.04138946533203125)]
    [InlineData(12, 13, 1)]
    public void Few_discordant_pairs_are_tested_exactly(int lost, int gained, double expected)
    {
        var found = McNemar.Of(lost, gained);
        Assert.Equal(McNemarTest.Exact, found.Test);
        Assert.Equal(expected, found.PValue, 1e-14);
    }

    // 121 and 59: the example of statsmodels' mcnemar; 150 and 86: that of R's mcnemar.test; the others from Python's math.erfc.
    [Theory]
    [InlineData(20, 6, 0.010787449254670352)]
    [InlineData(121, 59, 5.450094825427123e-06)]
    [InlineData(150, 86, 4.1145622813459415e-05)]
    [InlineData(13, 13, 1)]
    [InlineData(40, 38, 0.9098500327472846)]
    public void Many_discordant_pairs_are_tested_by_chi_square(int lost, int gained, double expected)
    {
        var found = McNemar.Of(lost, gained);
        Assert.Equal(McNemarTest.ChiSquare, found.Test);
        Assert.Equal(expected, found.PValue, 1e-12);
        Assert.Equal(found, McNemar.Of(gained, lost));
    }

    // From Python's math.erfc.
    [Theory]
    [InlineData(0, 1)]
    [InlineData(0.1, 0.8875370839817152)]
    [InlineData(1, 0.15729920705028513)]
    [InlineData(1.999999, 0.004677755648073953)]
    [InlineData(2, 0.004677734981047265)]
    [InlineData(3, 2.2090496998585438e-05)]
    [InlineData(10, 2.088487583762545e-45)]
    [InlineData(26, 5.663192408856143e-296)]
    public void The_error_function_equals_a_reference(double x, double expected) =>
        Assert.Equal(1, ErrorFunction.Complement(x) / expected, 1e-11);
}
