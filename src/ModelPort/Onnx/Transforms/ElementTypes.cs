using ModelPort.Formats.Onnx;

namespace ModelPort.Onnx.Transforms;

/// <summary>
/// The element types of all values, found by following the operators from the inputs on; files seldom state them all. A value whose type cannot be found,
/// or that is a sequence or a map, is <see cref="DataType.Undefined"/>. The nodes must be in order.
/// </summary>
internal sealed class ElementTypes
{
    private readonly ValueIndex index;
    private readonly Dictionary<OnnxValue, DataType> types = new(ReferenceEqualityComparer.Instance);

    public ElementTypes(ValueIndex index)
    {
        this.index = index;
        foreach (var body in index.Bodies.Where(body => body.Kind is BodyKind.Main or BodyKind.Function))
        {
            Follow(body);
        }
    }

    public DataType this[OnnxBody body, string name] => index.TryResolve(body, name, out var value) ? this[value] : DataType.Undefined;

    public DataType this[OnnxValue value] => types.GetValueOrDefault(value);

    private void Follow(OnnxBody body)
    {
        foreach (var value in index.In(body))
        {
            types.TryAdd(value, OnnxTypes.ElementType(value.Type));
        }

        foreach (var node in body.Nodes)
        {
            var results = node.Is("If") || node.Is("Loop") || node.Is("Scan") ? Control(body, node) : Results(node, i => i < node.Input.Count ? this[body, node.Input[i]] : DataType.Undefined);
            for (var i = 0; i < node.Output.Count; i++)
            {
                if (index.TryResolve(body, node.Output[i], out var value) && types[value] == DataType.Undefined && value.Type?.ValueCase is null or TypeProto.ValueOneofCase.None or TypeProto.ValueOneofCase.TensorType)
                {
                    types[value] = results(i);
                }
            }
        }
    }

    // The bodies of a node see the types around them; what a body gives, the node gives.
    private Func<int, DataType> Control(OnnxBody outer, NodeProto node)
    {
        List<DataType> results = [];
        foreach (var body in index.Bodies.Where(body => ReferenceEquals(body.Owner, node)))
        {
            // Loop: the iteration and the condition come first. Scan: states, then slices, in the order of the inputs.
            var inputs = body.Inputs.ToArray();
            for (var i = 0; i < inputs.Length; i++)
            {
                if (index.TryResolve(body, inputs[i], out var input) && OnnxTypes.ElementType(input.Type) == DataType.Undefined && i < node.Input.Count)
                {
                    types[input] = this[outer, node.Input[i]];
                }
            }

            Follow(body);
            var outputs = body.Outputs.Skip(node.Is("Loop") ? 1 : 0).Select(name => this[body, name]).ToList();
            results = results.Count == 0 ? outputs : [.. results.Zip(outputs, (a, b) => a == b ? a : DataType.Undefined)];
        }

        return i => i < results.Count ? results[i] : DataType.Undefined;
    }

    private static Func<int, DataType> Results(NodeProto node, Func<int, DataType> input)
    {
        if (Domains.Normal(node.Domain) != Domains.Standard)
        {
            return Foreign(node, input);
        }

        DataType Named(string attribute, DataType absent) => (DataType)node.GetInt(attribute, (long)absent);
        DataType Or(DataType type, DataType other) => type == DataType.Undefined ? other : type;
        switch (node.OpType)
        {
            case "Equal" or "Less" or "Greater" or "LessOrEqual" or "GreaterOrEqual" or "And" or "Or" or "Xor" or "Not" or "IsNaN" or "IsInf":
                return _ => DataType.Bool;
            case "Shape" or "Size" or "ArgMax" or "ArgMin" or "NonZero" or "NonMaxSuppression":
                return _ => DataType.Int64;
            case "TopK" or "Unique" or "MaxPool":
                return i => i == 0 ? input(0) : DataType.Int64;
            case "Dropout":
                return i => i == 0 ? input(0) : DataType.Bool;
            case "Cast":
                return _ => Named("to", DataType.Undefined);
            case "CastLike" or "Where":
                return _ => input(1);
            case "OneHot":
                return _ => input(2);
            case "Constant":
                return _ => node.Attribute.FirstOrDefault() is { } value ? Constant(value) : DataType.Undefined;
            case "ConstantOfShape":
                return _ => node.Find("value")?.T?.DataType ?? DataType.Float;
            case "RandomNormal" or "RandomUniform":
                return _ => Named("dtype", DataType.Float);
            case "Multinomial":
                return _ => Named("dtype", DataType.Int32);
            case "RandomNormalLike" or "RandomUniformLike" or "EyeLike" or "Bernoulli":
                return _ => Or(Named("dtype", DataType.Undefined), input(0));
            case "HannWindow" or "HammingWindow" or "BlackmanWindow" or "MelWeightMatrix":
                return _ => Named("output_datatype", DataType.Float);
            case "QuantizeLinear":
                return _ => Or(input(2), Named("output_dtype", DataType.Uint8));
            case "DequantizeLinear":
                return _ => input(1);
            case "DynamicQuantizeLinear":
                return i => i == 1 ? DataType.Float : DataType.Uint8;
            case "MatMulInteger" or "ConvInteger":
                return _ => DataType.Int32;
            case "QLinearMatMul" or "QLinearConv":
                return _ => input(7);
            case "BatchNormalization":
                return i => i == 0 ? input(0) : input(3);
            case "SequenceConstruct" or "SequenceAt" or "SequenceInsert" or "SequenceErase" or "SequenceEmpty" or "SplitToSequence" or "ConcatFromSequence" or "SequenceMap"
                or "Optional" or "OptionalGetElement" or "StringNormalizer" or "TfIdfVectorizer" or "StringSplit" or "ImageDecoder":
                return _ => DataType.Undefined;
            case "SequenceLength":
                return _ => DataType.Int64;
            case "OptionalHasElement" or "RegexFullMatch":
                return _ => DataType.Bool;
            default:
                return _ => input(0);
        }
    }

    private static Func<int, DataType> Foreign(NodeProto node, Func<int, DataType> input) => (Domains.Normal(node.Domain), node.OpType) switch
    {
        (Domains.Microsoft, "Gelu" or "FastGelu" or "QuickGelu" or "BiasGelu" or "FusedMatMul" or "SkipLayerNormalization" or "MatMulNBits" or "Attention" or "MultiHeadAttention" or "FusedConv") => _ => input(0),
        _ => _ => DataType.Undefined,
    };

    private static DataType Constant(AttributeProto value) => value.Name switch
    {
        "value" => value.T?.DataType ?? DataType.Undefined,
        "sparse_value" => value.SparseTensor?.Values?.DataType ?? DataType.Undefined,
        "value_float" or "value_floats" => DataType.Float,
        "value_int" or "value_ints" => DataType.Int64,
        "value_string" or "value_strings" => DataType.String,
        _ => DataType.Undefined,
    };
}
