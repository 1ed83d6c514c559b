using CsCheck;

namespace ModelPort.Kernels.Tests;

public class LinearQuantizerTests
{
    private static readonly Gen<float[]> s_floats = Gen.OneOf(Gen.Float[-300f, 300f], Gen.Float[-1e-3f, 1e-3f], Gen.Int[-400, 400].Select(i => i / 2f)).Array[0, 150];

    private static readonly Gen<float> s_scales = Gen.OneOf(Gen.Const(1f), Gen.Const(0.5f), Gen.Float[1e-5f, 10f]);

    [Fact]
    public void Signed_integers_are_the_nearest_even_ones_within_127() => Gen.Select(s_floats, s_scales).Sample((x, scale) =>
    {
        var actual = new sbyte[x.Length];
        LinearQuantizer.ToInt8(x, scale, actual);
        Assert.Equal(x.Select(value => (sbyte)Math.Clamp(Math.Round((double)(value / scale), MidpointRounding.ToEven), -127, 127)), actual);

        var each = new sbyte[x.Length];
        LinearQuantizer.ToInt8(x, [.. x.Select(_ => scale)], each);
        Assert.Equal(actual, each);
    });

    [Fact]
    public void Unsigned_integers_count_from_the_zero_point() => Gen.Select(s_floats, s_scales, Gen.Byte).Sample((x, scale, zero) =>
    {
        var actual = new byte[x.Length];
        LinearQuantizer.ToUInt8(x, scale, zero, actual);
        Assert.Equal(x.Select(value => (byte)Math.Clamp(Math.Round((double)(value / scale), MidpointRounding.ToEven) + zero, 0, 255)), actual);
    });

    [Fact]
    public void The_largest_magnitude_is_found_and_NaN_is_above_all() => s_floats.Sample(x =>
    {
        Assert.Equal(x.Select(Math.Abs).DefaultIfEmpty(0).Max(), LinearQuantizer.LargestMagnitude(x));
        Assert.True(float.IsNaN(LinearQuantizer.LargestMagnitude([.. x, float.NaN, float.NegativeInfinity])));
    });

    [Fact]
    public void A_bias_is_rounded_to_even_and_kept_within_32_bits()
    {
        Assert.Equal([2, -2, int.MaxValue, int.MinValue], [LinearQuantizer.ToInt32(2.5f, 1), LinearQuantizer.ToInt32(-1.5f, 1), LinearQuantizer.ToInt32(1e30f, 1e-3), LinearQuantizer.ToInt32(-1e30f, 1e-3)]);
    }

    [Fact]
    public void Eight_bit_floats_are_the_nearest_of_all_codes() => Gen.OneOf(Gen.Float[-500f, 500f], Gen.Float[-0.1f, 0.1f], Gen.UInt.Select(BitConverter.UInt32BitsToSingle).Where(float.IsFinite)).Array[0, 50].Sample(x =>
    {
        var codes = new byte[x.Length];
        Float8.ToE4M3(x, 1, codes);
        for (var i = 0; i < x.Length; i++)
        {
            Assert.Equal(Nearest(x[i]), codes[i]);
        }
    });

    [Fact]
    public void Every_eight_bit_float_survives_widening_and_narrowing()
    {
        byte[] all = [.. Enumerable.Range(0, 256).Select(code => (byte)code)], back = new byte[256];
        var wide = new float[256];
        Widen.FromFloat8E4M3(all, wide);
        Float8.ToE4M3(wide, 1, back);
        Assert.All(all, code => Assert.Equal((code & 0x7F) == 0x7F ? back[code] | 0x80 : code, (code & 0x7F) == 0x7F ? 0xFF : back[code]));
    }

    [Fact]
    public void A_block_around_the_middle_holds_its_extreme_exactly() => Gen.Select(Gen.Float[-10f, 10f].Array[1, 64], Gen.OneOf(Gen.Const(4), Gen.Const(8))).Sample((x, bits) =>
    {
        var codes = new byte[x.Length];
        var scale = NBitsQuantizer.Symmetric(x, bits, out var middle);
        NBitsQuantizer.Encode(x, bits, scale, middle, codes);
        Assert.Equal(1 << (bits - 1), middle);
        if (IsTooSmall(scale))
        {
            Assert.All(codes, code => Assert.Equal(middle, code));
            return;
        }

        var extreme = Array.FindIndex(x, value => Math.Abs(value) == x.Max(Math.Abs));
        Assert.Equal(x.All(value => value == 0) ? middle : 0, codes[extreme]);
        Assert.All(x.Zip(codes), pair => Assert.InRange(Math.Abs(pair.First - ((pair.Second - middle) * scale)), 0, Math.Abs(scale) * 1.0001));
    });

    [Fact]
    public void A_block_with_a_zero_point_holds_zero_exactly() => Gen.Select(Gen.Float[-3f, 10f].Array[1, 64], Gen.OneOf(Gen.Const(4), Gen.Const(8))).Sample((x, bits) =>
    {
        var codes = new byte[x.Length];
        var scale = NBitsQuantizer.Asymmetric(x, bits, out var zero);
        NBitsQuantizer.Encode(x, bits, scale, zero, codes);
        if (IsTooSmall(scale))
        {
            Assert.All(codes, code => Assert.Equal(zero, code));
            return;
        }

        Assert.All(x.Zip(codes), pair => Assert.InRange(Math.Abs(pair.First - ((pair.Second - zero) * scale)), 0, scale * 1.0001));
        Assert.All(codes, code => Assert.InRange(code, 0, (1 << bits) - 1));
    });

    [Fact]
    public void Blocks_of_any_length_are_encoded_as_one_value_after_the_other() => Gen.Select(Gen.Float[-10f, 10f].Array[1, 300], Gen.OneOf(Gen.Const(4), Gen.Const(8)), Gen.Bool).Sample((x, bits, symmetric) =>
    {
        // Two of the greatest magnitude, so that the first decides.
        x = [.. x, x.MaxBy(Math.Abs) * -1];
        var scale = symmetric ? NBitsQuantizer.Symmetric(x, bits, out var zero) : NBitsQuantizer.Asymmetric(x, bits, out zero);
        var extreme = x.Aggregate(0f, (found, value) => Math.Abs(value) > Math.Abs(found) ? value : found);
        var (min, max) = (Math.Min(0, x.Min()), Math.Max(0, x.Max()));
        Assert.Equal(BitConverter.SingleToInt32Bits(symmetric ? extreme / -(1 << (bits - 1)) : (max - min) / ((1 << bits) - 1)), BitConverter.SingleToInt32Bits(scale));
        var codes = new byte[x.Length];
        NBitsQuantizer.Encode(x, bits, scale, zero, codes);
        var inverse = scale == 0 || IsTooSmall(scale) ? 0 : 1 / scale;
        Assert.Equal(x.Select(value => (byte)Math.Clamp(MathF.Round(value * inverse) + zero, 0, (1 << bits) - 1)), codes);
    });

    [Fact]
    public void A_block_of_zeros_has_no_scale()
    {
        var codes = new byte[40];
        float[] zeros = [.. Enumerable.Range(0, 40).Select(i => i % 2 == 0 ? -0f : 0)];
        Assert.Equal(0, NBitsQuantizer.Symmetric(zeros, 8, out var middle));
        NBitsQuantizer.Encode(zeros, 8, 0, middle, codes);
        Assert.All(codes, code => Assert.Equal(128, code));
        Assert.Equal(0, NBitsQuantizer.Asymmetric(zeros, 4, out var zero));
        Assert.Equal(0, zero);
    }

    [Fact]
    public void Codes_of_4_bits_are_packed_from_the_low_half_on()
    {
        var packed = new byte[2];
        NBitsQuantizer.Pack4([1, 2, 3], packed);
        Assert.Equal([0x21, 0x03], packed);
    }

    [Fact]
    public void A_short_destination_is_refused()
    {
        Assert.Throws<ArgumentException>(() => LinearQuantizer.ToInt8(new float[2], 1, new sbyte[1]));
        Assert.Throws<ArgumentException>(() => LinearQuantizer.ToInt8(new float[2], new float[1], new sbyte[2]));
        Assert.Throws<ArgumentException>(() => LinearQuantizer.ToUInt8(new float[2], 1, 0, new byte[1]));
        Assert.Throws<ArgumentException>(() => Float8.ToE4M3(new float[2], 1, new byte[1]));
    }

    // Of all finite codes the nearest; of two, the even one.
    private static byte Nearest(float value)
    {
        byte[] all = [.. Enumerable.Range(0, 256).Where(code => (code & 0x7F) != 0x7F && (code >= 128) == float.IsNegative(value)).Select(code => (byte)code)];
        var wide = new float[all.Length];
        Widen.FromFloat8E4M3(all, wide);
        var within = Math.Clamp(value, -Float8.Largest, Float8.Largest);
        return Enumerable.Range(0, all.Length).OrderBy(i => Math.Abs((double)wide[i] - within)).ThenBy(i => all[i] & 1).Select(i => all[i]).First();
    }

    // A scale of so few bits that its inverse is infinite: such values become zeros.
    private static bool IsTooSmall(float scale) => scale != 0 && float.IsInfinity(1 / scale);
}
