using ModelPort.Formats.Gguf;

namespace ModelPort.Formats.Tests;

public sealed class GgmlTypesTests
{
    [Theory]
    [InlineData(GgmlType.F32, 0, 1, 4)]
    [InlineData(GgmlType.BF16, 30, 1, 2)]
    [InlineData(GgmlType.Q4_0, 2, 32, 18)]
    [InlineData(GgmlType.Q8_0, 8, 32, 34)]
    [InlineData(GgmlType.Q2_K, 10, 256, 84)]
    [InlineData(GgmlType.Q4_K, 12, 256, 144)]
    [InlineData(GgmlType.Q6_K, 14, 256, 210)]
    [InlineData(GgmlType.IQ4_NL, 20, 32, 18)]
    [InlineData(GgmlType.IQ4_XS, 23, 256, 136)]
    [InlineData(GgmlType.TQ1_0, 34, 256, 54)]
    [InlineData(GgmlType.TQ2_0, 35, 256, 66)]
    [InlineData(GgmlType.MXFP4, 39, 32, 17)]
    [InlineData(GgmlType.NVFP4, 40, 64, 36)]
    [InlineData(GgmlType.Q2_0, 42, 64, 18)]
    public void Ids_and_blocks_are_those_of_ggml(GgmlType type, uint id, int elements, int bytes)
    {
        Assert.Equal(id, (uint)type);
        Assert.Equal(elements, GgmlTypes.BlockElements(type));
        Assert.Equal(bytes, GgmlTypes.BlockBytes(type));
    }

    [Fact]
    public void Every_type_has_a_block_and_finds_itself_by_its_name()
    {
        foreach (GgmlType type in Enum.GetValues<GgmlType>())
        {
            Assert.True(GgmlTypes.IsKnown(type));
            Assert.InRange(GgmlTypes.BlockBytes(type) * 8.0 / GgmlTypes.BlockElements(type), 1, 64);
            Assert.True(GgmlTypes.TryParse(GgmlTypes.Name(type).ToLowerInvariant(), out GgmlType parsed));
            Assert.Equal(type, parsed);
        }

        Assert.False(GgmlTypes.TryParse("8", out _));
        Assert.False(GgmlTypes.TryParse("Q4_K_M", out _));
    }

    [Theory]
    [InlineData(4u)]
    [InlineData(31u)]
    [InlineData(38u)]
    [InlineData(43u)]
    [InlineData(uint.MaxValue)]
    public void Removed_and_unknown_ids_are_no_types(uint id)
    {
        Assert.False(GgmlTypes.IsKnown((GgmlType)id));
        Assert.Throws<ArgumentOutOfRangeException>(() => GgmlTypes.BlockBytes((GgmlType)id));
    }

    [Fact]
    public void Sizes_count_whole_blocks_only()
    {
        Assert.Equal(288, GgmlTypes.RowBytes(GgmlType.Q4_K, 512));
        Assert.Equal(288 * 6, GgmlTypes.TensorBytes(GgmlType.Q4_K, [512, 3, 2]));
        Assert.Equal(4, GgmlTypes.TensorBytes(GgmlType.F32, []));
        Assert.Throws<ArgumentException>(() => GgmlTypes.RowBytes(GgmlType.Q4_K, 300));
        Assert.Throws<ArgumentException>(() => GgmlTypes.TensorBytes(GgmlType.Q4_K, [128, 2]));
        Assert.Throws<ArgumentException>(() => GgmlTypes.TensorBytes(GgmlType.F32, [1L << 31, 1L << 31]));
    }
}
