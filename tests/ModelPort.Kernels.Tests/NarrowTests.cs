using System.Runtime.InteropServices;
using CsCheck;
using ModelPort.Engines.LlamaCpp;

namespace ModelPort.Kernels.Tests;

public class NarrowTests
{
    // Any bits at all: NaN with any payload, infinities, denormals.
    private static readonly Gen<float[]> s_floats =
        Gen.OneOf(Gen.UInt.Select(BitConverter.UInt32BitsToSingle), Gen.Float[-70000f, 70000f], Gen.Float[-1e-4f, 1e-4f]).Array[0, 100];

    [Fact]
    public void Brain_floats_have_the_bits_of_ggml() => s_floats.Sample(x =>
    {
        ushort[] expected = new ushort[x.Length], actual = new ushort[x.Length];
        GgmlQuantizer.ToBFloat16(x, expected);
        Narrow.ToBFloat16(x, actual);
        Assert.Equal(expected, actual);
    });

    [Fact]
    public void Halves_have_the_bits_of_ggml() => s_floats.Sample(x =>
    {
        var expected = new Half[x.Length];
        var actual = new ushort[x.Length];
        GgmlQuantizer.ToHalf(x, expected);
        Narrow.ToHalf(x, actual);
        Assert.Equal(MemoryMarshal.Cast<Half, ushort>(expected).ToArray(), actual);
    });

    [Fact]
    public void Losses_of_half_precision_are_counted() => s_floats.Sample(x =>
    {
        int overflowed = Narrow.ToHalf(x, new ushort[x.Length], out int underflowed);
        Assert.Equal(x.Count(value => float.IsFinite(value) && Half.IsInfinity((Half)value)), overflowed);
        Assert.Equal(x.Count(value => value != 0 && Math.Abs(value) < (float)BitConverter.UInt16BitsToHalf(0x0400)), underflowed);
    });

    [Fact]
    public void Every_half_survives_widening_and_narrowing()
    {
        ushort[] all = [.. Enumerable.Range(0, 65536).Select(bits => (ushort)bits).Where(bits => !Half.IsNaN(BitConverter.UInt16BitsToHalf(bits)))];
        var wide = new float[all.Length];
        var back = new ushort[all.Length];
        Widen.FromHalf(all, wide);
        Assert.Equal(0, Narrow.ToHalf(wide, back));
        Assert.Equal(all, back);
    }

    [Fact]
    public void A_short_destination_is_refused()
    {
        Assert.Throws<ArgumentException>(() => Narrow.ToBFloat16(new float[2], new ushort[1]));
        Assert.Throws<ArgumentException>(() => Narrow.ToHalf(new float[2], new ushort[1]));
    }
}
