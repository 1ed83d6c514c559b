using ModelPort.Formats.Gguf;

namespace ModelPort.Formats.Tests;

public sealed class GgufShardsTests
{
    [Fact]
    public void All_shards_are_opened_given_any_one_of_them()
    {
        using TempFolder folder = new();
        Write(folder, 0, 3, 3, "a");
        string second = Write(folder, 1, 3, 3, "b");
        Write(folder, 2, 3, 3, "c");

        using GgufShards shards = GgufShards.Open(second);

        Assert.Equal(["a", "b", "c"], shards.Tensors.Select(tensor => tensor.Name));
        Assert.Equal(3, shards.Files.Length);
        Assert.True(shards.Files[0].Metadata.TryGetInt64("split.no", out long number) && number == 0);
        Assert.Empty(shards.Metadata);
        Assert.Equal(shards.Files[0].Path, shards.Path);
        Assert.Equal(shards.Files.Sum(file => new FileInfo(file.Path).Length), shards.FileLength);
        Assert.True(shards.TryGet("c", out GgufTensor? tensor));
        Assert.Same(shards.Files[2], shards.FileOf(tensor));
        byte[] bytes = new byte[tensor.ByteLength];
        shards.Read(tensor, 0, bytes);
        Assert.Equal([2, 2, 2, 2], bytes);
        Assert.False(shards.TryGet("d", out _));
    }

    [Fact]
    public void A_file_that_is_not_split_is_one_shard()
    {
        using TempFolder folder = new();
        using GgufShards shards = GgufShards.Open(folder.Write("model.gguf", GgufSamples.Model()));
        Assert.Single(shards.Files);
        Assert.Equal(4, shards.Tensors.Length);
    }

    [Fact]
    public void A_missing_shard_is_named()
    {
        using TempFolder folder = new();
        string first = Write(folder, 0, 2, 2, "a");
        Faults.Expect(FileFault.Missing, () => GgufShards.Open(first), null, "model-00002-of-00002.gguf");
    }

    [Fact]
    public void Shards_that_contradict_their_names_or_one_another_are_refused()
    {
        using TempFolder folder = new();
        string first = Write(folder, 0, 2, 2, "a");
        Write(folder, 1, 2, 2, "a");
        Faults.Expect(FileFault.Duplicate, () => GgufShards.Open(first), "a");
        Write(folder, 1, 2, 3, "b");
        Faults.Expect(FileFault.Inconsistent, () => GgufShards.Open(first), "split.tensors.count");
        File.Copy(first, folder.File("model-00002-of-00002.gguf"), true);
        Faults.Expect(FileFault.Inconsistent, () => GgufShards.Open(first), "split.no");
        Faults.Expect(FileFault.Inconsistent, () => GgufShards.Open(folder.File("model-00003-of-00002.gguf")));
        Faults.Expect(FileFault.Inconsistent, () => GgufShards.Open(folder.File("model-00000-of-00002.gguf")));
        File.Copy(first, folder.File("alone.gguf"));
        Faults.Expect(FileFault.Inconsistent, () => GgufShards.Open(folder.File("alone.gguf")), "split.count");
    }

    private static string Write(TempFolder folder, int number, int count, int tensors, string tensor)
    {
        GgufMetadata metadata = new();
        metadata.Set("split.no", (ushort)number);
        metadata.Set("split.count", (ushort)count);
        metadata.Set("split.tensors.count", tensors);
        GgufLayout layout = GgufLayout.Create(metadata, [(tensor, GgmlType.I8, [4])]);
        byte[] data = [.. Enumerable.Repeat((byte)number, 4)];
        return folder.Write($"model-{number + 1:D5}-of-{count:D5}.gguf", GgufSamples.Compose(layout, _ => data));
    }
}
