using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;

namespace ModelPort.Formats.Onnx;

/// <summary>Where a value comes from.</summary>
public enum ValueOrigin
{
    /// <summary>An input of the body; an initialiser of the same name is its default.</summary>
    Input,

    /// <summary>An initialiser, dense or sparse, that is no input.</summary>
    Initializer,

    /// <summary>An output of a node.</summary>
    Node,
}

/// <summary>One use of a value.</summary>
/// <param name="Body">The body that uses it: its own, or one inside.</param>
/// <param name="Node">The node, or null where the value is an output of the body.</param>
/// <param name="Index">Which input of the node, or which output of the body.</param>
public readonly record struct ValueUse(OnnxBody Body, NodeProto? Node, int Index);

/// <summary>A value of a body: who makes it and who uses it.</summary>
public sealed class OnnxValue
{
    private readonly List<ValueUse> uses = [];

    internal OnnxValue(string name, OnnxBody body, ValueOrigin origin, NodeProto? producer, int outputIndex)
    {
        Name = name;
        Body = body;
        Origin = origin;
        Producer = producer;
        OutputIndex = outputIndex;
    }

    /// <summary>The name, unique in its body.</summary>
    public string Name { get; }

    /// <summary>The body that makes it.</summary>
    public OnnxBody Body { get; }

    /// <summary>Where it comes from.</summary>
    public ValueOrigin Origin { get; }

    /// <summary>The node that makes it, or null.</summary>
    public NodeProto? Producer { get; }

    /// <summary>Which output of <see cref="Producer"/> it is; -1 without one.</summary>
    public int OutputIndex { get; }

    /// <summary>The initialiser's tensor, also that of an input with a default; null for a sparse one and for all else.</summary>
    public TensorProto? Initializer { get; internal set; }

    /// <summary>The type that the file states, or that an initialiser has; null if the file does not say. Dimensions may be unknown.</summary>
    public TypeProto? Type { get; internal set; }

    /// <summary>All uses, in the order of bodies and nodes; subgraphs inside are included.</summary>
    public IReadOnlyList<ValueUse> Uses => uses;

    /// <summary>Whether it is an output of its own body.</summary>
    public bool IsOutput => uses.Any(use => use.Node is null && use.Body.Equals(Body));

    /// <inheritdoc/>
    public override string ToString() => $"{Body.Path}:{Name}";

    internal void Add(ValueUse use) => uses.Add(use);
}

/// <summary>
/// All values of a model by body and name. A name in a subgraph is looked for in the subgraph first and then outwards. The index shows the model as it
/// was when the index was made; after changes, make another.
/// </summary>
public sealed class ValueIndex
{
    private readonly Dictionary<OnnxBody, Dictionary<string, OnnxValue>> values = [];

    internal ValueIndex(ImmutableArray<OnnxBody> bodies)
    {
        Bodies = bodies;
        foreach (OnnxBody body in bodies)
        {
            // A graph object that a program put into two places has its values once.
            values.TryAdd(body, Define(body));
        }

        foreach (OnnxBody body in bodies)
        {
            foreach (NodeProto node in body.Nodes)
            {
                for (int i = 0; i < node.Input.Count; i++)
                {
                    Use(body, node.Input[i], new ValueUse(body, node, i));
                }
            }

            int output = 0;
            foreach (string name in body.Outputs)
            {
                Use(body, name, new ValueUse(body, null, output++));
            }
        }
    }

    /// <summary>The bodies, outer before inner.</summary>
    public ImmutableArray<OnnxBody> Bodies { get; }

    /// <summary>The values that a body makes, in the order inputs, initialisers, nodes.</summary>
    public IReadOnlyCollection<OnnxValue> In(OnnxBody body) => values[body].Values;

    /// <summary>The value that a name means in a body; false for the empty name, which stands for an input or output that is left out.</summary>
    public bool TryResolve(OnnxBody body, string name, [NotNullWhen(true)] out OnnxValue? value)
    {
        for (OnnxBody? scope = body; scope is not null && name.Length > 0; scope = scope.Outer)
        {
            if (values[scope].TryGetValue(name, out value))
            {
                return true;
            }
        }

        value = null;
        return false;
    }

    private void Use(OnnxBody body, string name, ValueUse use)
    {
        if (TryResolve(body, name, out OnnxValue? value))
        {
            value.Add(use);
        }
    }

    private static Dictionary<string, OnnxValue> Define(OnnxBody body)
    {
        Dictionary<string, OnnxValue> defined = new(StringComparer.Ordinal);
        OnnxValue Add(string name, ValueOrigin origin, NodeProto? producer = null, int index = -1)
        {
            if (!defined.TryGetValue(name, out OnnxValue? value))
            {
                defined.Add(name, value = new OnnxValue(name, body, origin, producer, index));
            }

            return value;
        }

        foreach (string input in body.Inputs)
        {
            Add(input, ValueOrigin.Input);
        }

        foreach (TensorProto tensor in body.Graph?.Initializer ?? [])
        {
            OnnxValue value = Add(tensor.Name, ValueOrigin.Initializer);
            value.Initializer = tensor;
            value.Type = OnnxTypes.Tensor(tensor.DataType, [.. tensor.Dims]);
        }

        foreach (SparseTensorProto sparse in body.Graph?.SparseInitializer ?? [])
        {
            Add(sparse.Values.Name, ValueOrigin.Initializer).Type = OnnxTypes.Tensor(sparse.Values.DataType, [.. sparse.Dims]);
        }

        foreach (NodeProto node in body.Nodes)
        {
            for (int i = 0; i < node.Output.Count; i++)
            {
                if (node.Output[i].Length > 0)
                {
                    Add(node.Output[i], ValueOrigin.Node, node, i);
                }
            }
        }

        // What is noted beside an output may say more than the output itself.
        foreach (ValueInfoProto info in (body.Graph?.Input ?? []).Concat(body.Graph?.Output ?? []).Concat(body.ValueInfo))
        {
            if (info.Type is not null && defined.TryGetValue(info.Name, out OnnxValue? value) && value.Initializer is null)
            {
                value.Type = info.Type;
            }
        }

        return defined;
    }
}
