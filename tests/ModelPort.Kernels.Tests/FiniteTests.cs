using CsCheck;

namespace ModelPort.Kernels.Tests;

public class FiniteTests
{
    // Mostly finite, so that the first find lies anywhere.
    private static readonly Gen<float[]> s_floats = Gen.Frequency(
        (200, Gen.Float.Where(float.IsFinite)), (1, Gen.Const(float.NaN)), (1, Gen.Const(float.NegativeInfinity))).Array[0, 300];

    [Fact]
    public void The_first_float_that_is_not_finite_is_found() => s_floats.Sample(x =>
        Assert.Equal(Array.FindIndex(x, value => !float.IsFinite(value)), Finite.IndexOfNonFinite(x)));

    [Fact]
    public void The_first_double_that_is_not_finite_is_found() => s_floats.Sample(x =>
        Assert.Equal(Array.FindIndex(x, value => !float.IsFinite(value)), Finite.IndexOfNonFinite(Array.ConvertAll(x, value => (double)value))));

    [Fact]
    public void The_first_brain_float_that_is_not_finite_is_found() => s_floats.Sample(x =>
    {
        ushort[] bits = Array.ConvertAll(x, value => (ushort)(BitConverter.SingleToUInt32Bits(value) >> 16));
        Assert.Equal(Array.FindIndex(x, value => !float.IsFinite(value)), Finite.IndexOfNonFiniteBFloat16(bits));
    });

    [Fact]
    public void The_first_half_that_is_not_finite_is_found() => s_floats.Sample(x =>
    {
        Half[] halves = Array.ConvertAll(x, value => (Half)value);
        Assert.Equal(
            Array.FindIndex(halves, value => !Half.IsFinite(value)),
            Finite.IndexOfNonFiniteHalf(Array.ConvertAll(halves, BitConverter.HalfToUInt16Bits)));
    });

    [Fact]
    public void The_largest_finite_numbers_pass()
    {
        Assert.Equal(-1, Finite.IndexOfNonFinite(Enumerable.Repeat(float.MaxValue, 100).ToArray()));
        Assert.Equal(-1, Finite.IndexOfNonFiniteBFloat16(Enumerable.Repeat((ushort)0xFF7F, 100).ToArray()));
        Assert.Equal(-1, Finite.IndexOfNonFiniteHalf(Enumerable.Repeat((ushort)0xFBFF, 100).ToArray()));
    }
}
