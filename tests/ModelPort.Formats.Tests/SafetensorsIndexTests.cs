using ModelPort.Formats.Safetensors;

namespace ModelPort.Formats.Tests;

public sealed class SafetensorsIndexTests
{
    [Fact]
    public void An_index_gives_the_map_and_the_sorted_shards()
    {
        SafetensorsIndex index = Open("""
            {"metadata": {"total_size": 123456789012}, "weight_map": {"b": "model-00002-of-00002.safetensors", "a": "model-00001-of-00002.safetensors", "c": "model-00001-of-00002.safetensors"}}
            """);

        Assert.Equal(["b", "a", "c"], index.WeightMap.Keys);
        Assert.Equal("model-00001-of-00002.safetensors", index.WeightMap["c"]);
        Assert.Equal(["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"], index.Shards);
        Assert.Equal(123456789012, index.TotalSize);
    }

    [Fact]
    public void The_total_size_may_be_missing_or_written_as_a_float()
    {
        Assert.Null(Open("""{"weight_map": {}}""").TotalSize);
        Assert.Equal(20_000_000_000, Open("""{"metadata": {"total_size": 2e10}, "weight_map": {}}""").TotalSize);
    }

    [Theory]
    [InlineData("../model.safetensors")]
    [InlineData("/etc/passwd")]
    [InlineData("a/b.safetensors")]
    [InlineData("a\\\\b.safetensors")]
    [InlineData("C:model.safetensors")]
    [InlineData("..")]
    [InlineData(".")]
    [InlineData("")]
    [InlineData("a\\u0000b")]
    public void A_shard_name_that_is_more_than_a_file_name_is_unsafe(string name) =>
        Faults.Expect(FileFault.UnsafePath, () => Open($$$"""{"weight_map": {"w": "{{{name}}}"}}"""), "w");

    [Theory]
    [InlineData("""{}""", FileFault.Malformed, "weight_map")]
    [InlineData("""[]""", FileFault.Malformed, null)]
    [InlineData("""{"weight_map": []}""", FileFault.Malformed, "weight_map")]
    [InlineData("""{"weight_map": {"w": 1}}""", FileFault.Malformed, "weight_map.w")]
    [InlineData("""{"weight_map": {}, "metadata": {"total_size": "1"}}""", FileFault.Malformed, "metadata.total_size")]
    [InlineData("""{"weight_map": {"w": "a", "w": "b"}}""", FileFault.Duplicate, null)]
    [InlineData("""{"weight_map": {"w": "a",}}""", FileFault.Malformed, null)]
    public void What_is_no_index_is_refused(string json, FileFault fault, string? member) =>
        Assert.Equal(member, Faults.Expect(fault, () => Open(json)).Member);

    private static SafetensorsIndex Open(string json)
    {
        using TempFolder folder = new();
        return SafetensorsIndex.Open(folder.Write("model.safetensors.index.json", json));
    }
}
