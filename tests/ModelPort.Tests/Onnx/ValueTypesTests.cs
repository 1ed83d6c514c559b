using ModelPort.Formats.Onnx;
using ModelPort.Onnx;
using ModelPort.Tests.Support;

namespace ModelPort.Tests.Onnx;

public sealed class ValueTypesTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Every_value_of_the_main_graph_gets_its_type_and_nothing_is_left_behind()
    {
        using var model = Digits();
        model.Proto.Graph.ValueInfo.Clear();
        var added = ValueTypes.Complete(model, _folder.Path);
        Assert.Empty(Directory.GetFiles(_folder.Path));

        var main = model.Bodies()[0];
        Assert.All(model.Index().In(main), value => Assert.Equal(DataType.Float, OnnxTypes.ElementType(value.Type)));
        var convolution = model.Proto.Graph.Node.First(node => node.Is("Conv")).Output[0];
        Assert.Contains((main, convolution), added);
        Assert.Equal("FLOAT [batch, 16, 8, 8]", Describe(model, main, convolution));

        // What is known is not asked for again.
        Assert.Empty(ValueTypes.Complete(model, _folder.Path).Intersect(added.Where(value => value.Name == convolution)));
    }

    [Fact]
    public void Values_of_subgraphs_get_their_types_from_what_they_take_from_outside()
    {
        using var model = Digits();
        var graph = model.Proto.Graph;
        var logits = graph.Output[0].Name;
        GraphProto inner = new() { Name = "inner" };
        inner.Node.Add(NodeAttributes.Node("Cast", ["doubled"], ["half"]).Set("to", (long)DataType.Float16));
        inner.Node.Add(NodeAttributes.Node("Transpose", ["half"], ["turned"]));
        inner.Output.Add(new ValueInfoProto { Name = "turned", Type = OnnxTypes.Tensor(DataType.Float16) });
        GraphProto branch = new() { Name = "branch" };
        branch.Node.Add(NodeAttributes.Node("Add", [logits, logits], ["doubled"]));
        branch.Node.Add(NodeAttributes.Node("Greater", ["doubled", "limit"], ["above"]));
        branch.Node.Add(NodeAttributes.Node("If", ["flag"], ["deep"], "deep").Set("then_branch", inner).Set("else_branch", inner.Clone()));
        branch.Output.Add(new ValueInfoProto { Name = "deep", Type = OnnxTypes.Tensor(DataType.Float16) });
        graph.Initializer.Add(model.NewTensor("flag", DataType.Bool, [], OnnxContent.Of(new byte[] { 1 })));
        graph.Initializer.Add(model.NewTensor("limit", DataType.Float, [], OnnxContent.Of(new byte[4])));
        graph.Node.Add(NodeAttributes.Node("If", ["flag"], ["extra"], "choice").Set("then_branch", branch).Set("else_branch", branch.Clone()));

        ValueTypes.Complete(model, _folder.Path);
        var then = model.Bodies().Single(body => body.Path == "graph/choice/then_branch");
        Assert.Equal("FLOAT [batch, 10]", Describe(model, then, "doubled"));
        Assert.Equal("BOOL [batch, 10]", Describe(model, then, "above"));
        var deep = model.Bodies().Single(body => body.Path == "graph/choice/else_branch/deep/then_branch");
        Assert.Equal("FLOAT16 [batch, 10]", Describe(model, deep, "half"));
        Assert.Equal("FLOAT16 [10, batch]", Describe(model, deep, "turned"));
        Assert.All(model.Bodies().SelectMany(body => model.Index().In(body)), value => Assert.NotNull(value.Type));
    }

    private static OnnxModel Digits() => OnnxModel.Open(Path.Combine(Repository.Root, "tests", "Fixtures", "onnx", "digits-cnn", "model.onnx"));

    private static string Describe(OnnxModel model, OnnxBody body, string name) =>
        model.Index().TryResolve(body, name, out var value) ? OnnxTypes.Describe(value.Type) : "no such value";
}
