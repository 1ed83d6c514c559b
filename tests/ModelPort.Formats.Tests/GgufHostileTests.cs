using System.Buffers.Binary;
using System.Text;
using ModelPort.Formats.Gguf;

namespace ModelPort.Formats.Tests;

public sealed class GgufHostileTests
{
    [Fact]
    public void The_file_that_the_others_are_variations_of_is_accepted()
    {
        using TempFolder folder = new();
        using GgufFile file = GgufFile.Open(folder.Write("a.gguf", new Header().Key("k", 4, U32(7)).Tensor("t", 0, 0, 4).Bytes(16)));
        Assert.Equal("t", Assert.Single(file.Tensors).Name);
    }

    [Fact]
    public void Magic_version_and_byte_order_are_checked()
    {
        Refuse(FileFault.Malformed, "GGML\u0003\0\0\0"u8.ToArray(), null, "47474D4C");
        Refuse(FileFault.Truncated, "GGU"u8.ToArray());
        Refuse(FileFault.Truncated, []);
        Refuse(FileFault.Unsupported, new Header { Version = 1 }.Bytes(0), null, "version 1");
        Refuse(FileFault.Unsupported, new Header { Version = 4 }.Bytes(0), null, "version 4");
        Refuse(FileFault.Unsupported, new Header { Version = 3 << 24 }.Bytes(0), null, "big-endian");
    }

    [Fact]
    public void Counts_and_lengths_that_the_file_cannot_hold_are_refused_before_any_allocation()
    {
        Refuse(FileFault.Truncated, new Header { TensorCount = 1UL << 40 }.Bytes(0));
        Refuse(FileFault.Truncated, new Header { KeyCount = ulong.MaxValue }.Bytes(0));
        Refuse(FileFault.Truncated, new Header().Key("k", 8, U64(1UL << 40)).Bytes(0), "k");
        Refuse(FileFault.Truncated, new Header().Key("k", 9, [.. U32(8), .. U64(1UL << 33)]).Bytes(0), "k");
        Refuse(FileFault.Truncated, new Header().Key("k", 9, [.. U32(12), .. U64(1UL << 61)]).Bytes(0), "k");
        Refuse(FileFault.Truncated, new Header().Key("k", 9, [.. U32(9), .. U64(1UL << 33)]).Bytes(0), "k");
        Refuse(FileFault.Truncated, new Header().Raw(U64(1UL << 50)).Bytes(0));
        Refuse(FileFault.TooLarge, new Header().Raw(U64(65536)).Bytes(70000));
    }

    [Fact]
    public void Keys_are_present_unique_and_text()
    {
        Refuse(FileFault.Malformed, new Header().Key("", 4, U32(1)).Bytes(0), "");
        Refuse(FileFault.Duplicate, new Header().Key("k", 4, U32(1)).Key("k", 4, U32(2)).Bytes(0), "k");
        Refuse(FileFault.Malformed, new Header().Raw([.. U64(1), 0xFF, .. U32(4), .. U32(1)]).Bytes(0), null, "0xFF");
        Refuse(FileFault.Malformed, new Header().Key("k", 8, [.. U64(2), 0xC3, 0x28]).Bytes(0), "k");
    }

    [Fact]
    public void Values_have_known_types_and_booleans_are_0_or_1()
    {
        Refuse(FileFault.UnknownType, new Header().Key("k", 13, U64(1)).Bytes(0), "k", "value type 13");
        Refuse(FileFault.UnknownType, new Header().Key("k", 9, [.. U32(99), .. U64(0)]).Bytes(0), "k");
        Refuse(FileFault.Malformed, new Header().Key("k", 7, [2]).Bytes(0), "k", "the boolean 2");
        Refuse(FileFault.Malformed, new Header().Key("k", 9, [.. U32(7), .. U64(2), 1, 2]).Bytes(0), "k");
    }

    [Fact]
    public void Arrays_nest_only_so_deep()
    {
        byte[] nested = [.. U32(4), .. U64(0)];
        for (int i = 0; i < 8; i++)
        {
            nested = [.. U32(9), .. U64(1), .. nested];
        }

        using TempFolder folder = new();
        GgufFile.Open(folder.Write("a.gguf", new Header().Key("k", 9, nested).Bytes(0))).Dispose();
        Refuse(FileFault.TooLarge, new Header().Key("k", 9, [.. U32(9), .. U64(1), .. nested]).Bytes(0), "k");
        byte[] deep = [.. Enumerable.Repeat((byte[])[.. U32(9), .. U64(1)], 100_000).SelectMany(level => level)];
        Refuse(FileFault.TooLarge, new Header().Key("k", 9, deep).Bytes(0), "k");
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(24u)]
    [InlineData(131072u)]
    [InlineData(uint.MaxValue)]
    public void The_alignment_is_a_power_of_two_of_sensible_size(uint alignment) =>
        Refuse(FileFault.Malformed, new Header().Key("general.alignment", 4, U32(alignment)).Bytes(0), "general.alignment");

    [Fact]
    public void The_alignment_is_an_integer() =>
        Refuse(FileFault.Malformed, new Header().Key("general.alignment", 8, [.. U64(2), .. "32"u8]).Bytes(0), "general.alignment");

    [Fact]
    public void Tensors_are_checked_one_by_one()
    {
        Refuse(FileFault.Malformed, new Header().Tensor("", 0, 0, 4).Bytes(16));
        Refuse(FileFault.Duplicate, new Header().Tensor("t", 0, 0, 4).Tensor("t", 0, 32, 4).Bytes(64), "t");
        Refuse(FileFault.Malformed, new Header().Tensor("t", 0, 0, 1, 1, 1, 1, 1).Bytes(64), "t", "5 dimensions");
        Refuse(FileFault.UnknownType, new Header().Tensor("t", 43, 0, 4).Bytes(64), "t", "tensor type 43");
        Refuse(FileFault.UnknownType, new Header().Tensor("t", 31, 0, 4).Bytes(64), "t", "removed tensor type 31");
        Refuse(FileFault.UnknownType, new Header().Tensor("t", uint.MaxValue, 0, 4).Bytes(64), "t");
        Refuse(FileFault.Malformed, new Header().Tensor("t", 2, 0, 33).Bytes(64), "t", "blocks of 32");
        Refuse(FileFault.Malformed, new Header().Tensor("t", 0, 0, -4).Bytes(64), "t");
        Refuse(FileFault.Malformed, new Header().Tensor("t", 0, 0, 1L << 32, 1L << 32).Bytes(64), "t");
        Refuse(FileFault.Malformed, new Header().Tensor("t", 0, 0, 1L << 62).Bytes(64), "t");
        Refuse(FileFault.Malformed, new Header().Tensor("t", 0, 1, 4).Bytes(64), "t", "offset 1");
        Refuse(FileFault.Truncated, new Header().Tensor("t", 0, 64, 4).Bytes(64), "t");
        Refuse(FileFault.Truncated, new Header().Tensor("t", 0, 0, 17).Bytes(64), "t");
        Refuse(FileFault.Truncated, new Header().Tensor("t", 0, 1UL << 63, 4).Bytes(64), "t");
        Refuse(FileFault.Truncated, new Header().Tensor("t", 0, long.MaxValue & ~31L, 4).Bytes(64), "t");
        Refuse(FileFault.Inconsistent, new Header().Tensor("a", 0, 0, 9).Tensor("b", 0, 32, 4).Bytes(64), "b", "overlaps");
        Refuse(FileFault.Truncated, new Header().Tensor(new string('n', 60), 0, 0, 4).Bytes(0)[..90]);
    }

    [Fact]
    public void A_file_that_was_saved_as_text_is_recognised_in_its_header()
    {
        byte[] text = SaveAsText(GgufSamples.Model());
        InvalidModelFileException e = Refuse(FileFault.Malformed, text, null, "EF BF BD", "saved as text");
        Assert.Null(e.Member);
    }

    [Fact]
    public void A_file_that_was_saved_as_text_is_recognised_by_its_data_even_if_the_header_survived()
    {
        byte[] data = new byte[4096];
        new Random(3).NextBytes(data);
        byte[] file = new Header().Key("k", 4, U32(7)).Tensor("t", 0, 0, 1024 / 8).Bytes(0);
        Refuse(FileFault.Malformed, SaveAsText([.. file, .. data]), null, "saved as text");
    }

    [Fact]
    public void A_real_replacement_character_in_a_vocabulary_is_no_damage()
    {
        using TempFolder folder = new();
        GgufMetadata metadata = new();
        metadata.Set("tokens", ["\uFFFD", "a"]);
        byte[] bytes = GgufSamples.Compose(GgufLayout.Create(metadata, [("t", GgmlType.I8, [64])]), _ => new byte[64]);
        using GgufFile file = GgufFile.Open(folder.Write("a.gguf", bytes));
        Assert.Equal(metadata, file.Metadata);
    }

    [Fact]
    public void Random_damage_is_refused_or_harmless()
    {
        byte[] model = GgufSamples.Model();
        Damage.NeverSurprises(model, model.Length, ReadAll, 4000);
    }

    private static void ReadAll(string path)
    {
        using GgufFile file = GgufFile.Open(path);
        foreach (GgufTensor tensor in file.Tensors)
        {
            file.Read(tensor, 0, new byte[tensor.ByteLength]);
        }

        foreach ((_, GgufValue value) in file.Metadata)
        {
            value.ToString();
        }
    }

    private static InvalidModelFileException Refuse(FileFault fault, byte[] bytes, string? member = null, params string[] texts)
    {
        using TempFolder folder = new();
        string path = folder.Write("test.gguf", bytes);
        return Faults.Expect(fault, () => GgufFile.Open(path).Dispose(), member, texts);
    }

    private static byte[] SaveAsText(byte[] bytes) => Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(bytes));

    private static byte[] U32(uint value)
    {
        byte[] bytes = new byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        return bytes;
    }

    private static byte[] U64(ulong value)
    {
        byte[] bytes = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        return bytes;
    }

    /// <summary>Composes headers without any check.</summary>
    private sealed class Header
    {
        private readonly List<byte[]> keys = [];
        private readonly List<byte[]> tensors = [];

        public uint Version { get; init; } = 3;

        public ulong? TensorCount { get; init; }

        public ulong? KeyCount { get; init; }

        public Header Raw(byte[] entry)
        {
            keys.Add(entry);
            return this;
        }

        public Header Key(string key, uint type, byte[] value) => Raw([.. Text(key), .. U32(type), .. value]);

        public Header Tensor(string name, uint type, ulong offset, params long[] shape)
        {
            tensors.Add([.. Text(name), .. U32((uint)shape.Length), .. shape.SelectMany(d => U64((ulong)d)), .. U32(type), .. U64(offset)]);
            return this;
        }

        public Header Tensor(string name, uint type, long offset, params long[] shape) => Tensor(name, type, (ulong)offset, shape);

        public byte[] Bytes(int dataBytes)
        {
            byte[] header =
            [
                .. "GGUF"u8, .. U32(Version), .. U64(TensorCount ?? (ulong)tensors.Count), .. U64(KeyCount ?? (ulong)keys.Count),
                .. keys.SelectMany(key => key), .. tensors.SelectMany(tensor => tensor),
            ];
            return [.. header, .. new byte[(32 - (header.Length % 32)) % 32], .. new byte[dataBytes]];
        }

        private static byte[] Text(string text)
        {
            byte[] bytes = Encoding.UTF8.GetBytes(text);
            return [.. U64((ulong)bytes.Length), .. bytes];
        }
    }
}
