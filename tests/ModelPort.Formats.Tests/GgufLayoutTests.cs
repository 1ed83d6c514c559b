using ModelPort.Formats.Gguf;

namespace ModelPort.Formats.Tests;

public sealed class GgufLayoutTests
{
    [Fact]
    public void Tensors_follow_one_another_at_aligned_offsets()
    {
        GgufLayout layout = GgufLayout.Create(new GgufMetadata(), [("a", GgmlType.F32, [5]), ("b", GgmlType.Q4_0, [32, 3]), ("c", GgmlType.I8, [1])]);

        Assert.Equal([0, 32, 96], layout.Tensors.Select(tensor => tensor.Offset));
        Assert.Equal([20, 54, 1], layout.Tensors.Select(tensor => tensor.ByteLength));
        Assert.Equal(0, layout.DataOffset % 32);
        Assert.Equal(layout.DataOffset + 128, layout.FileLength);
        Assert.False(layout.Metadata.Contains("general.alignment"));
    }

    [Fact]
    public void Another_alignment_is_stated_in_the_metadata_and_may_not_contradict_it()
    {
        GgufMetadata metadata = new();
        GgufLayout layout = GgufLayout.Create(metadata, [("a", GgmlType.I8, [1]), ("b", GgmlType.I8, [1])], 128);

        Assert.Equal(128, layout.Tensors[1].Offset);
        Assert.Equal(GgufValue.From(128u), layout.Metadata["general.alignment"]);
        Assert.Empty(metadata);
        metadata.Set("general.alignment", 64u);
        Assert.Throws<ArgumentException>(() => GgufLayout.Create(metadata, []));
        Assert.Equal(64, GgufLayout.Create(metadata, [], 64).Alignment);
    }

    [Fact]
    public void A_layout_does_not_change_with_the_metadata_it_was_made_from()
    {
        GgufMetadata metadata = new();
        metadata.Set("a", "1");
        GgufLayout layout = GgufLayout.Create(metadata, []);
        metadata.Set("a", "a much longer text than before");
        layout.Metadata.Set("a", "another");

        using MemoryStream stream = new();
        layout.WriteHeader(stream);

        Assert.Equal(layout.DataOffset, stream.Length);
        Assert.Equal(GgufValue.From("1"), layout.Metadata["a"]);
    }

    [Fact]
    public void What_llama_cpp_would_not_load_is_not_laid_out()
    {
        GgufMetadata none = new();
        Assert.Throws<ArgumentException>(() => GgufLayout.Create(none, [("", GgmlType.F32, [1])]));
        Assert.Throws<ArgumentException>(() => GgufLayout.Create(none, [(new string('a', 64), GgmlType.F32, [1])]));
        Assert.Throws<ArgumentException>(() => GgufLayout.Create(none, [("a", GgmlType.F32, [1]), ("a", GgmlType.F32, [1])]));
        Assert.Throws<ArgumentException>(() => GgufLayout.Create(none, [("a", GgmlType.F32, [1, 1, 1, 1, 1])]));
        Assert.Throws<ArgumentException>(() => GgufLayout.Create(none, [("a", GgmlType.F32, [])]));
        Assert.Throws<ArgumentException>(() => GgufLayout.Create(none, [("a", GgmlType.F32, [0])]));
        Assert.Throws<ArgumentException>(() => GgufLayout.Create(none, [("a", GgmlType.Q4_0, [33])]));
        Assert.Throws<ArgumentException>(() => GgufLayout.Create(none, [], 24));
    }

    [Fact]
    public void Half_a_surrogate_pair_is_refused_before_anything_is_written()
    {
        GgufMetadata metadata = new();
        metadata.Set("a", "\ud800");
        Assert.ThrowsAny<ArgumentException>(() => GgufLayout.Create(metadata, []));
    }
}
