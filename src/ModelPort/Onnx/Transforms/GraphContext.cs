using System.Runtime.InteropServices;
using ModelPort.Formats.Onnx;

namespace ModelPort.Onnx.Transforms;

/// <summary>
/// A model while it is changed: its values and their types as they were at the start, and means to add to it. Only graphs are in <see cref="Bodies"/>:
/// functions have been expanded.
/// </summary>
internal sealed class GraphContext
{
    private readonly Dictionary<(OnnxBody, string), string> shared = [];
    private readonly HashSet<TensorProto> replaced = new(ReferenceEqualityComparer.Instance);

    public GraphContext(OnnxModel model, OnnxTransformRequest request)
    {
        Model = model;
        Request = request;
        Index = model.Index();
        Types = new ElementTypes(Index);
        Names = new UniqueNames(model);
        Bodies = [.. Index.Bodies.Where(body => body.Graph is not null)];
    }

    public OnnxModel Model { get; }

    public OnnxTransformRequest Request { get; }

    public ValueIndex Index { get; }

    public ElementTypes Types { get; }

    public UniqueNames Names { get; }

    public IReadOnlyList<OnnxBody> Bodies { get; }

    public OnnxBody Main => Bodies[0];

    /// <summary>What each weight or value became.</summary>
    public List<QuantisedTensor> Quantised { get; } = [];

    /// <summary>The value of a node's input, or null where it is left out.</summary>
    public OnnxValue? Input(OnnxBody body, NodeProto node, int index) =>
        index < node.Input.Count && Index.TryResolve(body, node.Input[index], out var value) ? value : null;

    /// <summary>The tensor of a node's input if it is constant, or null. The default of an input is no constant: a caller may give another value.</summary>
    public TensorProto? Constant(OnnxBody body, NodeProto node, int index) =>
        Input(body, node, index) is { Origin: ValueOrigin.Initializer, Initializer: { } tensor } ? tensor : null;

    /// <summary>Why a sparse weight is no weight for a precision; null for every other input.</summary>
    public string? Sparse(OnnxBody body, NodeProto node, int index) => Input(body, node, index) is { Origin: ValueOrigin.Initializer, Initializer: null } sparse
        ? $"its weight '{sparse.Name}' is sparse, and takes fewer bytes so"
        : null;

    /// <summary>Whether an input is a constant matrix (or filter) of floats that can be quantised.</summary>
    public bool IsWeight(OnnxBody body, NodeProto node, int index, int rank) =>
        Constant(body, node, index) is { } tensor && tensor.Dims.Count == rank && WeightStream.CanRead(tensor.DataType) && tensor.Dims.All(dimension => dimension > 0);

    /// <summary>Type of a node's input.</summary>
    public DataType TypeOf(OnnxBody body, NodeProto node, int index) => Input(body, node, index) is { } value ? Types[value] : DataType.Undefined;

    /// <summary>Adds an initialiser to a graph.</summary>
    public string Add(OnnxBody body, string name, DataType type, ReadOnlySpan<long> shape, OnnxContent content)
    {
        var unique = Names.Next(name);
        body.Graph!.Initializer.Add(Model.NewTensor(unique, type, shape, content));
        return unique;
    }

    /// <summary>Adds an initialiser of floats to a graph.</summary>
    public string Add(OnnxBody body, string name, ReadOnlySpan<long> shape, params ReadOnlySpan<float> values) =>
        Add(body, name, DataType.Float, shape, OnnxContent.Of(MemoryMarshal.AsBytes(values).ToArray()));

    /// <summary>A small constant that many nodes use, and that is there once for the whole model.</summary>
    public string Shared(string name, DataType type, ReadOnlySpan<long> shape, params ReadOnlySpan<byte> bytes) => Shared(Main, name, type, shape, bytes);

    /// <summary>A small constant that many nodes use, and that is there once for a body: not all rewriting of ONNX Runtime looks for constants outside.</summary>
    public string Shared(OnnxBody body, string name, DataType type, ReadOnlySpan<long> shape, params ReadOnlySpan<byte> bytes)
    {
        var key = (body, $"{name} {type} {string.Join(',', shape.ToArray())} {Convert.ToHexString(bytes)}");
        return shared.TryGetValue(key, out var found) ? found : shared[key] = Add(body, name, type, shape, OnnxContent.Of(bytes.ToArray()));
    }

    /// <summary>Remembers the name of something that is made once for a body.</summary>
    public string Once(OnnxBody body, string key, Func<string> make) => shared.TryGetValue((body, key), out var found) ? found : shared[(body, key)] = make();

    /// <summary>Puts nodes where another stands.</summary>
    public static void Replace(OnnxBody body, NodeProto node, params ReadOnlySpan<NodeProto> nodes)
    {
        var at = body.Nodes.IndexOf(node);
        body.Nodes.RemoveAt(at);
        foreach (var added in nodes)
        {
            body.Nodes.Insert(at++, added);
        }
    }

    /// <summary>Notes that a weight stands in another form now, so that it goes if nobody uses it any more.</summary>
    public void Replaced(TensorProto tensor) => replaced.Add(tensor);

    /// <summary>Removes the weights that stand in another form and that nobody uses any more, and puts the nodes in order.</summary>
    /// <returns>Weights that are in another form too, but that somebody uses as they were.</returns>
    public IReadOnlyList<string> Finish()
    {
        List<string> besides = [];
        var index = Model.Index();
        foreach (var body in index.Bodies.Where(body => body.Graph is not null))
        {
            foreach (var value in index.In(body))
            {
                if (value.Initializer is not { } tensor || !replaced.Contains(tensor))
                {
                    continue;
                }

                if (value.Uses.Count == 0)
                {
                    body.Graph!.Initializer.Remove(tensor);
                }
                else
                {
                    besides.Add($"'{value.Name}'");
                }
            }

            NodeOrder.Sort(body);
        }

        return besides;
    }

    /// <summary>States which version of a set of operators the model uses.</summary>
    public static void Import(OnnxModel model, string domain, long version)
    {
        var import = model.Proto.OpsetImport.FirstOrDefault(entry => Domains.Normal(entry.Domain) == domain);
        if (import is null)
        {
            model.Proto.OpsetImport.Add(new OperatorSetIdProto { Domain = domain, Version = version });
        }
        else
        {
            import.Version = Math.Max(import.Version, version);
        }
    }
}
