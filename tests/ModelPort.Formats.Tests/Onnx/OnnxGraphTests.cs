using ModelPort.Formats.Onnx;

namespace ModelPort.Formats.Tests.Onnx;

public sealed class OnnxGraphTests
{
    [Fact]
    public void Every_weight_is_found_wherever_it_stands()
    {
        using TempFolder folder = new();
        using OnnxModel model = OnnxModel.Open(folder.Write("a.onnx", Models.Everywhere(400)));
        Assert.Equal(
            [
                ("w", WeightPlace.Initializer, "graph", DataType.Float, 400),
                ("sparse", WeightPlace.SparseInitializer, "graph", DataType.Float, 2),
                ("k", WeightPlace.Constant, "graph", DataType.Float, 400),
                ("kf", WeightPlace.Constant, "graph", DataType.Float, 1),
                ("kfs", WeightPlace.Constant, "graph", DataType.Float, 2),
                ("ki", WeightPlace.Constant, "graph", DataType.Int64, 1),
                ("kis", WeightPlace.Constant, "graph", DataType.Int64, 3),
                ("u", WeightPlace.Attribute, "graph", DataType.Float, 3),
                ("tw", WeightPlace.Initializer, "graph/choice/then_branch", DataType.Float, 400),
                ("ew", WeightPlace.Initializer, "graph/choice/else_branch", DataType.Float, 400),
                ("two", WeightPlace.Constant, "function local:Twice", DataType.Float, 400),
                ("trainw", WeightPlace.Initializer, "training 0/algorithm", DataType.Float, 400),
            ],
            model.Weights().Select(weight => (weight.Name, weight.Place, weight.Body.Path, weight.Type, weight.Count)));
        Assert.Equal(Models.Bytes(1600, 4), model.Weights().Single(weight => weight.Name == "two").Content.ToArray());
        Assert.Equal(Models.AsBytes([1, 2]), model.Weights().Single(weight => weight.Name == "kfs").Content.ToArray());
    }

    [Fact]
    public void Every_weight_can_be_replaced_and_the_file_says_so()
    {
        using TempFolder folder = new();
        using (OnnxModel model = OnnxModel.Open(folder.Write("a.onnx", Models.Everywhere(400))))
        {
            foreach (OnnxWeight weight in model.Weights().Where(weight => weight.Place is not WeightPlace.SparseInitializer))
            {
                long count = weight.Count;
                weight.Replace(DataType.Float16, weight.Shape.AsSpan(), OnnxContent.Computed(2 * count, stream => stream.Write(new byte[2 * count])));
            }

            model.Save(folder.File("b.onnx"));
        }

        using OnnxModel read = OnnxModel.Open(folder.File("b.onnx"));
        Assert.All(
            read.Weights().Where(weight => weight.Place is not WeightPlace.SparseInitializer),
            weight => Assert.Equal((DataType.Float16, 2 * weight.Count), (weight.Type, weight.ByteLength)));
        Assert.Equal([1L], read.Proto.Graph.Node.Single(node => node.Output[0] == "kf").Attribute.Select(attribute => (long)(attribute.T is null ? 0 : 1)));
    }

    [Fact]
    public void A_copy_changes_on_its_own()
    {
        using TempFolder folder = new();
        using OnnxModel source = OnnxModel.Open(folder.Write("a.onnx", Models.Add(400)));
        OnnxModel copy = source.Copy();
        copy.Weights().Single().Replace(DataType.Int8, [400], OnnxContent.Of(new byte[400]));
        Assert.Equal(DataType.Float, source.Weights().Single().Type);
        Assert.Equal(Models.Bytes(1600, 1), source.Weights().Single().Content.ToArray());
        Assert.Equal(new byte[400], copy.Weights().Single().Content.ToArray());
    }

    [Fact]
    public void Values_know_their_makers_and_their_users_in_all_bodies()
    {
        using OnnxModel model = OnnxModel.Create(Models.Everywhere(4));
        ValueIndex index = model.Index();
        OnnxBody main = model.Bodies()[0];
        OnnxBody then = model.Bodies().Single(body => body.Path.EndsWith("then_branch", StringComparison.Ordinal));
        Assert.Equal(main, then.Outer);

        Assert.True(index.TryResolve(then, "y", out OnnxValue? y));
        Assert.Equal((ValueOrigin.Node, "sum", 0), (y.Origin, y.Producer!.Name, y.OutputIndex));
        Assert.True(y.IsOutput);
        Assert.Equal(["graph:", "graph/choice/then_branch:tsum"], y.Uses.Select(use => $"{use.Body}:{use.Node?.Name}"));

        Assert.True(index.TryResolve(main, "w", out OnnxValue? w));
        Assert.Equal([("sum", 1), ("trainsum", 0)], w.Uses.Select(use => (use.Node!.Name, use.Index)));
        Assert.Equal("FLOAT [4]", OnnxTypes.Describe(w.Type));
        Assert.NotNull(w.Initializer);

        // A function sees nothing but its own.
        OnnxBody function = model.Bodies().Single(body => body.Function is not null);
        Assert.False(index.TryResolve(function, "w", out _));
        Assert.True(index.TryResolve(function, "a", out OnnxValue? a));
        Assert.Equal(ValueOrigin.Input, a.Origin);
        Assert.False(index.TryResolve(main, "", out _));
    }

    [Fact]
    public void An_inner_value_hides_an_outer_one_of_the_same_name()
    {
        ModelProto proto = Models.Everywhere(4);
        GraphProto branch = proto.Graph.Node.Single(node => node.Name == "choice").Find("then_branch")!.G;
        branch.Initializer.Add(Models.Floats("y", 4));
        using OnnxModel model = OnnxModel.Create(proto);
        ValueIndex index = model.Index();
        OnnxBody then = model.Bodies().Single(body => ReferenceEquals(body.Graph, branch));
        Assert.True(index.TryResolve(then, "y", out OnnxValue? y));
        Assert.Equal((ValueOrigin.Initializer, then), (y.Origin, y.Body));
    }

    [Fact]
    public void Nodes_are_sorted_only_as_far_as_they_must_be()
    {
        ModelProto proto = Models.Everywhere(4);
        Assert.False(NodeOrder.Sort(OnnxModel.Create(proto).Bodies()[0]));
        string[] wanted = [.. proto.Graph.Node.Select(NodeOrder.Label)];

        // The branch that uses y comes before the node that makes it.
        NodeProto choice = proto.Graph.Node.Single(node => node.Name == "choice");
        proto.Graph.Node.Remove(choice);
        proto.Graph.Node.Insert(0, choice);
        OnnxModel model = OnnxModel.Create(proto);
        using TempFolder folder = new();
        model.Save(folder.File("unsorted.onnx"));
        OnnxModel.Open(folder.File("unsorted.onnx")).Dispose();
        Assert.True(NodeOrder.Sort(model.Bodies()[0]));
        string[] sorted = [.. proto.Graph.Node.Select(NodeOrder.Label)];
        Assert.Equal(wanted.Order(StringComparer.Ordinal), sorted.Order(StringComparer.Ordinal));
        Assert.True(Array.IndexOf(sorted, "choice") > Array.IndexOf(sorted, "sum"));
        Assert.False(NodeOrder.Sort(model.Bodies()[0]));
    }

    [Fact]
    public void New_names_are_used_by_nobody()
    {
        UniqueNames names = new(OnnxModel.Create(Models.Everywhere(4)));
        Assert.Equal(["tw_2", "tw_3", "sum_2", "fresh", "fresh_2"], [names.Next("tw"), names.Next("tw"), names.Next("sum"), names.Next("fresh"), names.Next("fresh")]);
    }

    [Fact]
    public void Values_in_typed_fields_are_read_as_raw_bytes()
    {
        using OnnxModel model = OnnxModel.Create(Models.Add());
        TensorProto Typed(DataType type, long count, Action<TensorProto> fill)
        {
            TensorProto tensor = new() { Name = "t", DataType = type };
            tensor.Dims.Add(count);
            fill(tensor);
            return tensor;
        }

        // Bits of 16-bit floats are the low half of an integer; types below a byte come packed, an integer for each byte.
        Assert.Equal([0x00, 0x3C, 0x00, 0xBC], model.ContentOf(Typed(DataType.Float16, 2, t => t.Int32Data.AddRange([0x3C00, 0xBC00]))).ToArray());
        Assert.Equal([0x80, 0x3F], model.ContentOf(Typed(DataType.Bfloat16, 1, t => t.Int32Data.Add(0x3F80))).ToArray());
        Assert.Equal([0xFF, 0x01], model.ContentOf(Typed(DataType.Int8, 2, t => t.Int32Data.AddRange([-1, 1]))).ToArray());
        Assert.Equal([0xF8], model.ContentOf(Typed(DataType.Float8E4M3Fn, 1, t => t.Int32Data.Add(0xF8))).ToArray());
        Assert.Equal([1, 0], model.ContentOf(Typed(DataType.Bool, 2, t => t.Int32Data.AddRange([1, 0]))).ToArray());
        Assert.Equal([0x21, 0x03], model.ContentOf(Typed(DataType.Int4, 3, t => t.Int32Data.AddRange([0x21, 0x03]))).ToArray());
        Assert.Equal([0xFE, 0xFF, 0xFF, 0xFF], model.ContentOf(Typed(DataType.Int32, 1, t => t.Int32Data.Add(-2))).ToArray());
        Assert.Equal([0xFF, 0xFF, 0xFF, 0xFF], model.ContentOf(Typed(DataType.Uint32, 1, t => t.Uint64Data.Add(uint.MaxValue))).ToArray());
        Assert.Equal([7, 0, 0, 0, 0, 0, 0, 0], model.ContentOf(Typed(DataType.Int64, 1, t => t.Int64Data.Add(7))).ToArray());
        Assert.Equal([0, 0, 0x80, 0x3F, 0, 0, 0, 0x40], model.ContentOf(Typed(DataType.Complex64, 1, t => t.FloatData.AddRange([1, 2]))).ToArray());
        Assert.Equal(BitConverter.GetBytes(0.5), model.ContentOf(Typed(DataType.Double, 1, t => t.DoubleData.Add(0.5))).ToArray());
        Assert.Throws<ArgumentException>(() => model.ContentOf(Typed(DataType.String, 0, _ => { })));
    }

    [Fact]
    public void Attributes_have_their_defaults_and_can_be_set_again()
    {
        NodeProto node = NodeAttributes.Node("Conv", ["x"], ["y"]).Set("group", 2).Set("pads", new[] { 1L, 1L }).Set("auto_pad", "SAME_UPPER").Set("alpha", 0.5f);
        Assert.Equal((2L, 9L, "SAME_UPPER", 0.5f), (node.GetInt("group", 1), node.GetInt("none", 9), node.GetString("auto_pad", ""), node.GetFloat("alpha", 0)));
        Assert.Equal([1, 1], node.GetInts("pads")!);
        Assert.Null(node.GetInts("strides"));
        node.Set("group", 3L);
        Assert.Equal(3, node.GetInt("group", 1));
        Assert.Equal(4, node.Attribute.Count);
        Assert.True(node.Is("Conv"));
        Assert.False(node.Is(Domains.Microsoft, "Conv"));
    }
}
