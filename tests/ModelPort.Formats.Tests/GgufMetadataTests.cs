using ModelPort.Formats.Gguf;

namespace ModelPort.Formats.Tests;

public sealed class GgufMetadataTests
{
    [Fact]
    public void Elements_of_an_array_are_text_for_people_whatever_their_type()
    {
        Assert.Equal("b", GgufValue.FromArray<string>(["a", "b"]).ElementText(1));
        Assert.Equal("-7", GgufValue.FromArray<int>([3, -7]).ElementText(1));
        Assert.Equal("0.5", GgufValue.FromArray<float>([0.5f]).ElementText(0));
        Assert.Throws<IndexOutOfRangeException>(() => GgufValue.FromArray<int>([1]).ElementText(1));
        Assert.Throws<InvalidOperationException>(() => GgufValue.From("text").ElementText(0));
    }

    [Fact]
    public void Setting_a_key_again_keeps_its_place()
    {
        GgufMetadata metadata = new();
        metadata.Set("a", 1u);
        metadata.Set("b", 2u);
        metadata.Set("a", "changed");
        metadata.Set("c", 3u);
        Assert.True(metadata.Remove("b"));
        Assert.False(metadata.Remove("b"));

        Assert.Equal(["a", "c"], metadata.Select(entry => entry.Key));
        Assert.True(metadata.TryGetString("a", out string? text));
        Assert.Equal("changed", text);
    }

    [Fact]
    public void Integers_are_read_from_any_integer_type_that_fits_and_from_no_other()
    {
        GgufMetadata metadata = new();
        metadata.Set("u16", (ushort)65535);
        metadata.Set("i32", -1);
        metadata.Set("u64", ulong.MaxValue);
        metadata.Set("f", 1f);
        metadata.Set("b", true);

        Assert.True(metadata.TryGetInt64("u16", out long value) && value == 65535);
        Assert.True(metadata.TryGetInt64("i32", out value) && value == -1);
        Assert.False(metadata.TryGetInt64("u64", out _));
        Assert.True(metadata["u64"].TryGetUInt64(out ulong unsigned) && unsigned == ulong.MaxValue);
        Assert.False(metadata["i32"].TryGetUInt64(out _));
        Assert.False(metadata.TryGetInt64("f", out _));
        Assert.False(metadata.TryGetInt64("b", out _));
        Assert.False(metadata.TryGetInt64("none", out _));
        Assert.True(metadata.TryGetBool("b", out bool flag) && flag);
        Assert.True(metadata.TryGetDouble("f", out double number) && number == 1);
    }

    [Fact]
    public void Arrays_are_copied_in_and_typed_exactly()
    {
        int[] source = [1, 2];
        GgufMetadata metadata = new();
        metadata.Set("a", source);
        source[0] = 99;

        Assert.True(metadata.TryGetArray("a", out ReadOnlySpan<int> elements));
        Assert.Equal([1, 2], elements.ToArray());
        Assert.False(metadata.TryGetArray("a", out ReadOnlySpan<uint> _));
        Assert.Equal(GgufValueType.Int32, metadata["a"].ElementType);
        Assert.Equal(2, metadata["a"].Count);
    }

    [Fact]
    public void Values_are_equal_by_type_and_bits()
    {
        Assert.Equal(GgufValue.From(float.NaN), GgufValue.From(float.NaN));
        Assert.NotEqual(GgufValue.From(0f), GgufValue.From(-0f));
        Assert.NotEqual(GgufValue.FromArray<float>([0f]), GgufValue.FromArray<float>([-0f]));
        Assert.Equal(GgufValue.FromArray<double>([double.NaN]), GgufValue.FromArray<double>([double.NaN]));
        Assert.NotEqual(GgufValue.From(1u), GgufValue.From(1));
        Assert.NotEqual(GgufValue.FromArray<int>([1]), GgufValue.FromArray<int>([1, 2]));
        Assert.NotEqual(GgufValue.FromArray<string>([]), GgufValue.FromArray<int>([]));
        Assert.Equal(GgufValue.FromArray<string>(["x"]), GgufValue.FromArray<string>(["x"]));
        Assert.Throws<ArgumentException>(() => GgufValue.From(1m));
    }

    [Fact]
    public void Keys_are_never_empty_nor_longer_than_the_format_allows()
    {
        GgufMetadata metadata = new();
        Assert.Throws<ArgumentException>(() => metadata.Set("", 1u));
        Assert.Throws<ArgumentException>(() => metadata.Set(new string('a', 65536), 1u));
        metadata.Set(new string('a', 65535), 1u);
    }
}
