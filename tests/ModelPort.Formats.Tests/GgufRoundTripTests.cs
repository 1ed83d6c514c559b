using System.Collections.Immutable;
using CsCheck;
using ModelPort.Formats.Gguf;

namespace ModelPort.Formats.Tests;

public sealed class GgufRoundTripTests
{
    private static readonly Gen<string> Text = Gen.String[Gen.Char["ab_.09 \n\"äß漢\u2581\uFFFD"], 0, 9];

    private static readonly Gen<GgufValue> Scalar = Gen.OneOf(
        Gen.Byte.Select(GgufValue.From), Gen.SByte.Select(GgufValue.From), Gen.UShort.Select(GgufValue.From), Gen.Short.Select(GgufValue.From),
        Gen.UInt.Select(GgufValue.From), Gen.Int.Select(GgufValue.From), Gen.Float.Select(GgufValue.From), Gen.Bool.Select(GgufValue.From),
        Gen.ULong.Select(GgufValue.From), Gen.Long.Select(GgufValue.From), Gen.Double.Select(GgufValue.From), Text.Select(GgufValue.From));

    private static readonly Gen<GgufValue> Flat = Gen.OneOf(
        Gen.Byte.Array.Select(a => GgufValue.FromArray<byte>(a)), Gen.SByte.Array.Select(a => GgufValue.FromArray<sbyte>(a)),
        Gen.UShort.Array.Select(a => GgufValue.FromArray<ushort>(a)), Gen.Short.Array.Select(a => GgufValue.FromArray<short>(a)),
        Gen.UInt.Array.Select(a => GgufValue.FromArray<uint>(a)), Gen.Int.Array.Select(a => GgufValue.FromArray<int>(a)),
        Gen.Float.Array.Select(a => GgufValue.FromArray<float>(a)), Gen.Bool.Array.Select(a => GgufValue.FromArray<bool>(a)),
        Gen.ULong.Array.Select(a => GgufValue.FromArray<ulong>(a)), Gen.Long.Array.Select(a => GgufValue.FromArray<long>(a)),
        Gen.Double.Array.Select(a => GgufValue.FromArray<double>(a)), Text.Array.Select(a => GgufValue.FromArray<string>(a)));

    private static readonly Gen<GgufValue> Value = Gen.OneOf(
        Scalar, Flat, Flat.Array[0, 3].Select(a => GgufValue.FromArray<GgufValue>(a)));

    private static readonly Gen<(GgmlType Type, long Blocks, long Rows)> Kind =
        Gen.Select(Gen.Enum<GgmlType>(), Gen.Long[1, 3], Gen.Long[1, 4]);

    [Fact]
    public void What_is_written_is_read()
    {
        using TempFolder folder = new();
        Gen.Select(Gen.Dictionary(Text.Where(key => key.Length > 0), Value)[0, 12], Kind.Array[0, 6], Gen.OneOf(8, 32, 64, 4096), Gen.Int).Sample(
            (entries, kinds, alignment, seed) =>
            {
                GgufMetadata metadata = new();
                foreach ((string key, GgufValue value) in entries)
                {
                    metadata.Set(key, value);
                }

                Random random = new(seed);
                Dictionary<string, byte[]> content = [];
                GgufLayout layout = GgufLayout.Create(metadata, kinds.Select((kind, i) =>
                    ($"blk.{i}.weight", kind.Type, ImmutableArray.Create(kind.Blocks * GgmlTypes.BlockElements(kind.Type), kind.Rows))), alignment);
                string path = folder.Write(Guid.NewGuid().ToString("N"), GgufSamples.Compose(layout, tensor =>
                {
                    content[tensor.Name] = new byte[tensor.ByteLength];
                    random.NextBytes(content[tensor.Name]);
                    return content[tensor.Name];
                }));

                using (GgufFile file = GgufFile.Open(path))
                {
                    Assert.Equal(3u, file.Version);
                    Assert.Equal(layout.Metadata, file.Metadata);
                    Assert.Equal(alignment, file.Alignment);
                    Assert.Equal(layout.DataOffset, file.DataOffset);
                    Assert.Equal(layout.FileLength, file.FileLength);
                    Assert.Equal(layout.Tensors.Select(Describe), file.Tensors.Select(Describe));
                    foreach (GgufTensor tensor in file.Tensors)
                    {
                        byte[] bytes = new byte[tensor.ByteLength];
                        file.Read(tensor, 0, bytes);
                        Assert.Equal(content[tensor.Name], bytes);
                    }
                }

                File.Delete(path);
            },
            iter: 300,
            threads: 2);
    }

    [Fact]
    public void A_header_has_the_bytes_of_the_format()
    {
        GgufMetadata metadata = new();
        metadata.Set("k", 7u);
        GgufLayout layout = GgufLayout.Create(metadata, [("t", GgmlType.F16, [2, 3])]);
        byte[] expected =
        [
            .. "GGUF"u8, 3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0,
            1, 0, 0, 0, 0, 0, 0, 0, .. "k"u8, 4, 0, 0, 0, 7, 0, 0, 0,
            1, 0, 0, 0, 0, 0, 0, 0, .. "t"u8, 2, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        ];

        using MemoryStream stream = new();
        layout.WriteHeader(stream);

        Assert.Equal(expected.Length, layout.HeaderLength);
        Assert.Equal(96, layout.DataOffset);
        Assert.Equal(128, layout.FileLength);
        Assert.Equal([.. expected, .. new byte[96 - expected.Length]], stream.ToArray());
    }

    [Fact]
    public void Strings_and_arrays_larger_than_any_buffer_survive()
    {
        using TempFolder folder = new();
        GgufMetadata metadata = new();
        string text = string.Concat(Enumerable.Repeat("漢字 ", 50_000));
        string[] tokens = [.. Enumerable.Range(0, 40_000).Select(i => $"token{i}")];
        metadata.Set("text", text);
        metadata.Set("tokens", tokens);
        metadata.Set("scores", [.. Enumerable.Range(0, 100_000).Select(i => (float)i)]);
        string path = folder.Write("a.gguf", GgufSamples.Compose(GgufLayout.Create(metadata, []), _ => []));

        using GgufFile file = GgufFile.Open(path);

        Assert.Equal(metadata, file.Metadata);
        Assert.True(file.Metadata.TryGetArray("tokens", out ReadOnlySpan<string> read));
        Assert.Equal(tokens, read.ToArray());
    }

    [Fact]
    public void Version_2_is_read_like_version_3()
    {
        using TempFolder folder = new();
        byte[] bytes = GgufSamples.Model();
        bytes[4] = 2;
        using GgufFile file = GgufFile.Open(folder.Write("a.gguf", bytes));
        Assert.Equal(2u, file.Version);
        Assert.Equal(GgufSamples.Metadata(), file.Metadata);
    }

    [Fact]
    public void The_last_tensor_may_lack_its_padding()
    {
        using TempFolder folder = new();
        byte[] bytes = GgufSamples.Model();
        using GgufFile file = GgufFile.Open(folder.Write("a.gguf", bytes.AsSpan(..^14)));
        Assert.Equal(18, file.Tensors[3].ByteLength);
        file.Read(file.Tensors[3], 0, new byte[18]);
    }

    [Fact]
    public void Offsets_beyond_2_GB_are_exact()
    {
        using TempFolder folder = new();
        string path = folder.File("large.gguf");
        GgufLayout layout = GgufLayout.Create(new GgufMetadata(), [("large", GgmlType.Q8_0, [1 << 20, 3000]), ("last", GgmlType.I8, [4])]);
        using (FileStream stream = new(path, FileMode.CreateNew))
        {
            layout.WriteHeader(stream);
            stream.SetLength(layout.FileLength);
            stream.Position = layout.DataOffset + layout.Tensors[1].Offset;
            stream.Write([1, 2, 3, 4]);
        }

        using GgufFile file = GgufFile.Open(path);
        byte[] bytes = new byte[4];
        file.Read(file.Tensors[1], 0, bytes);
        Assert.Equal(3_342_336_000, file.Tensors[1].Offset);
        Assert.Equal([1, 2, 3, 4], bytes);
    }

    private static string Describe(GgufTensor tensor) =>
        $"{tensor.Name} {tensor.Type} {string.Join(',', tensor.Shape)} {tensor.Offset} {tensor.ByteLength}";
}
