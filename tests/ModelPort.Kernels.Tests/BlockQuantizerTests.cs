using CsCheck;
using ModelPort.Engines.LlamaCpp;
using ModelPort.Kernels.Lanes;
using ModelPort.Kernels.Scalar;

namespace ModelPort.Kernels.Tests;

/// <summary>The yardstick is ggml_quantize_chunk of the released library. MODELPORT_TEST_BLOCKS sets how many blocks each case compares.</summary>
public class BlockQuantizerTests
{
    private static readonly int s_blocks = int.TryParse(Environment.GetEnvironmentVariable("MODELPORT_TEST_BLOCKS"), out int blocks) ? blocks : 2500;

    private delegate void Quantizer(BlockType type, ReadOnlySpan<float> rows, int rowLength, ReadOnlySpan<float> importance, Span<byte> destination);

    public static TheoryData<BlockType> Types => [.. Enum.GetValues<BlockType>().Where(BlockQuantizer.IsSupported)];

    [Theory]
    [MemberData(nameof(Types))]
    public void The_definition_gives_the_bytes_of_ggml(BlockType type) => AgreesWithGgml(type, ScalarQuantizer.Quantize);

    [Theory]
    [MemberData(nameof(Types))]
    public void Lanes_of_128_bits_give_the_bytes_of_ggml(BlockType type) => AgreesWithGgml(type, Lanes(128));

    [Theory]
    [MemberData(nameof(Types))]
    public void Lanes_of_256_bits_give_the_bytes_of_ggml(BlockType type) => AgreesWithGgml(type, Lanes(256));

    [Theory]
    [MemberData(nameof(Types))]
    public void Lanes_of_512_bits_give_the_bytes_of_ggml(BlockType type) => AgreesWithGgml(type, Lanes(512));

    [Theory]
    [MemberData(nameof(Types))]
    public void The_chosen_lanes_give_the_bytes_of_ggml_on_long_rows(BlockType type)
    {
        // More blocks than any kernel takes at once, a length that no number of lanes divides.
        int elements = BlockQuantizer.BlockElements(type), rowLength = 37 * elements;
        foreach (ImportanceKind importance in new[] { ImportanceKind.None, ImportanceKind.LogNormal })
        {
            (float[] values, float[] weights) = Accepted(type, Rows.Create(RowKind.Outliers, 7, 5 * rowLength), Rows.Importance(importance, 7, rowLength), rowLength);
            Compare(type, values, rowLength, weights, Public);
        }
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void Block_sizes_are_those_of_ggml(BlockType type)
    {
        Assert.Equal(GgmlQuantizer.BlockLength((int)type), BlockQuantizer.BlockElements(type));
        Assert.Equal(GgmlQuantizer.RowBytes((int)type, BlockQuantizer.BlockElements(type)), BlockQuantizer.BlockBytes(type));
    }

    [Fact]
    public void Lengths_that_do_not_fit_are_refused()
    {
        var row = new float[256];
        var block = new byte[144];
        Assert.Throws<ArgumentException>(() => BlockQuantizer.Quantize(BlockType.Q4_K, row, block, 100));
        Assert.Throws<ArgumentException>(() => BlockQuantizer.Quantize(BlockType.Q4_K, row, block, 512));
        Assert.Throws<ArgumentException>(() => BlockQuantizer.Quantize(BlockType.Q4_K, row, block, 0));
        Assert.Throws<ArgumentException>(() => BlockQuantizer.Quantize(BlockType.Q4_K, row, new byte[143], 256));
        Assert.Throws<ArgumentException>(() => BlockQuantizer.Quantize(BlockType.Q4_K, row, block, 256, new float[255]));
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void Importance_is_required_where_ggml_requires_it(BlockType type)
    {
        int elements = BlockQuantizer.BlockElements(type);
        bool required = GgmlQuantizer.RequiresImportance((int)type);
        Assert.Equal(required, BlockQuantizer.RequiresImportance(type));
        Exception? exception = Record.Exception(() => BlockQuantizer.Quantize(type, new float[elements], new byte[BlockQuantizer.BlockBytes(type)], elements));
        Assert.Equal(required, exception is ArgumentException);
    }

    [Fact]
    public void A_type_without_a_kernel_is_refused()
    {
        Assert.False(BlockQuantizer.IsSupported(BlockType.IQ1_S));
        Assert.Throws<NotSupportedException>(() => BlockQuantizer.Quantize(BlockType.IQ1_S, new float[256], new byte[50], 256));
        Assert.Throws<ArgumentOutOfRangeException>(() => BlockQuantizer.BlockBytes((BlockType)9999));
    }

    private static Quantizer Lanes(int bits) => (type, rows, rowLength, importance, destination) =>
        LaneQuantizer.Quantize(bits, type, rows, rowLength, importance, destination);

    private static void AgreesWithGgml(BlockType type, Quantizer quantizer)
    {
        Assert.True(GgmlQuantizer.Supports((int)type));
        const int MaxBlocks = 9, MaxRows = 3, MeanBlocks = (MaxBlocks + 1) / 2 * ((MaxRows + 1) / 2);
        int elements = BlockQuantizer.BlockElements(type);
        Gen.Select(Gen.Enum<RowKind>(), Gen.Enum<ImportanceKind>(), Gen.Int[1, MaxBlocks], Gen.Int[1, MaxRows], Gen.Int[0, int.MaxValue - 1])
            .Sample(
                (kind, importance, blocks, rows, seed) =>
                {
                    int rowLength = blocks * elements;
                    (float[] values, float[] weights) = Accepted(type, Rows.Create(kind, seed, rows * rowLength), Rows.Importance(importance, seed, rowLength), rowLength);
                    Compare(type, values, rowLength, weights, quantizer);
                },
                iter: Math.Max(1, s_blocks / MeanBlocks / (GgmlQuantizer.LargestValue((int)type) < float.MaxValue ? 5 : 1)));
    }

    /// <summary>What ggml takes without ending the process: some types demand importance, and grids are searched within limits.</summary>
    private static (float[] Rows, float[] Importance) Accepted(BlockType type, float[] rows, float[] importance, int rowLength)
    {
        float limit = GgmlQuantizer.LargestValue((int)type) / 10;
        return (
            limit < 1e30f ? [.. rows.Select(x => Math.Clamp(x, -limit, limit))] : rows,
            importance.Length == 0 && GgmlQuantizer.RequiresImportance((int)type) ? [.. Enumerable.Repeat(1f, rowLength)] : importance);
    }

    private static void Public(BlockType type, ReadOnlySpan<float> rows, int rowLength, ReadOnlySpan<float> importance, Span<byte> destination) =>
        BlockQuantizer.Quantize(type, rows, destination, rowLength, importance);

    private static void Compare(BlockType type, float[] rows, int rowLength, float[] importance, Quantizer quantizer)
    {
        int bytes = BlockQuantizer.BlockBytes(type), blocks = rows.Length / BlockQuantizer.BlockElements(type);
        var expected = new byte[blocks * bytes];
        var actual = new byte[blocks * bytes];
        GgmlQuantizer.Quantize((int)type, rows, expected, rowLength, importance);
        quantizer(type, rows, rowLength, importance, actual);
        for (int b = 0; b < blocks; b++)
        {
            Assert.Equal(Convert.ToHexString(expected.AsSpan(b * bytes, bytes)), Convert.ToHexString(actual.AsSpan(b * bytes, bytes)));
        }
    }
}
