using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using ModelPort.Diagnostics;
using ModelPort.Formats.Onnx;

namespace ModelPort.Onnx.Opsets;

/// <summary>A node that a rule works on, with what rules need.</summary>
internal sealed class UpgradeSite(OnnxModel model, OnnxBody body, NodeProto node, long target, ValueIndex index, UniqueNames names)
{
    /// <summary>The node.</summary>
    public NodeProto Node { get; } = node;

    /// <summary>The element type of an input, or FLOAT where the file does not say: a runtime then refuses a model of another type, and does not run it wrong.</summary>
    public DataType TypeOf(int input) => index.TryResolve(body, Node.Input[input], out var value) && OnnxTypes.ElementType(value.Type) is not DataType.Undefined and var type
        ? type
        : DataType.Float;

    /// <summary>The number of dimensions of an input, or null where the file does not say.</summary>
    public int? RankOf(int input) => index.TryResolve(body, Node.Input[input], out var value) ? OnnxTypes.Dimensions(value.Type)?.Length : null;

    /// <summary>The values of an input that is a constant of singles, or null if it is something else.</summary>
    public float[]? ConstantOf(int input)
    {
        var tensor = !index.TryResolve(body, Node.Input[input], out var value) ? null
            : value.Origin == ValueOrigin.Initializer ? value.Initializer
            : value.Producer is { } producer && producer.Is("Constant") ? producer.Find("value")?.T
            : null;
        return tensor is { DataType: DataType.Float } ? MemoryMarshal.Cast<byte, float>(model.ContentOf(tensor).ToArray()).ToArray() : null;
    }

    /// <summary>Moves a list of whole numbers from an attribute to an input; without the attribute the input stays out.</summary>
    public void MoveInts(string attribute, int input)
    {
        if (Node.GetInts(attribute) is { } values)
        {
            Node.Remove(attribute);
            SetInput(input, Constant(values, values.Length));
        }
    }

    /// <summary>Sets an input, and leaves out those before it that are not there.</summary>
    public void SetInput(int input, string value)
    {
        while (Node.Input.Count <= input)
        {
            Node.Input.Add("");
        }

        Node.Input[input] = value;
    }

    /// <summary>A constant of whole numbers before the node.</summary>
    /// <param name="values">The numbers.</param>
    /// <param name="shape">Dimensions; none for a single number.</param>
    /// <returns>Its name.</returns>
    public string Constant(ReadOnlySpan<long> values, params ReadOnlySpan<long> shape) => Constant(DataType.Int64, shape, MemoryMarshal.AsBytes(values).ToArray());

    /// <summary>A single number of a float type before the node.</summary>
    public string Constant(float value, DataType type) => Constant(type, [], type switch
    {
        DataType.Float => BitConverter.GetBytes(value),
        DataType.Double => BitConverter.GetBytes((double)value),
        DataType.Float16 => BitConverter.GetBytes((Half)value),
        _ => throw Fail($"its values are {DataTypes.Name(type)}"),
    });

    /// <summary>A constant of any type before the node.</summary>
    /// <returns>Its name.</returns>
    public string Constant(DataType type, ReadOnlySpan<long> shape, byte[] bytes)
    {
        var tensor = model.NewTensor("", type, shape, OnnxContent.Of(bytes));
        tensor.ClearName();
        return Before("Constant", [], constant => constant.Set("value", tensor));
    }

    /// <summary>A node of the format's operators before this one.</summary>
    /// <returns>The name of its output.</returns>
    public string Before(string operatorType, IEnumerable<string> inputs, Action<NodeProto>? set = null)
    {
        var output = names.Next($"{Node.Output[0]}_{operatorType}");
        var added = NodeAttributes.Node(operatorType, inputs, [output], names.Next($"{(Node.Name.Length > 0 ? Node.Name : Node.Output[0])}_{operatorType}"));
        set?.Invoke(added);
        body.Nodes.Insert(IndexOfNode(), added);
        return output;
    }

    /// <summary>Has another node make the output of this one, from what this one makes now.</summary>
    public void After(string operatorType, params IEnumerable<string> moreInputs)
    {
        var output = Node.Output[0];
        var inner = names.Next($"{output}_inner");
        Node.Output[0] = inner;
        body.Nodes.Insert(IndexOfNode() + 1, NodeAttributes.Node(operatorType, [inner, .. moreInputs], [output], names.Next($"{output}_{operatorType}")));
    }

    /// <summary>The refusal of this node.</summary>
    public ModelPortException Fail(string reason) => new(Diagnose.OperatorNotUpgraded(model.Path, Node.OpType, NodeOrder.Label(Node), target, reason));

    /// <summary>Refuses the node if something is so.</summary>
    public void FailIf([DoesNotReturnIf(true)] bool condition, string reason)
    {
        if (condition)
        {
            throw Fail(reason);
        }
    }

    private int IndexOfNode()
    {
        for (var i = 0; i < body.Nodes.Count; i++)
        {
            if (ReferenceEquals(body.Nodes[i], Node))
            {
                return i;
            }
        }

        throw new InvalidOperationException($"'{Node.Name}' left its body.");
    }
}
