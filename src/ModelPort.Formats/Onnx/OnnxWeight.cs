using System.Collections.Immutable;
using System.Runtime.InteropServices;

namespace ModelPort.Formats.Onnx;

/// <summary>Where a tensor of constant values stands.</summary>
public enum WeightPlace
{
    /// <summary>An initialiser of a graph.</summary>
    Initializer,

    /// <summary>The values of a sparse initialiser: those that are not zero.</summary>
    SparseInitializer,

    /// <summary>A node Constant: its attribute value, value_float, value_floats, value_int or value_ints.</summary>
    Constant,

    /// <summary>A node Constant with a sparse tensor: the values that are not zero.</summary>
    SparseConstant,

    /// <summary>A tensor in an attribute of any other node, for instance of ConstantOfShape.</summary>
    Attribute,
}

/// <summary>A tensor of constant values, wherever a model keeps it, with a reader and a replacer.</summary>
public sealed class OnnxWeight
{
    private readonly OnnxModel model;

    private OnnxWeight(OnnxModel model, OnnxBody body, WeightPlace place, string name, NodeProto? node, AttributeProto? attribute, TensorProto? tensor)
    {
        this.model = model;
        Body = body;
        Place = place;
        Name = name;
        Node = node;
        Attribute = attribute;
        Tensor = tensor;
    }

    /// <summary>The body that the tensor stands in.</summary>
    public OnnxBody Body { get; }

    /// <summary>Where in the body.</summary>
    public WeightPlace Place { get; }

    /// <summary>The value's name in its body: that of the initialiser, or of the first output of the node.</summary>
    public string Name { get; }

    /// <summary>The node that holds the tensor, or null for an initialiser.</summary>
    public NodeProto? Node { get; }

    /// <summary>The attribute of <see cref="Node"/> that holds it, or null for an initialiser.</summary>
    public AttributeProto? Attribute { get; }

    /// <summary>The tensor's message, or null where an attribute holds plain numbers.</summary>
    public TensorProto? Tensor { get; private set; }

    /// <summary>Element type.</summary>
    public DataType Type => Tensor?.DataType ?? (Attribute!.Type is AttributeType.Float or AttributeType.Floats ? DataType.Float : DataType.Int64);

    /// <summary>Dimensions, the slowest varying first; for sparse ones the number of values that are stored.</summary>
    public ImmutableArray<long> Shape => Tensor is not null ? [.. Tensor.Dims] : Attribute!.Type switch
    {
        AttributeType.Floats => [Attribute.Floats.Count],
        AttributeType.Ints => [Attribute.Ints.Count],
        _ => [],
    };

    /// <summary>Number of elements that are stored.</summary>
    public long Count => Shape.Aggregate(1L, (product, dimension) => checked(product * dimension));

    /// <summary>Bytes of the values as raw data; of strings, their bytes together.</summary>
    public long ByteLength => Type == DataType.String ? Tensor!.StringData.Sum(text => (long)text.Length) : DataTypes.ByteLength(Type, Shape.AsSpan());

    /// <summary>Whether the values are in a file of their own.</summary>
    public bool IsExternal => Tensor is not null && Onnx.Tensors.IsExternal(Tensor);

    /// <summary>The values as raw bytes.</summary>
    /// <exception cref="ArgumentException">The tensor holds strings.</exception>
    public OnnxContent Content => Tensor is not null ? model.ContentOf(Tensor) : Attribute!.Type switch
    {
        AttributeType.Float => OnnxContent.Of(MemoryMarshal.AsBytes<float>([Attribute.F]).ToArray()),
        AttributeType.Floats => OnnxContent.Of(MemoryMarshal.AsBytes<float>([.. Attribute.Floats]).ToArray()),
        AttributeType.Ints => OnnxContent.Of(MemoryMarshal.AsBytes<long>([.. Attribute.Ints]).ToArray()),
        _ => OnnxContent.Of(MemoryMarshal.AsBytes<long>([Attribute.I]).ToArray()),
    };

    /// <summary>Puts other values in its place, of this type and shape. Plain numbers of a Constant become a tensor.</summary>
    /// <exception cref="ArgumentException">There are more or fewer bytes than type and shape make.</exception>
    public void Replace(DataType type, ReadOnlySpan<long> shape, OnnxContent content)
    {
        if (Tensor is not null)
        {
            model.SetContent(Tensor, type, shape, content);
            return;
        }

        Tensor = model.NewTensor(Name, type, shape, content);
        AttributeProto attribute = Attribute!;
        attribute.ClearF();
        attribute.ClearI();
        attribute.Floats.Clear();
        attribute.Ints.Clear();
        (attribute.Name, attribute.Type, attribute.T) = ("value", AttributeType.Tensor, Tensor);
    }

    internal static IEnumerable<OnnxWeight> In(OnnxModel model, OnnxBody body)
    {
        foreach (TensorProto tensor in body.Graph?.Initializer ?? [])
        {
            yield return new OnnxWeight(model, body, WeightPlace.Initializer, tensor.Name, null, null, tensor);
        }

        foreach (SparseTensorProto sparse in body.Graph?.SparseInitializer ?? [])
        {
            yield return new OnnxWeight(model, body, WeightPlace.SparseInitializer, sparse.Values.Name, null, null, sparse.Values);
        }

        foreach (NodeProto node in body.Nodes)
        {
            bool constant = node.OpType == "Constant" && Domains.Normal(node.Domain) == Domains.Standard;
            foreach (AttributeProto attribute in node.Attribute)
            {
                OnnxWeight Weight(WeightPlace place, TensorProto? tensor) =>
                    new(model, body, place, node.Output.Count > 0 ? node.Output[0] : node.Name, node, attribute, tensor);

                if (attribute.T is { } single)
                {
                    yield return Weight(constant ? WeightPlace.Constant : WeightPlace.Attribute, single);
                }

                foreach (TensorProto tensor in attribute.Tensors)
                {
                    yield return Weight(WeightPlace.Attribute, tensor);
                }

                foreach (SparseTensorProto sparse in SparseOf(attribute))
                {
                    yield return Weight(constant ? WeightPlace.SparseConstant : WeightPlace.Attribute, sparse.Values);
                }

                if (constant && attribute is { RefAttrName.Length: 0, Type: AttributeType.Float or AttributeType.Floats or AttributeType.Int or AttributeType.Ints })
                {
                    yield return Weight(WeightPlace.Constant, null);
                }
            }
        }
    }

    /// <summary>Every tensor message of a body, the indices of sparse ones too, and whether it is an initialiser.</summary>
    internal static IEnumerable<(TensorProto Tensor, bool Initializer)> Tensors(OnnxBody body)
    {
        foreach (TensorProto tensor in body.Graph?.Initializer ?? [])
        {
            yield return (tensor, true);
        }

        IEnumerable<AttributeProto> attributes = body.Nodes.SelectMany(node => node.Attribute).Concat(body.Function?.AttributeProto ?? []);
        IEnumerable<SparseTensorProto> sparse = (body.Graph?.SparseInitializer ?? []).Concat(attributes.SelectMany(SparseOf));
        foreach (TensorProto tensor in attributes.SelectMany(DenseOf).Concat(sparse.SelectMany(PartsOf)))
        {
            yield return (tensor, false);
        }
    }

    internal static IEnumerable<SparseTensorProto> SparseOf(AttributeProto attribute) =>
        attribute.SparseTensor is { } single ? attribute.SparseTensors.Prepend(single) : attribute.SparseTensors;

    private static IEnumerable<TensorProto> DenseOf(AttributeProto attribute) => attribute.T is { } single ? attribute.Tensors.Prepend(single) : attribute.Tensors;

    private static IEnumerable<TensorProto> PartsOf(SparseTensorProto sparse) => ((TensorProto?[])[sparse.Values, sparse.Indices]).OfType<TensorProto>();
}
