using ModelPort.Diagnostics;
using ModelPort.Engines;
using ModelPort.Engines.OnnxRuntime;
using ModelPort.Formats.Onnx;
using ModelPort.Tests.Support;

namespace ModelPort.Tests.BadInput;

/// <summary>What ONNX Runtime refuses reaches the user with a code, at the model's file.</summary>
public sealed class OnnxEngineTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void An_unknown_operator_is_MP1060_and_named() => Expect("MP1060", Save("Mystery", DataType.Float), "Mystery");

    [Fact]
    public void An_operator_without_an_implementation_is_MP1061_and_named() => Expect("MP1061", Save("MatMul", DataType.Bfloat16), "MatMul");

    [Fact]
    public void Data_that_does_not_fit_is_MP1062()
    {
        var path = Save("MatMul", DataType.Float);
        using var session = OnnxSession.Open(path, new OnnxSessionOptions { Threads = 1 });
        Dictionary<string, EngineValue> inputs = new() { ["x"] = EngineTensor.Of(new float[6], 2, 3) };
        Expect("MP1062", path, Assert.Throws<EngineException>(() => session.Run(inputs, cancellationToken: TestContext.Current.CancellationToken)), "Float [2, 2]");
    }

    private static void Expect(string code, string path, params string[] texts) =>
        Expect(code, path, Assert.Throws<EngineException>(() => OnnxSession.Open(path, new OnnxSessionOptions { Threads = 1 })), texts);

    private static void Expect(string code, string path, EngineException e, params string[] texts)
    {
        var diagnostic = Diagnose.From(e, "");
        Assert.Equal((code, path), (diagnostic.Code, diagnostic.File));
        Assert.All(texts, text => Assert.Contains(text, diagnostic.Message, StringComparison.Ordinal));
    }

    private string Save(string operatorType, DataType type)
    {
        var square = OnnxTypes.Tensor(type, [2, 2]);
        ModelProto proto = new() { IrVersion = 10, Graph = new GraphProto { Name = "g" } };
        proto.OpsetImport.Add(new OperatorSetIdProto { Domain = "", Version = 21 });
        proto.Graph.Input.Add(new ValueInfoProto { Name = "x", Type = square });
        proto.Graph.Output.Add(new ValueInfoProto { Name = "y", Type = square });
        proto.Graph.Node.Add(NodeAttributes.Node(operatorType, ["x", "x"], ["y"], "only"));
        var path = Path.Combine(_folder.Path, "model.onnx");
        OnnxModel.Create(proto).Save(path);
        return path;
    }
}
