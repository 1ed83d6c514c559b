using CsCheck;
using ModelPort.Engines.LlamaCpp;

namespace ModelPort.Kernels.Tests;

/// <summary>The yardstick is the decoder of the released libggml-base, bit by bit.</summary>
public class BlockDequantizerTests
{
    public static TheoryData<BlockType> Types => [.. Enum.GetValues<BlockType>().Where(BlockDequantizer.IsSupported)];

    [Theory]
    [MemberData(nameof(Types))]
    public void Any_bytes_decode_to_the_bits_of_ggml(BlockType type) =>
        Gen.Byte.Array[BlockQuantizer.BlockBytes(type)].Array[1, 4].Sample(blocks => Compare(type, [.. blocks.SelectMany(b => b)]), iter: 2000);

    [Theory]
    [MemberData(nameof(Types))]
    public void Quantised_rows_decode_to_the_bits_of_ggml(BlockType type) =>
        Gen.Select(Gen.Enum<RowKind>(), Gen.Int[0, int.MaxValue - 1]).Sample(
            (kind, seed) =>
            {
                int elements = 3 * BlockQuantizer.BlockElements(type);
                var blocks = new byte[3 * BlockQuantizer.BlockBytes(type)];
                BlockQuantizer.Quantize(type, Rows.Create(kind, seed, elements), blocks, elements);
                Compare(type, blocks);
            },
            iter: 500);

    [Fact]
    public void Every_type_that_is_quantised_without_a_grid_is_decoded() =>
        Assert.All(
            Enum.GetValues<BlockType>().Where(BlockQuantizer.IsSupported).Where(t => t is not (BlockType.IQ3_S or BlockType.IQ3_XXS or BlockType.IQ2_S or BlockType.IQ2_XS or BlockType.IQ2_XXS)),
            type => Assert.True(BlockDequantizer.IsSupported(type)));

    [Fact]
    public void What_does_not_fit_is_refused()
    {
        Assert.Throws<NotSupportedException>(() => BlockDequantizer.Dequantize(BlockType.IQ1_S, new byte[50], new float[256]));
        Assert.Throws<ArgumentException>(() => BlockDequantizer.Dequantize(BlockType.Q4_K, new byte[143], new float[256]));
        Assert.Throws<ArgumentException>(() => BlockDequantizer.Dequantize(BlockType.Q4_K, new byte[144], new float[255]));
        BlockDequantizer.Dequantize(BlockType.Q4_K, [], []);
    }

    private static void Compare(BlockType type, byte[] blocks)
    {
        var expected = new float[blocks.Length / BlockQuantizer.BlockBytes(type) * BlockQuantizer.BlockElements(type)];
        var actual = new float[expected.Length];
        GgmlQuantizer.Dequantize((int)type, blocks, expected);
        BlockDequantizer.Dequantize(type, blocks, actual);
        for (int i = 0; i < expected.Length; i++)
        {
            if (BitConverter.SingleToInt32Bits(expected[i]) != BitConverter.SingleToInt32Bits(actual[i]) && !(float.IsNaN(expected[i]) && float.IsNaN(actual[i])))
            {
                Assert.Fail($"value {i} of {type}: {actual[i]:G9}, ggml has {expected[i]:G9}");
            }
        }
    }
}
