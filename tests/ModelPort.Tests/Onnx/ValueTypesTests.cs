using ModelPort.Formats.Onnx;
using ModelPort.Onnx;
using ModelPort.Tests.Support;

namespace ModelPort.Tests.Onnx;

public sealed class ValueTypesTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Every_value_of_the_main_graph_gets_its_type_and_the_weights_are_not_written()
    {
        using var model = OnnxModel.Open(Path.Combine(Repository.Root, "tests", "Fixtures", "onnx", "digits-cnn", "model.onnx"));
        model.Proto.Graph.ValueInfo.Clear();
        var added = ValueTypes.Complete(model, _folder.Path);
        Assert.Empty(Directory.GetFiles(_folder.Path));

        var index = model.Index();
        var main = model.Bodies()[0];
        Assert.All(index.In(main), value => Assert.Equal(DataType.Float, OnnxTypes.ElementType(value.Type)));
        var convolution = model.Proto.Graph.Node.First(node => node.Is("Conv")).Output[0];
        Assert.Contains(convolution, added);
        Assert.True(index.TryResolve(main, convolution, out var value));
        Assert.Equal("FLOAT [batch, 16, 8, 8]", OnnxTypes.Describe(value.Type));

        // What is known is not asked for again.
        var left = ValueTypes.Complete(model, _folder.Path);
        Assert.All(left, name => Assert.DoesNotContain(name, added));
    }
}
