using CsCheck;
using ModelPort.Engines.LlamaCpp;

namespace ModelPort.Kernels.Tests;

public class WidenTests
{
    private static readonly ushort[] s_all = [.. Enumerable.Range(0, 65536).Select(bits => (ushort)bits)];

    [Fact]
    public void Brain_floats_widen_as_in_ggml()
    {
        float[] expected = new float[s_all.Length], actual = new float[s_all.Length];
        GgmlQuantizer.ToSingle(s_all, expected);
        Widen.FromBFloat16(s_all, actual);
        Assert.Equal(expected.Select(BitConverter.SingleToUInt32Bits), actual.Select(BitConverter.SingleToUInt32Bits));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(17)]
    [InlineData(33)]
    public void A_rest_shorter_than_a_register_widens_too(int length)
    {
        var actual = new float[length];
        Widen.FromBFloat16(s_all.AsSpan(0x3F80, length), actual);
        Assert.Equal(Enumerable.Range(0, length).Select(i => BitConverter.Int32BitsToSingle((0x3F80 + i) << 16)), actual);
    }

    [Fact]
    public void Halves_widen_exactly()
    {
        var actual = new float[s_all.Length];
        Widen.FromHalf(s_all, actual);
        Assert.Equal(s_all.Select(bits => (float)BitConverter.UInt16BitsToHalf(bits)), actual);
    }

    [Theory]
    [InlineData(0x00, 0f)]
    [InlineData(0x01, 0.001953125f)]
    [InlineData(0x08, 0.015625f)]
    [InlineData(0x38, 1f)]
    [InlineData(0x7E, 448f)]
    [InlineData(0xFE, -448f)]
    [InlineData(0x7F, float.NaN)]
    [InlineData(0xFF, float.NaN)]
    public void Float8_E4M3_widens(byte code, float expected)
    {
        var actual = new float[1];
        Widen.FromFloat8E4M3([code], actual);
        Assert.Equal(expected, actual[0]);
    }

    [Theory]
    [InlineData(0x01, 1.52587890625e-05f)]
    [InlineData(0x3C, 1f)]
    [InlineData(0x7B, 57344f)]
    [InlineData(0x7C, float.PositiveInfinity)]
    [InlineData(0xFC, float.NegativeInfinity)]
    [InlineData(0x7F, float.NaN)]
    public void Float8_E5M2_widens(byte code, float expected)
    {
        var actual = new float[1];
        Widen.FromFloat8E5M2([code], actual);
        Assert.Equal(expected, actual[0]);
    }

    [Fact]
    public void Doubles_and_integers_round_to_the_nearest_float()
    {
        Gen.Double.Array[0, 40].Sample(x => AssertSame(x, value => (float)value, (s, d) => Widen.FromDouble(s, d)));
        Gen.Long.Array[0, 40].Sample(x => AssertSame(x, value => (float)value, (s, d) => Widen.FromInteger<long>(s, d)));
        Gen.ULong.Array[0, 40].Sample(x => AssertSame(x, value => (float)value, (s, d) => Widen.FromInteger<ulong>(s, d)));
        Gen.UInt.Array[0, 40].Sample(x => AssertSame(x, value => (float)value, (s, d) => Widen.FromInteger<uint>(s, d)));
        Gen.Int.Array[0, 40].Sample(x => AssertSame(x, value => (float)value, (s, d) => Widen.FromInteger<int>(s, d)));
        Gen.Short.Array[0, 40].Sample(x => AssertSame(x, value => (float)value, (s, d) => Widen.FromInteger<short>(s, d)));
        Gen.UShort.Array[0, 40].Sample(x => AssertSame(x, value => (float)value, (s, d) => Widen.FromInteger<ushort>(s, d)));
        Gen.SByte.Array[0, 40].Sample(x => AssertSame(x, value => (float)value, (s, d) => Widen.FromInteger<sbyte>(s, d)));
        Gen.Byte.Array[0, 40].Sample(x => AssertSame(x, value => (float)value, (s, d) => Widen.FromInteger<byte>(s, d)));
    }

    [Fact]
    public void Booleans_are_zero_and_one()
    {
        var actual = new float[3];
        Widen.FromBoolean([0, 1, 255], actual);
        Assert.Equal([0f, 1f, 1f], actual);
    }

    [Fact]
    public void A_short_destination_is_refused()
    {
        Assert.Throws<ArgumentException>(() => Widen.FromBFloat16(new ushort[2], new float[1]));
        Assert.Throws<ArgumentException>(() => Widen.FromHalf(new ushort[2], new float[1]));
        Assert.Throws<ArgumentException>(() => Widen.FromFloat8E4M3(new byte[2], new float[1]));
    }

    private static void AssertSame<T>(T[] source, Func<T, float> expected, Action<T[], float[]> widen)
    {
        var actual = new float[source.Length];
        widen(source, actual);
        Assert.Equal(source.Select(expected), actual);
    }
}
