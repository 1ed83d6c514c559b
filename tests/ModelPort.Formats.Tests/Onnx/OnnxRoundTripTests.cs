using CsCheck;
using Google.Protobuf;
using ModelPort.Formats.Onnx;

namespace ModelPort.Formats.Tests.Onnx;

public sealed class OnnxRoundTripTests
{
    private static readonly DataType[] Types = [.. Enum.GetValues<DataType>().Where(type => type is not (DataType.Undefined or DataType.String))];

    /// <summary>Graphs of random nodes, types, shapes, nesting, and fields that no version knows.</summary>
    private static readonly Gen<ModelProto> RandomModels = Gen.Select(Gen.Int, Gen.Int[1, 12], Gen.Int[0, 3]).Select(Random);

    [Fact]
    public void A_random_graph_survives_byte_for_byte() => RandomModels.Sample(
        model =>
        {
            using TempFolder folder = new();
            byte[] bytes = model.ToByteArray();
            using OnnxModel read = OnnxModel.Open(folder.Write("a.onnx", bytes));
            read.Save(folder.File("b.onnx"));
            Assert.Equal(bytes, File.ReadAllBytes(folder.File("b.onnx")));
            Assert.Equal(bytes.Length, read.Lay().ModelLength);
        },
        iter: 200,
        threads: 2);

    [Fact]
    public void A_random_graph_keeps_its_values_in_an_external_file_and_back() => RandomModels.Sample(
        model =>
        {
            using TempFolder folder = new();
            using OnnxModel source = OnnxModel.Open(folder.Write("a.onnx", model));
            source.Save(folder.File("b.onnx"), "b.data");
            using OnnxModel external = OnnxModel.Open(folder.File("b.onnx"));
            AssertSameWeights(source, external);
            external.Save(folder.File("c.onnx"));
            using OnnxModel back = OnnxModel.Open(folder.File("c.onnx"));
            AssertSameWeights(source, back);
            Assert.DoesNotContain(back.Weights(), weight => weight.IsExternal);
        },
        iter: 100,
        threads: 2);

    [Fact]
    public void Unknown_fields_of_every_message_survive()
    {
        using TempFolder folder = new();
        ModelProto model = Models.Everywhere(400);
        byte[] unknown = [0x98, 0x06, 42, 0xA2, 0x06, 3, 1, 2, 3];
        GraphProto graph = GraphProto.Parser.ParseFrom([.. model.Graph.ToByteArray(), .. unknown]);
        graph.Node[0] = NodeProto.Parser.ParseFrom([.. graph.Node[0].ToByteArray(), .. unknown]);
        graph.Initializer[0] = TensorProto.Parser.ParseFrom([.. graph.Initializer[0].ToByteArray(), .. unknown]);
        model.Graph = graph;
        byte[] bytes = [.. model.ToByteArray(), .. unknown];
        using OnnxModel read = OnnxModel.Open(folder.Write("a.onnx", bytes));
        read.Save(folder.File("b.onnx"));

        // The tensor's content stands before fields of higher numbers, known or not, as it stood in the file.
        Assert.Equal(bytes, File.ReadAllBytes(folder.File("b.onnx")));
    }

    [Fact]
    public void Zeros_that_were_written_are_written_again()
    {
        using TempFolder folder = new();
        ModelProto model = Models.Add();
        model.ModelVersion = 0;
        model.Domain = "";
        model.Graph.Node[0].Attribute.Add(new AttributeProto { Name = "a", Type = AttributeType.Int, I = 0 });
        byte[] bytes = model.ToByteArray();
        using OnnxModel read = OnnxModel.Open(folder.Write("a.onnx", bytes));
        Assert.True(read.Proto.HasModelVersion);
        Assert.False(read.Proto.HasDocString);
        read.Save(folder.File("b.onnx"));
        Assert.Equal(bytes, File.ReadAllBytes(folder.File("b.onnx")));
    }

    [Fact]
    public void Weights_stay_in_the_file_until_they_are_read()
    {
        using TempFolder folder = new();
        string path = folder.Write("a.onnx", Models.Add(20_000_000));
        GC.Collect();
        long before = GC.GetAllocatedBytesForCurrentThread();
        using OnnxModel model = OnnxModel.Open(path);
        OnnxWeight weight = Assert.Single(model.Weights());
        Assert.Equal(80_000_000, weight.ByteLength);
        long visited = 0;
        weight.Content.Visit(piece => visited += piece.Length);
        model.Save(folder.File("b.onnx"), "b.data");
        Assert.Equal(80_000_000, visited);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 2_000_000);
    }

    [Fact]
    public void Tensors_that_share_their_bytes_share_them_in_the_external_file()
    {
        using TempFolder folder = new();
        folder.Write("w.bin", Models.Bytes(4096, 1));
        ModelProto proto = Models.Add(1024);
        proto.Graph.Initializer[0] = Models.External("w", 1024, ("location", "w.bin"));
        proto.Graph.Initializer.Add(Models.External("v", 1024, ("location", "w.bin"), ("offset", "0"), ("length", "4096")));
        using OnnxModel model = OnnxModel.Open(folder.Write("a.onnx", proto));
        Assert.Equal(4096, Assert.Single(model.Lay("b.data").ExternalFiles).Length);
    }

    [Fact]
    public void External_data_is_aligned_and_small_tensors_stay_in_the_model()
    {
        using TempFolder folder = new();
        ModelProto proto = Models.Add(300);
        proto.Graph.Initializer.Add(Models.Floats("small", 255));
        proto.Graph.Initializer.Add(Models.Floats("large", 2000));
        using OnnxModel model = OnnxModel.Create(proto);
        model.Save(folder.File("a.onnx"), "a.data");
        using OnnxModel read = OnnxModel.Open(folder.File("a.onnx"));
        Assert.Equal([true, false, true], read.Weights().Select(weight => weight.IsExternal));
        Assert.All(
            read.Proto.Graph.Initializer.Where(tensor => tensor.ExternalData.Count > 0),
            tensor => Assert.Equal(0, long.Parse(tensor.ExternalData.Single(entry => entry.Key == "offset").Value, null) % OnnxLayout.Alignment));
        AssertSameWeights(model, read);
    }

    [Fact]
    public void A_model_can_be_saved_over_the_file_that_it_is_read_from()
    {
        using TempFolder folder = new();
        string path = folder.Write("a.onnx", Models.Add(5000));
        byte[] before = File.ReadAllBytes(path);
        using OnnxModel model = OnnxModel.Open(path);
        model.Proto.DocString = "changed";
        model.Save(path);
        model.Proto.ClearDocString();
        model.Save(path);
        Assert.Equal(before, File.ReadAllBytes(path));
    }

    [Fact]
    public void A_save_that_fails_leaves_nothing_new()
    {
        using TempFolder folder = new();
        string path = folder.Write("a.onnx", Models.Add(5000));
        byte[] before = File.ReadAllBytes(path);
        using OnnxModel model = OnnxModel.Open(path);
        OnnxWeight weight = model.Weights().Single();
        weight.Replace(DataType.Int8, [5000], OnnxContent.Computed(5000, _ => throw new IOException("no more")));
        Assert.Throws<IOException>(() => model.Save(path));
        Assert.Equal(before, File.ReadAllBytes(path));
        Assert.Single(Directory.GetFiles(Path.GetDirectoryName(path)!));
    }

    [Fact]
    public void One_file_of_two_gigabytes_is_refused_and_an_external_file_is_not()
    {
        ModelProto proto = Models.Add();
        using OnnxModel model = OnnxModel.Create(proto);
        long[] shape = [3, 1 << 30];
        model.SetContent(proto.Graph.Initializer[0], DataType.Uint8, shape, OnnxContent.Computed(3L << 30, _ => { }));
        Assert.Contains("external", Assert.Throws<ArgumentException>(() => model.Lay()).Message, StringComparison.Ordinal);
        OnnxLayout layout = model.Lay("w.data");
        Assert.Equal(3L << 30, Assert.Single(layout.ExternalFiles).Length);
        Assert.InRange(layout.ModelLength, 1, 1000);
    }

    [Theory]
    [InlineData("../w.data")]
    [InlineData("a/w.data")]
    [InlineData("C:w.data")]
    [InlineData("..")]
    [InlineData("")]
    public void An_external_file_is_a_plain_name(string name) => Assert.Throws<ArgumentException>(() => OnnxModel.Create(Models.Add()).Lay(name));

    [Fact]
    public void Content_that_writes_too_much_or_too_little_is_an_error_of_its_maker()
    {
        Assert.Throws<InvalidOperationException>(() => OnnxContent.Computed(4, stream => stream.Write(new byte[5])).ToArray());
        Assert.Throws<InvalidOperationException>(() => OnnxContent.Computed(4, stream => stream.Write(new byte[3])).ToArray());
        Assert.Equal(new byte[200_000], OnnxContent.Computed(200_000, stream => stream.Write(new byte[200_000])).ToArray());
    }

    internal static void AssertSameWeights(OnnxModel expected, OnnxModel actual)
    {
        OnnxWeight[] right = [.. actual.Weights()];
        int count = 0;
        foreach (OnnxWeight left in expected.Weights())
        {
            OnnxWeight other = right[count++];
            Assert.Equal((left.Name, left.Type, left.Place, left.Body.Path), (other.Name, other.Type, other.Place, other.Body.Path));
            Assert.Equal(left.Shape, other.Shape);
            Assert.Equal(left.Content.ToArray(), other.Content.ToArray());
        }

        Assert.Equal(count, right.Length);
    }

    private static ModelProto Random(int seed, int nodes, int depth)
    {
        Random random = new(seed);
        ModelProto model = new() { IrVersion = random.Next(3, 14), ProducerName = "random ß", ModelVersion = random.Next(2), Graph = Graph(random, nodes, depth, [], "") };
        model.OpsetImport.Add(new OperatorSetIdProto { Domain = random.Next(2) == 0 ? "" : "ai.onnx", Version = random.Next(6, 27) });
        model.OpsetImport.Add(new OperatorSetIdProto { Domain = "x.y", Version = 3 });
        return model;
    }

    private static GraphProto Graph(Random random, int nodes, int depth, List<string> visible, string prefix)
    {
        GraphProto graph = new() { Name = prefix };
        List<string> names = [.. visible];
        for (int i = 0; i < random.Next(1, 4); i++)
        {
            graph.Initializer.Add(Tensor(random, $"{prefix}i{i}"));
            names.Add($"{prefix}i{i}");
        }

        for (int i = 0; i < nodes; i++)
        {
            NodeProto node = NodeAttributes.Node(random.Next(3) == 0 ? "Constant" : "Op", [], [$"{prefix}n{i}", ""], domain: random.Next(4) == 0 ? "x.y" : "");
            if (node.OpType == "Constant")
            {
                node.Domain = "";
                node.Set("value", Tensor(random, random.Next(2) == 0 ? "" : "named"));
            }
            else
            {
                node.Input.AddRange(Enumerable.Range(0, random.Next(4)).Select(_ => random.Next(5) == 0 ? "" : names[random.Next(names.Count)]));
                node.Set("ints", new[] { (long)random.Next(), -1 }).Set("f", (float)random.NextDouble()).Set("s", "text");
                if (depth > 0 && random.Next(3) == 0)
                {
                    node.Set("body", Graph(random, nodes / 2, depth - 1, names, $"{prefix}{i}/"));
                }
            }

            graph.Node.Add(node);
            names.Add($"{prefix}n{i}");
        }

        graph.Output.Add(new ValueInfoProto { Name = names[^1] });
        return graph;
    }

    private static TensorProto Tensor(Random random, string name)
    {
        long[] shape = [.. Enumerable.Range(0, random.Next(4)).Select(_ => (long)random.Next(0, 12))];
        DataType type = Types[random.Next(Types.Length)];
        TensorProto tensor = new() { DataType = type };
        if (name.Length > 0)
        {
            tensor.Name = name;
        }

        tensor.Dims.AddRange(shape);
        byte[] bytes = Models.Bytes((int)DataTypes.ByteLength(type, shape), random.Next());
        if (type is DataType.Float or DataType.Complex64 && random.Next(2) == 0)
        {
            tensor.FloatData.AddRange(System.Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(bytes).ToArray());
        }
        else if (type is DataType.Double or DataType.Complex128 && random.Next(2) == 0)
        {
            tensor.DoubleData.AddRange(System.Runtime.InteropServices.MemoryMarshal.Cast<byte, double>(bytes).ToArray());
        }
        else
        {
            tensor.RawData = ByteString.CopyFrom(bytes);
        }

        return tensor;
    }
}
