using Google.Protobuf;

namespace ModelPort.Formats.Onnx;

/// <summary>Attributes of nodes by name, with the operator's default where one is absent; and nodes made in a line.</summary>
public static class NodeAttributes
{
    /// <summary>Whether a node is this operator of the format's own set.</summary>
    public static bool Is(this NodeProto node, string operatorType) => node.OpType == operatorType && Domains.Normal(node.Domain) == Domains.Standard;

    /// <summary>Whether a node is this operator of a domain.</summary>
    public static bool Is(this NodeProto node, string domain, string operatorType) =>
        node.OpType == operatorType && Domains.Normal(node.Domain) == Domains.Normal(domain);

    /// <summary>The attribute of this name, or null.</summary>
    public static AttributeProto? Find(this NodeProto node, string name) => node.Attribute.FirstOrDefault(attribute => attribute.Name == name);

    /// <summary>An integer.</summary>
    public static long GetInt(this NodeProto node, string name, long absent) => node.Find(name)?.I ?? absent;

    /// <summary>A float.</summary>
    public static float GetFloat(this NodeProto node, string name, float absent) => node.Find(name)?.F ?? absent;

    /// <summary>A string.</summary>
    public static string GetString(this NodeProto node, string name, string absent) => node.Find(name)?.S.ToStringUtf8() ?? absent;

    /// <summary>A list of integers, or null if the attribute is absent.</summary>
    public static long[]? GetInts(this NodeProto node, string name) => node.Find(name) is { } attribute ? [.. attribute.Ints] : null;

    /// <summary>Sets an attribute: a <see cref="long"/>, <see cref="float"/>, <see cref="string"/>, a list of these, a tensor, a graph or a type.</summary>
    /// <exception cref="ArgumentException">The value is of another type.</exception>
    public static NodeProto Set(this NodeProto node, string name, object value)
    {
        AttributeProto attribute = Attribute(name, value);
        node.Remove(name);
        node.Attribute.Add(attribute);
        return node;
    }

    /// <summary>Removes an attribute if it is there.</summary>
    public static void Remove(this NodeProto node, string name)
    {
        if (node.Find(name) is { } attribute)
        {
            node.Attribute.Remove(attribute);
        }
    }

    /// <summary>A node of the format's own operators; name, domain and attributes can be set after.</summary>
    public static NodeProto Node(string operatorType, IEnumerable<string> inputs, IEnumerable<string> outputs, string name = "", string domain = Domains.Standard)
    {
        NodeProto node = new() { OpType = operatorType };
        node.Input.AddRange(inputs);
        node.Output.AddRange(outputs);
        if (name.Length > 0)
        {
            node.Name = name;
        }

        if (domain.Length > 0)
        {
            node.Domain = domain;
        }

        return node;
    }

    private static AttributeProto Attribute(string name, object value)
    {
        AttributeProto attribute = new() { Name = name };
        switch (value)
        {
            case int or long:
                (attribute.Type, attribute.I) = (AttributeType.Int, Convert.ToInt64(value, System.Globalization.CultureInfo.InvariantCulture));
                break;
            case float number:
                (attribute.Type, attribute.F) = (AttributeType.Float, number);
                break;
            case string text:
                (attribute.Type, attribute.S) = (AttributeType.String, ByteString.CopyFromUtf8(text));
                break;
            case TensorProto tensor:
                (attribute.Type, attribute.T) = (AttributeType.Tensor, tensor);
                break;
            case GraphProto graph:
                (attribute.Type, attribute.G) = (AttributeType.Graph, graph);
                break;
            case TypeProto type:
                (attribute.Type, attribute.Tp) = (AttributeType.TypeProto, type);
                break;
            case IEnumerable<long> integers:
                attribute.Type = AttributeType.Ints;
                attribute.Ints.AddRange(integers);
                break;
            case IEnumerable<float> numbers:
                attribute.Type = AttributeType.Floats;
                attribute.Floats.AddRange(numbers);
                break;
            case IEnumerable<string> texts:
                attribute.Type = AttributeType.Strings;
                attribute.Strings.AddRange(texts.Select(ByteString.CopyFromUtf8));
                break;
            default:
                throw new ArgumentException($"'{name}' cannot be a {value.GetType().Name}.", nameof(value));
        }

        return attribute;
    }
}
