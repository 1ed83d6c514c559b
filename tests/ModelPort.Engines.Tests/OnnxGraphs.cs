using ModelPort.Formats.Onnx;

namespace ModelPort.Engines.Tests;

/// <summary>Small models for single questions.</summary>
internal static class OnnxGraphs
{
    /// <summary>A graph of these nodes; inputs and outputs are named with their types.</summary>
    public static OnnxModel Of(IEnumerable<NodeProto> nodes, (string Name, TypeProto? Type)[] inputs, (string Name, TypeProto? Type)[] outputs, long opset = 21)
    {
        ModelProto proto = new() { IrVersion = 10, Graph = new GraphProto { Name = "test" } };
        proto.OpsetImport.Add(new OperatorSetIdProto { Domain = "", Version = opset });
        proto.Graph.Node.AddRange(nodes);
        proto.Graph.Input.AddRange(inputs.Select(Info));
        proto.Graph.Output.AddRange(outputs.Select(Info));
        return OnnxModel.Create(proto);
    }

    /// <summary>One node from x to y, both of one type and an open first dimension.</summary>
    public static OnnxModel OneNode(string operatorType, DataType type)
    {
        var tensor = OnnxTypes.Tensor(type, [0, 3]);
        tensor.TensorType.Shape.Dim[0] = new DimensionProto { DimParam = "n" };
        return Of([NodeAttributes.Node(operatorType, ["x"], ["y"], "only")], [("x", tensor)], [("y", tensor)]);
    }

    private static ValueInfoProto Info((string Name, TypeProto? Type) value) => new() { Name = value.Name, Type = value.Type };
}
