using CsCheck;
using ModelPort.Engines.LlamaCpp;
using ModelPort.Formats.Gguf;

namespace ModelPort.Engines.Tests;

public class GgmlQuantizerTests
{
    private const int Q8_0 = 8;
    private const int Q4_K = 12;
    private const int IQ2_XXS = 16;
    private const int RowLength = 256;

    // The grids of IQ1_S, IQ2_S and IQ1_M take ggml many seconds to build at their first use.
    private static readonly int[] SlowToBegin = [19, 22, 29];

    public static TheoryData<int> Targets => [.. Enumerable.Range(-1, 60).Where(GgmlQuantizer.Supports).Except(SlowToBegin)];

    public static TheoryData<int> NoTargets => [.. Enumerable.Range(-1, 60).Append(int.MaxValue).Append(int.MinValue).Where(type => !GgmlQuantizer.Supports(type))];

    [Theory]
    [MemberData(nameof(Targets))]
    public void Every_target_type_quantises_rows_to_valid_blocks(int type)
    {
        var source = Noise(4 * RowLength);

        var bytes = Quantize(type, source);

        Assert.Equal(4 * GgmlTypes.RowBytes((GgmlType)type, RowLength), bytes.Length);
        Assert.True(GgmlQuantizer.Validate(type, bytes));
        Assert.Contains(bytes, value => value != 0);
        Assert.Equal(GgmlTypes.BlockElements((GgmlType)type), GgmlQuantizer.BlockLength(type));
        Assert.Equal(GgmlTypes.Name((GgmlType)type), GgmlQuantizer.TypeName(type), ignoreCase: true);
    }

    [Theory]
    [MemberData(nameof(Targets))]
    public void Rows_split_over_threads_give_the_same_bytes(int type)
    {
        const int Rows = 6;
        var source = Noise(Rows * RowLength);
        var importance = Importance(type);
        var whole = Quantize(type, source);
        var rowBytes = (int)GgmlQuantizer.RowBytes(type, RowLength);

        var split = new byte[Rows * rowBytes];
        Parallel.For(0, Rows, new ParallelOptions { MaxDegreeOfParallelism = 4 }, row => GgmlQuantizer.Quantize(
            type, source.AsSpan(row * RowLength, RowLength), split.AsSpan(row * rowBytes, rowBytes), RowLength, importance));

        Assert.Equal(whole, split);
    }

    [Theory]
    [MemberData(nameof(NoTargets))]
    public void A_type_that_nothing_quantises_to_is_refused(int type)
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => GgmlQuantizer.Quantize(type, new float[32], new byte[32], 32));
        Assert.Throws<ArgumentOutOfRangeException>(() => GgmlQuantizer.RowBytes(type, 256));
        Assert.Throws<ArgumentOutOfRangeException>(() => GgmlQuantizer.RequiresImportance(type));
        Assert.Throws<ArgumentOutOfRangeException>(() => GgmlQuantizer.TypeName(type));
        Assert.Throws<ArgumentOutOfRangeException>(() => GgmlQuantizer.Validate(type, []));
    }

    [Theory]
    [MemberData(nameof(Targets))]
    public void NaN_and_infinity_are_refused_where_they_would_be_lost(int type)
    {
        foreach (var bad in new[] { float.NaN, float.PositiveInfinity, float.NegativeInfinity })
        {
            foreach (var at in new[] { 0, 200, 255 })
            {
                var source = Noise(RowLength);
                source[at] = bad;
                if (type is 0 or 1 or 30)
                {
                    Quantize(type, source);
                }
                else
                {
                    Assert.Throws<ArgumentException>(() => Quantize(type, source));
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Targets))]
    public void Values_near_the_end_of_the_range_do_not_end_the_process(int type)
    {
        foreach (var largest in new[] { 1e5f, 1e10f, 1e20f, float.MaxValue })
        {
            var source = Noise(RowLength);
            source[7] = largest;
            source[100] = -largest;
            try
            {
                Quantize(type, source);
            }
            catch (ArgumentException)
            {
                Assert.True(largest > 1e10f && type is 16 or 17 or 18 or 21);
            }
        }
    }

    [Fact]
    public void Lengths_that_do_not_fit_are_refused()
    {
        var bytes = new byte[144];
        Assert.Throws<ArgumentOutOfRangeException>(() => GgmlQuantizer.Quantize(Q4_K, new float[255], bytes, 255));
        Assert.Throws<ArgumentOutOfRangeException>(() => GgmlQuantizer.Quantize(Q4_K, new float[256], bytes, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => GgmlQuantizer.Quantize(Q4_K, new float[256], bytes, -256));
        Assert.Throws<ArgumentException>(() => GgmlQuantizer.Quantize(Q4_K, new float[257], bytes, 256));
        Assert.Throws<ArgumentException>(() => GgmlQuantizer.Quantize(Q4_K, new float[256], bytes.AsSpan(1), 256));
        Assert.Throws<ArgumentException>(() => GgmlQuantizer.Quantize(Q4_K, new float[256], new byte[145], 256));
        Assert.Throws<ArgumentException>(() => GgmlQuantizer.Quantize(Q4_K, new float[256], bytes, 512));
        Assert.Throws<ArgumentException>(() => GgmlQuantizer.Quantize(Q4_K, new float[256], bytes, 256, new float[255]));
        Assert.Throws<ArgumentException>(() => GgmlQuantizer.Validate(Q4_K, new byte[143]));
        GgmlQuantizer.Quantize(Q4_K, [], [], 256);
    }

    [Fact]
    public void Importance_is_required_where_ggml_requires_it()
    {
        int[] needy = [16, 17];
        Assert.All(Targets, row => Assert.Equal(needy.Contains(row.Data), GgmlQuantizer.RequiresImportance(row.Data)));
        Assert.Equal([true, false, false], SlowToBegin.Select(GgmlQuantizer.RequiresImportance));

        Assert.Throws<ArgumentException>(() => GgmlQuantizer.Quantize(IQ2_XXS, new float[256], new byte[GgmlQuantizer.RowBytes(IQ2_XXS, 256)], 256));
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(-1f)]
    public void Unusable_importance_is_refused(float weight)
    {
        var importance = new float[256];
        importance[100] = weight;

        Assert.Throws<ArgumentException>(() => GgmlQuantizer.Quantize(Q4_K, new float[256], new byte[144], 256, importance));
    }

    [Fact]
    public void Importance_changes_the_result()
    {
        var source = Noise(256);
        var (with, without) = (new byte[144], new byte[144]);
        GgmlQuantizer.Quantize(Q4_K, source, without, 256);
        GgmlQuantizer.Quantize(Q4_K, source, with, 256, [.. Enumerable.Range(0, 256).Select(i => i % 7 == 0 ? 100f : 0.01f)]);

        Assert.NotEqual(without, with);
    }

    [Fact]
    public void Q8_0_keeps_values_within_half_a_step()
    {
        Gen.Float[-1e4f, 1e4f].Array[32].Sample(values =>
        {
            var block = new byte[34];
            GgmlQuantizer.Quantize(Q8_0, values, block, 32);
            var scale = (float)BitConverter.ToHalf(block);
            var largest = values.Max(Math.Abs);
            for (var i = 0; i < 32; i++)
            {
                Assert.InRange(Math.Abs((scale * (sbyte)block[i + 2]) - values[i]), 0, (largest / 127 * 0.6f) + 1e-6f);
            }
        });
    }

    [Fact]
    public void Quantised_rows_decode_to_what_they_stand_for()
    {
        var values = Noise(64);
        var blocks = new byte[2 * 34];
        var decoded = new float[64];
        GgmlQuantizer.Quantize(Q8_0, values, blocks, 64);
        GgmlQuantizer.Dequantize(Q8_0, blocks, decoded);
        Assert.Equal(Enumerable.Range(0, 64).Select(i => (float)BitConverter.ToHalf(blocks, i / 32 * 34) * (sbyte)blocks[(i / 32 * 34) + 2 + (i % 32)]), decoded);

        Assert.Throws<ArgumentException>(() => GgmlQuantizer.Dequantize(Q8_0, new byte[33], new float[32]));
        Assert.Throws<ArgumentException>(() => GgmlQuantizer.Dequantize(Q8_0, new byte[34], new float[31]));
        Assert.Throws<ArgumentOutOfRangeException>(() => GgmlQuantizer.Dequantize(0, new byte[4], new float[1]));
        Assert.Throws<ArgumentOutOfRangeException>(() => GgmlQuantizer.Dequantize(9, new byte[36], new float[32]));
    }

    [Fact]
    public void Every_half_widens_as_dotnet_widens_it()
    {
        var halves = Enumerable.Range(0, 65536).Select(bits => BitConverter.UInt16BitsToHalf((ushort)bits)).ToArray();
        var widened = new float[halves.Length];
        GgmlQuantizer.ToSingle(halves, widened);

        Assert.All(halves.Zip(widened), pair => Assert.True((float)pair.First == pair.Second || (Half.IsNaN(pair.First) && float.IsNaN(pair.Second))));
    }

    [Fact]
    public void Singles_narrow_to_the_nearest_half_and_bfloat16()
    {
        Gen.Float.Where(float.IsFinite).Array[1, 64].Sample(values =>
        {
            var halves = new Half[values.Length];
            GgmlQuantizer.ToHalf(values, halves);
            Assert.Equal(values.Select(value => (Half)value), halves);

            var narrow = new ushort[values.Length];
            GgmlQuantizer.ToBFloat16(values, narrow);
            Assert.Equal(values.Select(NearestBFloat16), narrow);

            var wide = new float[values.Length];
            GgmlQuantizer.ToSingle(narrow, wide);
            Assert.Equal(narrow.Select(bits => (uint)bits << 16), wide.Select(BitConverter.SingleToUInt32Bits));
        });
        Assert.Throws<ArgumentException>(() => GgmlQuantizer.ToHalf(new float[2], new Half[1]));
        Assert.Throws<ArgumentException>(() => GgmlQuantizer.ToBFloat16(new float[1], new ushort[2]));
        Assert.Throws<ArgumentException>(() => GgmlQuantizer.ToSingle(new Half[1], new float[2]));
        Assert.Throws<ArgumentException>(() => GgmlQuantizer.ToSingle(new ushort[3], new float[2]));
    }

    // Round to nearest, ties to even, on the upper half of the bits.
    private static ushort NearestBFloat16(float value)
    {
        var bits = BitConverter.SingleToUInt32Bits(value);
        return (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }

    private static float[] Importance(int type) => GgmlQuantizer.RequiresImportance(type)
        ? [.. Enumerable.Range(0, RowLength).Select(i => 0.5f + (i % 5))]
        : [];

    private static byte[] Quantize(int type, float[] source)
    {
        var bytes = new byte[source.Length / RowLength * GgmlQuantizer.RowBytes(type, RowLength)];
        GgmlQuantizer.Quantize(type, source, bytes, RowLength, Importance(type));
        return bytes;
    }

    private static float[] Noise(int count)
    {
        var random = new Random(count);
        return [.. Enumerable.Range(0, count).Select(_ => (float)((random.NextDouble() + random.NextDouble() + random.NextDouble() - 1.5) / 3))];
    }
}
