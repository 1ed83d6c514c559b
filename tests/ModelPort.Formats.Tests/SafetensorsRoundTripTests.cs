using System.Collections.Immutable;
using CsCheck;
using ModelPort.Formats.Safetensors;

namespace ModelPort.Formats.Tests;

public sealed class SafetensorsRoundTripTests
{
    private static readonly Gen<string> Name = Gen.String[Gen.Char["abz.019_-äß漢\"\\/"], 1, 12];

    private static readonly Gen<(SafetensorsType Type, long[] Shape)> Kind = Gen.Select(
        Gen.Enum<SafetensorsType>(), Gen.Long[0, 5].Array[0, 4]);

    private static readonly Gen<((SafetensorsType Type, long[] Shape)[] Kinds, string[] Names, Dictionary<string, string> Metadata, int Seed)> Files =
        Gen.Select(Kind.Array[0, 8], Name.HashSet[8].Select(names => names.ToArray()), Gen.Dictionary(Name, Gen.String)[0, 4], Gen.Int);

    [Fact]
    public void What_is_written_is_read()
    {
        using TempFolder folder = new();
        Files.Sample(
            file =>
            {
                List<(string Name, SafetensorsType Type, ImmutableArray<long> Shape)> declared = [];
                foreach (((SafetensorsType type, long[] shape), string name) in file.Kinds.Zip(file.Names))
                {
                    // The types below a byte need an even number of them.
                    declared.Add((name, type, SafetensorsTypes.Bits(type) < 8 ? [.. shape, 4] : [.. shape]));
                }

                Dictionary<string, string> metadata = file.Metadata.Where(entry => IsText(entry.Value)).ToDictionary();
                string path = folder.File(Guid.NewGuid().ToString("N"));
                Dictionary<string, byte[]> content = Write(path, declared, metadata, new Random(file.Seed));

                using (SafetensorsFile read = SafetensorsFile.Open(path))
                {
                    Assert.Equal(declared.Count, read.Tensors.Length);
                    Assert.Equal(metadata.OrderBy(e => e.Key, StringComparer.Ordinal), read.Metadata);
                    foreach ((string name, SafetensorsType type, ImmutableArray<long> shape) in declared)
                    {
                        Assert.True(read.TryGet(name, out SafetensorsTensor? tensor));
                        Assert.Equal(type, tensor.Type);
                        Assert.Equal(shape, tensor.Shape);
                        Assert.Equal(tensor.ElementCount * SafetensorsTypes.Bits(type), tensor.ByteLength * 8);
                        byte[] bytes = new byte[tensor.ByteLength];
                        read.Read(tensor, 0, bytes);
                        Assert.Equal(content[name], bytes);
                    }
                }

                File.Delete(path);
            },
            iter: 300,
            threads: 2);
    }

    [Fact]
    public void The_same_content_gives_the_same_bytes_in_whatever_pieces_it_comes()
    {
        using TempFolder folder = new();
        (string, SafetensorsType, ImmutableArray<long>)[] tensors = [("b", SafetensorsType.F32, [3]), ("a", SafetensorsType.I8, [5])];
        using (SafetensorsWriter writer = SafetensorsWriter.Create(folder.File("1"), tensors, [new("y", "1"), new("x", "2")]))
        {
            writer.Write("b", new byte[12]);
            writer.Write("a", new byte[5]);
            writer.Complete();
        }

        using (SafetensorsWriter writer = SafetensorsWriter.Create(folder.File("2"), tensors, [new("x", "2"), new("y", "1")]))
        {
            writer.Write("b", new byte[5]);
            writer.Write("b", new byte[7]);
            writer.Write("a", new byte[1]);
            writer.Write("a", new byte[4]);
            writer.Complete();
        }

        Assert.Equal(File.ReadAllBytes(folder.File("1")), File.ReadAllBytes(folder.File("2")));
    }

    [Fact]
    public void Data_begins_at_a_multiple_of_8_and_keeps_the_declared_order()
    {
        using MemoryStream stream = new();
        SafetensorsWriter writer = new(stream, [("z", SafetensorsType.U8, [3]), ("empty", SafetensorsType.F64, [0, 7]), ("a", SafetensorsType.F64, [])]);

        Assert.Equal(["z", "empty", "a"], writer.Tensors.Select(tensor => tensor.Name));
        Assert.Equal(0, writer.Tensors[0].Offset % 8);
        Assert.Equal([3, 0, 8], writer.Tensors.Select(tensor => tensor.ByteLength));
        Assert.Equal(writer.Tensors[0].Offset + 3, writer.Tensors[2].Offset);
    }

    [Fact]
    public void The_writer_refuses_bytes_out_of_turn_too_many_and_too_few()
    {
        SafetensorsWriter writer = new(new MemoryStream(), [("a", SafetensorsType.U8, [2]), ("b", SafetensorsType.U8, [2])]);

        Assert.Throws<InvalidOperationException>(() => writer.Write("b", new byte[1]));
        Assert.Throws<InvalidOperationException>(() => writer.Write("a", new byte[3]));
        writer.Write("a", new byte[2]);
        writer.Write("b", new byte[1]);
        Assert.Throws<InvalidOperationException>(writer.Complete);
        writer.Write("b", new byte[1]);
        writer.Complete();
        Assert.Throws<InvalidOperationException>(() => writer.Write("b", new byte[1]));
    }

    [Fact]
    public void The_writer_refuses_names_and_shapes_that_no_reader_takes()
    {
        Assert.Throws<ArgumentException>(() => new SafetensorsWriter(new MemoryStream(), [("", SafetensorsType.U8, [2])]));
        Assert.Throws<ArgumentException>(() => new SafetensorsWriter(new MemoryStream(), [("__metadata__", SafetensorsType.U8, [2])]));
        Assert.Throws<ArgumentException>(() => new SafetensorsWriter(new MemoryStream(), [("a", SafetensorsType.U8, [2]), ("a", SafetensorsType.U8, [2])]));
        Assert.Throws<ArgumentException>(() => new SafetensorsWriter(new MemoryStream(), [("a", SafetensorsType.F4, [3])]));
        Assert.Throws<ArgumentException>(() => new SafetensorsWriter(new MemoryStream(), [("a", SafetensorsType.F32, [-1])]));
    }

    [Fact]
    public void Positions_and_counts_beyond_2_GB_are_exact()
    {
        using TempFolder folder = new();
        string path = folder.File("large.safetensors");
        const long Rows = 3;
        const long Columns = 1L << 30;
        using (SafetensorsWriter writer = SafetensorsWriter.Create(path, [("large", SafetensorsType.U8, [Rows, Columns]), ("last", SafetensorsType.F32, [2])]))
        {
            // The writer's stream position is not reached by writing 3 GB: the file is sparse.
        }

        using (FileStream stream = new(path, FileMode.Open, FileAccess.ReadWrite))
        {
            long data = stream.Length;
            stream.SetLength(data + (Rows * Columns) + 8);
            stream.Position = data + (1L << 31) + 5;
            stream.WriteByte(42);
            stream.Position = data + (Rows * Columns);
            stream.Write([0, 0, 128, 63, 0, 0, 0, 64]);
        }

        using SafetensorsFile file = SafetensorsFile.Open(path);
        Assert.Equal(["large", "last"], file.Tensors.Select(tensor => tensor.Name));
        Assert.Equal(Rows * Columns, file.Tensors[0].ElementCount);
        byte[] one = new byte[1];
        file.Read(file.Tensors[0], (1L << 31) + 5, one);
        Assert.Equal(42, one[0]);
        byte[] floats = new byte[8];
        file.Read(file.Tensors[1], 0, floats);
        Assert.Equal([1f, 2f], new[] { BitConverter.ToSingle(floats, 0), BitConverter.ToSingle(floats, 4) });
    }

    private static Dictionary<string, byte[]> Write(
        string path, List<(string Name, SafetensorsType Type, ImmutableArray<long> Shape)> declared, Dictionary<string, string> metadata, Random random)
    {
        Dictionary<string, byte[]> content = [];
        using SafetensorsWriter writer = SafetensorsWriter.Create(path, declared, metadata);
        foreach (SafetensorsTensor tensor in writer.Tensors)
        {
            byte[] bytes = new byte[tensor.ByteLength];
            random.NextBytes(bytes);
            content.Add(tensor.Name, bytes);
            int half = bytes.Length / 2;
            writer.Write(tensor.Name, bytes.AsSpan(0, half));
            writer.Write(tensor.Name, bytes.AsSpan(half));
        }

        writer.Complete();
        return content;
    }

    // JSON cannot hold half of a surrogate pair.
    private static bool IsText(string value)
    {
        foreach (System.Text.Rune rune in value.EnumerateRunes())
        {
            if (rune.Value == 0xFFFD)
            {
                return false;
            }
        }

        return true;
    }
}
