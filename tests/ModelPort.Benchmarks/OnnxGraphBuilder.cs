using System.Runtime.InteropServices;
using ModelPort.Formats.Onnx;

namespace ModelPort.Benchmarks;

/// <summary>Builds an ONNX graph node by node, with random weights that are the same in every run.</summary>
internal sealed class OnnxGraphBuilder
{
    private readonly ModelProto _proto;
    private readonly Random _random = new(1);
    private int _nodes;

    internal OnnxGraphBuilder()
    {
        _proto = new ModelProto { IrVersion = 8, Graph = new GraphProto { Name = "graph" } };
        _proto.OpsetImport.Add(new OperatorSetIdProto { Domain = Domains.Standard, Version = 17 });
        Model = OnnxModel.Create(_proto);
    }

    /// <summary>The model.</summary>
    internal OnnxModel Model { get; }

    /// <summary>An input; its first dimension is open.</summary>
    internal string Input(string name, DataType type, params ReadOnlySpan<long> rest)
    {
        _proto.Graph.Input.Add(new ValueInfoProto { Name = name, Type = Type(type, rest) });
        return name;
    }

    /// <summary>Makes a value of FLOAT an output.</summary>
    internal void Output(string value, string name, params ReadOnlySpan<long> rest)
    {
        Node("Identity", [value], name);
        _proto.Graph.Output.Add(new ValueInfoProto { Name = name, Type = Type(DataType.Float, rest) });
    }

    /// <summary>A node with one output; its name.</summary>
    internal string Node(string op, ReadOnlySpan<string> inputs, params ReadOnlySpan<(string Name, object Value)> attributes) => Node(op, inputs, $"{op}_{_nodes}_out", attributes);

    /// <summary>Weights of a normal distribution around 0.</summary>
    internal string Normal(string name, double deviation, params ReadOnlySpan<long> shape)
    {
        var values = new float[shape.ToArray().Aggregate(1L, (a, b) => a * b)];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = (float)(deviation * Math.Sqrt(-2 * Math.Log(1 - _random.NextDouble())) * Math.Cos(2 * Math.PI * _random.NextDouble()));
        }

        return Floats(name, values, shape);
    }

    /// <summary>Weights evenly between two numbers.</summary>
    internal string Even(string name, double from, double to, params ReadOnlySpan<long> shape) =>
        Floats(name, [.. Enumerable.Range(0, (int)shape.ToArray().Aggregate(1L, (a, b) => a * b)).Select(_ => (float)(from + ((to - from) * _random.NextDouble())))], shape);

    /// <summary>A constant of one value.</summary>
    internal string Scalar(string name, float value) => Floats(name, [value], []);

    /// <summary>A list of whole numbers, such as a shape.</summary>
    internal string Integers(string name, params ReadOnlySpan<long> values) => Add(Model.NewTensor(name, DataType.Int64, [values.Length], OnnxContent.Of(MemoryMarshal.AsBytes(values).ToArray())));

    /// <summary>An initialiser.</summary>
    internal string Add(TensorProto tensor)
    {
        _proto.Graph.Initializer.Add(tensor);
        return tensor.Name;
    }

    private string Floats(string name, float[] values, ReadOnlySpan<long> shape) => Add(Model.NewTensor(name, DataType.Float, shape, OnnxContent.Of(MemoryMarshal.AsBytes<float>(values).ToArray())));

    private string Node(string op, ReadOnlySpan<string> inputs, string output, params ReadOnlySpan<(string Name, object Value)> attributes)
    {
        var node = NodeAttributes.Node(op, inputs.ToArray(), [output], $"{op}_{_nodes++}");
        foreach (var (name, value) in attributes)
        {
            node.Set(name, value);
        }

        _proto.Graph.Node.Add(node);
        return output;
    }

    private static TypeProto Type(DataType type, ReadOnlySpan<long> rest)
    {
        var result = OnnxTypes.Tensor(type, [1, .. rest.ToArray()]);
        result.TensorType.Shape.Dim[0] = new DimensionProto { DimParam = "batch" };
        return result;
    }
}
