using Google.Protobuf;
using ModelPort.Formats.Onnx;

namespace ModelPort.Formats.Tests.Onnx;

public sealed class OnnxHostileTests
{
    [Fact]
    public void A_damaged_file_is_read_or_refused_and_nothing_else()
    {
        byte[] valid = Models.Everywhere(300).ToByteArray();
        Damage.NeverSurprises(
            valid,
            valid.Length,
            path =>
            {
                using OnnxModel model = OnnxModel.Open(path);
                foreach (OnnxWeight weight in model.Weights().Where(weight => weight.Type != DataType.String))
                {
                    weight.Content.Visit(_ => { });
                }

                model.Lay().WriteModel(Stream.Null);
            });
    }

    [Fact]
    public void Every_truncation_of_a_model_is_refused()
    {
        byte[] valid = Models.Add(300).ToByteArray();
        for (int length = 0; length < valid.Length; length++)
        {
            byte[] part = valid[..length];

            // A model that lost whole messages at its end is a message too; it then lacks its graph or its operator sets.
            using TempFolder folder = new();
            InvalidModelFileException e = Assert.Throws<InvalidModelFileException>(() => OnnxModel.Open(folder.Write("a.onnx", part)));
            Assert.Contains(e.Fault, (FileFault[])[FileFault.Truncated, FileFault.Malformed]);
        }
    }

    [Fact]
    public void What_is_no_model_is_refused()
    {
        Refuse(FileFault.Malformed, []);
        Refuse(FileFault.Malformed, "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"u8.ToArray());
        Refuse(FileFault.Malformed, [0x0B, 0x0C]);
        Refuse(FileFault.Malformed, [0x08, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01]);
        Refuse(FileFault.Truncated, [0x3A, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F]);
        Refuse(FileFault.Malformed, model => model.Graph = null);
        Refuse(FileFault.Malformed, model => model.ClearIrVersion());
        Refuse(FileFault.Unsupported, model => model.IrVersion = 14, null, "version 14", "13");
        Refuse(FileFault.Malformed, model => model.OpsetImport.Clear(), null, "opset_import");
        Refuse(FileFault.Duplicate, model => model.OpsetImport.Add(new OperatorSetIdProto { Domain = "ai.onnx", Version = 20 }), "opset_import", "21 and 20");
    }

    [Fact]
    public void Text_that_is_no_utf8_is_refused()
    {
        byte[] bytes = Models.Add().ToByteArray();
        int producer = bytes.AsSpan().IndexOf("test"u8);
        bytes[producer] = 0xFF;
        Refuse(FileFault.Malformed, bytes);
    }

    [Fact]
    public void Graphs_nest_only_so_deep()
    {
        byte[] Nested(int levels)
        {
            GraphProto graph = Models.Add().Graph;
            byte[] inner = graph.ToByteArray();
            for (int i = 0; i < levels; i++)
            {
                byte[] attribute = Field(5, [.. Field(1, "g"u8), .. Field(6, inner), 0xA0, 0x01, 5]);
                inner = Field(1, [.. Field(4, "If"u8), .. attribute]);
            }

            return [0x08, 10, .. Field(8, [0x10, 21]), .. Field(7, inner)];
        }

        using TempFolder folder = new();
        OnnxModel.Open(folder.Write("a.onnx", Nested(30))).Dispose();
        Refuse(FileFault.TooLarge, Nested(40));
        Refuse(FileFault.TooLarge, Nested(5000));
    }

    [Fact]
    public void A_graph_of_more_messages_than_any_program_makes_is_refused()
    {
        byte[] nodes = [.. Enumerable.Repeat((byte[])[0x0A, 0x00], 4_100_000).SelectMany(node => node)];
        Refuse(FileFault.TooLarge, [0x08, 10, .. Field(8, [0x10, 21]), .. Field(7, nodes)]);
    }

    [Fact]
    public void The_number_that_marks_content_outside_a_message_is_no_field_of_a_file()
    {
        Refuse(FileFault.Malformed, model => model.Graph.Initializer[0].Content = 0);
        Refuse(FileFault.Malformed, model => model.Graph.Initializer[0].Content = int.MaxValue);
    }

    [Fact]
    public void Names_are_given_once()
    {
        Refuse(FileFault.Duplicate, model => model.Graph.Initializer.Add(Models.Floats("w", 1)), "w");
        Refuse(FileFault.Duplicate, model => model.Graph.Input.Add(Models.Info("x")), "x");
        Refuse(FileFault.Duplicate, model => model.Graph.Node.Add(NodeAttributes.Node("Relu", ["x"], ["y"])), "y");
        Refuse(FileFault.Duplicate, model => model.Graph.Node.Add(NodeAttributes.Node("Relu", ["x"], ["w"])), "w");
        Refuse(FileFault.Duplicate, model => model.Graph.Node[0].Attribute.AddRange([new AttributeProto { Name = "a" }, new AttributeProto { Name = "a" }]), "sum");
        Refuse(FileFault.Malformed, model => model.Graph.Initializer.Add(Models.Floats("", 1)));
        Refuse(FileFault.Malformed, model => model.Graph.Node.Add(new NodeProto { Name = "empty" }), "empty");
        FunctionProto function = new() { Name = "F", Domain = "d" };
        Refuse(FileFault.Duplicate, model => model.Functions.AddRange([function, function]), "F");

        // The default of an input has the input's name.
        using TempFolder folder = new();
        ModelProto defaults = Models.Add();
        defaults.Graph.Initializer.Add(Models.Floats("x", 4));
        OnnxModel.Open(folder.Write("a.onnx", defaults)).Dispose();
    }

    [Fact]
    public void Every_value_is_made_by_something()
    {
        Refuse(FileFault.Inconsistent, model => model.Graph.Node[0].Input[0] = "none", "none", "'sum'");
        Refuse(FileFault.Inconsistent, model => model.Graph.Output[0].Name = "none", "none", "output of graph");
        Refuse(
            FileFault.Inconsistent,
            model => model.Graph.Node.Add(NodeAttributes.Node("If", ["x"], ["z"], "choice").Set("then_branch", Models.Branch("none", "t", 4))),
            "none",
            "'tsum'");
    }

    [Fact]
    public void Circles_are_refused_in_graphs_and_in_functions()
    {
        Refuse(FileFault.Inconsistent, model => model.Graph.Node[0].Input[0] = "y", "sum");
        Refuse(FileFault.Inconsistent, model =>
        {
            model.Graph.Node[0].Input[0] = "back";
            model.Graph.Node.Add(NodeAttributes.Node("Relu", ["y"], ["back"], "return"));
        });
        Refuse(FileFault.Inconsistent, model =>
        {
            model.Graph.Node.Add(NodeAttributes.Node("If", ["x"], ["z"], "choice").Set("then_branch", Models.Branch("z", "t", 4)));
        });
        Refuse(FileFault.Inconsistent, model => AddFunctions(model, ("A", "A")), "A");
        Refuse(FileFault.Inconsistent, model => AddFunctions(model, ("A", "B"), ("B", "C"), ("C", "B")));
        using TempFolder folder = new();
        ModelProto chain = Models.Add();
        AddFunctions(chain, ("A", "B"), ("B", "C"), ("C", "Relu"));
        OnnxModel.Open(folder.Write("a.onnx", chain)).Dispose();
    }

    [Fact]
    public void An_operator_of_a_set_that_is_not_imported_is_refused()
    {
        Refuse(FileFault.Inconsistent, model => model.Graph.Node[0].Domain = "com.other", "sum", "com.other");
        Refuse(FileFault.Inconsistent, model =>
        {
            FunctionProto function = new() { Name = "F", Domain = "" };
            function.Node.Add(NodeAttributes.Node("Constant", [], ["c"]));
            model.Functions.Add(function);
        });
    }

    [Fact]
    public void Attributes_have_the_value_that_their_type_says() =>
        Refuse(FileFault.Malformed, model => model.Graph.Node[0].Attribute.Add(new AttributeProto { Name = "a", Type = AttributeType.Graph }), "sum", "Graph");

    [Fact]
    public void Values_are_as_many_as_the_shape_says()
    {
        Refuse(FileFault.Inconsistent, model => model.Graph.Initializer[0].Dims[0] = 5, "w", "16 bytes", "20 bytes");
        Refuse(FileFault.Inconsistent, model => model.Graph.Initializer[0].RawData = ByteString.Empty, "w");
        Refuse(FileFault.Inconsistent, model => model.Graph.Initializer[0].FloatData.Add(1), "w", "float_data");
        Refuse(FileFault.TooLarge, model => model.Graph.Initializer[0].Dims[0] = -4, "w");
        Refuse(FileFault.TooLarge, model => model.Graph.Initializer[0].Dims.AddRange([long.MaxValue, 4]), "w");
        Refuse(FileFault.UnknownType, model => model.Graph.Initializer[0].DataType = (DataType)99, "w", "99");
        Refuse(FileFault.UnknownType, model => model.Graph.Initializer[0].ClearDataType(), "w");
        Refuse(FileFault.Unsupported, model => model.Graph.Initializer[0].Segment = new TensorProto.Types.Segment(), "w");
        Refuse(FileFault.Malformed, model => model.Graph.Initializer[0].DataType = DataType.String, "w");
        Refuse(FileFault.Inconsistent, model =>
        {
            TensorProto tensor = model.Graph.Initializer[0];
            tensor.ClearRawData();
            tensor.Int32Data.AddRange([1, 2, 3, 4]);
        }, "w", "int32_data", "float_data");
        Refuse(FileFault.Inconsistent, model =>
        {
            TensorProto tensor = new() { Name = "s", DataType = DataType.String };
            tensor.Dims.Add(2);
            tensor.StringData.Add(ByteString.CopyFromUtf8("one"));
            model.Graph.Initializer.Add(tensor);
        }, "s");
    }

    [Fact]
    public void Large_values_that_disagree_with_their_shape_are_refused_too() =>
        Refuse(FileFault.Inconsistent, _ => { }, "w", [], Models.Add(5000), model => model.Graph.Initializer[0].Dims[0] = 4999);

    [Fact]
    public void Sparse_tensors_agree_with_themselves()
    {
        void Sparse(ModelProto model, Action<SparseTensorProto> change)
        {
            SparseTensorProto sparse = Models.Everywhere(8).Graph.SparseInitializer[0];
            change(sparse);
            model.Graph.SparseInitializer.Add(sparse);
        }

        Refuse(FileFault.Malformed, model => Sparse(model, sparse => sparse.Indices = null), "sparse");
        Refuse(FileFault.Inconsistent, model => Sparse(model, sparse => sparse.Dims[0] = 1), "sparse");
        Refuse(FileFault.Inconsistent, model => Sparse(model, sparse =>
        {
            sparse.Indices.Dims[0] = 1;
            sparse.Indices.Int64Data.RemoveAt(0);
        }), "sparse");
    }

    [Theory]
    [InlineData("../w.bin")]
    [InlineData("sub/../../w.bin")]
    [InlineData("/etc/passwd")]
    [InlineData("C:\\w.bin")]
    [InlineData("..\\w.bin")]
    [InlineData("")]
    [InlineData(".")]
    [InlineData("a//b")]
    [InlineData("w\n.bin")]
    public void External_data_stays_in_the_folder(string location) =>
        Refuse(FileFault.UnsafePath, model => model.Graph.Initializer[0] = Models.External("w", 4, ("location", location)), "w");

    [Fact]
    public void External_data_is_where_it_should_be()
    {
        using TempFolder folder = new();
        folder.Write("w.bin", Models.Bytes(100, 1));
        void Expect(FileFault fault, params (string, string)[] entries)
        {
            ModelProto model = Models.Add(20);
            model.Graph.Initializer[0] = Models.External("w", 20, entries);
            Faults.Expect(fault, () => OnnxModel.Open(folder.Write("a.onnx", model)), "w");
        }

        Expect(FileFault.Malformed);
        Expect(FileFault.Missing, ("location", "other.bin"));
        Expect(FileFault.Missing, ("location", "w.bin/inner"));
        Expect(FileFault.Truncated, ("location", "w.bin"), ("offset", "21"));
        Expect(FileFault.Truncated, ("location", "w.bin"), ("offset", "9223372036854775807"));
        Expect(FileFault.Malformed, ("location", "w.bin"), ("offset", "-1"));
        Expect(FileFault.Malformed, ("location", "w.bin"), ("offset", "9223372036854775808"));
        Expect(FileFault.Inconsistent, ("location", "w.bin"), ("length", "81"));
        Expect(FileFault.Malformed, ("location", "w.bin"), ("length", "eighty"));
        ModelProto good = Models.Add(20);
        good.Graph.Initializer[0] = Models.External("w", 20, ("location", "./w.bin"), ("offset", "20"), ("checksum", "0"));
        using OnnxModel read = OnnxModel.Open(folder.Write("a.onnx", good));
        Assert.Equal(Models.Bytes(100, 1)[20..], read.Weights().Single().Content.ToArray());
    }

    [Fact]
    public void External_data_of_two_tensors_overlaps_wholly_or_not_at_all()
    {
        using TempFolder folder = new();
        folder.Write("w.bin", Models.Bytes(100, 1));
        string Model(string offset)
        {
            ModelProto model = Models.Add(10);
            model.Graph.Initializer[0] = Models.External("w", 10, ("location", "w.bin"), ("offset", "0"));
            model.Graph.Initializer.Add(Models.External("v", 10, ("location", "./w.bin"), ("offset", offset)));
            return folder.Write("a.onnx", model);
        }

        OnnxModel.Open(Model("0")).Dispose();
        OnnxModel.Open(Model("40")).Dispose();
        Faults.Expect(FileFault.Inconsistent, () => OnnxModel.Open(Model("39")), "v", "1 bytes", "'w'");
    }

    [Fact]
    public void A_link_out_of_the_folder_is_not_followed()
    {
        if (OperatingSystem.IsWindows())
        {
            Assert.Skip("Links need a privilege on Windows.");
        }

        using TempFolder outside = new();
        using TempFolder folder = new();
        string secret = outside.Write("secret.bin", Models.Bytes(80, 1));
        File.CreateSymbolicLink(folder.File("w.bin"), secret);
        Directory.CreateSymbolicLink(folder.File("sub"), Path.GetDirectoryName(secret)!);
        File.CreateSymbolicLink(folder.File("loop.bin"), folder.File("loop.bin"));
        folder.Write("real.bin", Models.Bytes(80, 2));
        File.CreateSymbolicLink(folder.File("inner.bin"), "real.bin");
        string Model(TempFolder where, string location)
        {
            ModelProto model = Models.Add(20);
            model.Graph.Initializer[0] = Models.External("w", 20, ("location", location));
            return where.Write("a.onnx", model);
        }

        Faults.Expect(FileFault.UnsafePath, () => OnnxModel.Open(Model(folder, "w.bin")), "w", "link");
        Faults.Expect(FileFault.UnsafePath, () => OnnxModel.Open(Model(folder, "sub/secret.bin")), "w", "link");
        Faults.Expect(FileFault.Unreadable, () => OnnxModel.Open(Model(folder, "loop.bin")), "w");
        OnnxModel.Open(Model(folder, "inner.bin")).Dispose();

        // A download cache keeps the files in one folder and gives another with links to all of them.
        Model(outside, "w.bin");
        File.Delete(folder.File("a.onnx"));
        File.CreateSymbolicLink(folder.File("a.onnx"), outside.File("a.onnx"));
        OnnxModel.Open(folder.File("a.onnx")).Dispose();
    }

    private static void AddFunctions(ModelProto model, params (string Name, string Calls)[] functions)
    {
        model.OpsetImport.Add(new OperatorSetIdProto { Domain = "local", Version = 1 });
        foreach ((string name, string calls) in functions)
        {
            FunctionProto function = new() { Name = name, Domain = "local" };
            function.OpsetImport.Add(new OperatorSetIdProto { Domain = "", Version = 21 });
            function.OpsetImport.Add(new OperatorSetIdProto { Domain = "local", Version = 1 });
            function.Input.Add("a");
            function.Output.Add("b");
            function.Node.Add(NodeAttributes.Node(calls, ["a"], ["b"], domain: calls == "Relu" ? "" : "local"));
            model.Functions.Add(function);
        }
    }

    private static void Refuse(FileFault fault, Action<ModelProto> change, string? member = null, params string[] texts) =>
        Refuse(fault, change, member, texts, Models.Add(), _ => { });

    private static void Refuse(FileFault fault, Action<ModelProto> change, string? member, string[] texts, ModelProto model, Action<ModelProto> more)
    {
        change(model);
        more(model);
        Refuse(fault, model.ToByteArray(), member, texts);
    }

    private static void Refuse(FileFault fault, byte[] bytes, string? member = null, params string[] texts)
    {
        using TempFolder folder = new();
        string path = folder.Write("a.onnx", bytes);
        Faults.Expect(fault, () => OnnxModel.Open(path).Dispose(), member, texts);
    }

    private static byte[] Field(int number, ReadOnlySpan<byte> content)
    {
        using MemoryStream stream = new();
        using (CodedOutputStream output = new(stream, leaveOpen: true))
        {
            output.WriteTag(number, WireFormat.WireType.LengthDelimited);
            output.WriteLength(content.Length);
            output.Flush();
        }

        return [.. stream.ToArray(), .. content];
    }
}
