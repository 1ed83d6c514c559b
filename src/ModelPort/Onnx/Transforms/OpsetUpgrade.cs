using System.Runtime.InteropServices;
using ModelPort.Diagnostics;
using ModelPort.Formats.Onnx;

namespace ModelPort.Onnx.Transforms;

/// <summary>
/// Raises a model to a newer version of the standard operators. <see cref="OpsetRules"/> knows which operators changed, and how; one that it does not know is an error,
/// as a node that means something else in the new version would be a wrong model without notice.
/// </summary>
internal static class OpsetUpgrade
{
    /// <summary>The oldest version that is raised.</summary>
    public const long Oldest = 6;

    /// <summary>Raises all bodies, functions too.</summary>
    /// <param name="model">The model, whose nodes are in order.</param>
    /// <param name="to">The version it gets; bodies of this version or a newer one stay.</param>
    /// <exception cref="ModelPortException">MP2101: there is no rule for an operator.</exception>
    public static void Run(OnnxModel model, long to)
    {
        var index = model.Index();
        ElementTypes types = new(index);
        UniqueNames names = new(model);
        foreach (var body in index.Bodies)
        {
            var from = body.Opset(Domains.Standard) ?? 1;
            if (from >= to)
            {
                continue;
            }

            foreach (var node in body.Nodes.Where(node => Domains.Normal(node.Domain) == Domains.Standard).ToList())
            {
                UpgradeStep step = new(model, index, types, names, body, node, from, to);
                if (from < Oldest)
                {
                    throw step.Error($"versions below {Oldest} are not raised");
                }

                OpsetRules.Apply(step);
            }
        }

        foreach (var import in model.Proto.OpsetImport.Concat(model.Proto.Functions.SelectMany(function => function.OpsetImport)).Where(import => Domains.Normal(import.Domain) == Domains.Standard))
        {
            import.Version = Math.Max(import.Version, to);
        }

        // Each version of the operators came with a version of the format (https://onnx.ai/onnx/repo-docs/Versioning.html).
        model.Proto.IrVersion = Math.Max(model.Proto.IrVersion, to switch { >= 21 => 10, >= 19 => 9, >= 15 => 8, >= 12 => 7, >= 11 => 6, >= 10 => 5, _ => 4 });
    }
}

/// <summary>A node on its way to a newer version, with what a rule needs to know and to change.</summary>
internal sealed class UpgradeStep(OnnxModel model, ValueIndex index, ElementTypes types, UniqueNames names, OnnxBody body, NodeProto node, long from, long to)
{
    public NodeProto Node => node;

    public long From => from;

    public long To => to;

    /// <summary>The error that says why this node cannot be raised.</summary>
    public ModelPortException Error(string found) => new(Diagnose.OpsetRuleMissing(model.Path, NodeOrder.Label(node), node.OpType, from, to, found));

    public DataType TypeOf(int input) => input < node.Input.Count ? types[body, node.Input[input]] : DataType.Undefined;

    /// <summary>How many dimensions an input has, or null if the file does not say.</summary>
    public int? Rank(int input) => input < node.Input.Count && index.TryResolve(body, node.Input[input], out var value) ? OnnxTypes.Dimensions(value.Type)?.Length : null;

    /// <summary>A constant input, or null. What a Constant node gives counts.</summary>
    public TensorProto? Constant(int input) => input < node.Input.Count && index.TryResolve(body, node.Input[input], out var value)
        ? value.Initializer ?? (value.Producer is { } producer && producer.Is("Constant") ? producer.Find("value")?.T : null)
        : null;

    /// <summary>The values of a constant input of floats.</summary>
    public float[]? Floats(int input) => Constant(input) is { } tensor && WeightStream.CanRead(tensor.DataType) ? WeightStream.Of(model, tensor).ToArray() : null;

    /// <summary>Whether nobody reads an output.</summary>
    public bool IsUnread(int output) => output >= node.Output.Count || node.Output[output].Length == 0
        || (index.TryResolve(body, node.Output[output], out var value) && value.Uses.Count == 0);

    /// <summary>Puts another node before this one.</summary>
    public void Before(NodeProto added) => body.Nodes.Insert(body.Nodes.IndexOf(node), added);

    /// <summary>Puts another node after this one.</summary>
    public void After(NodeProto added) => body.Nodes.Insert(body.Nodes.IndexOf(node) + 1, added);

    public string NewName(string wanted) => names.Next(wanted);

    /// <summary>A constant of integers before this node.</summary>
    public string Integers(string name, ReadOnlySpan<long> values, bool scalar = false) =>
        New(name, DataType.Int64, scalar ? [] : [values.Length], MemoryMarshal.AsBytes(values).ToArray());

    /// <summary>A constant of floats of a type before this node.</summary>
    public string Floats(string name, DataType type, bool scalar, params ReadOnlySpan<float> values)
    {
        byte[] bytes = type switch
        {
            DataType.Float16 => MemoryMarshal.AsBytes<Half>([.. values.ToArray().Select(value => (Half)value)]).ToArray(),
            DataType.Double => MemoryMarshal.AsBytes<double>([.. values.ToArray().Select(value => (double)value)]).ToArray(),
            DataType.Float => MemoryMarshal.AsBytes(values).ToArray(),
            DataType.Undefined => throw Error("the type of its input is not known"),
            _ => throw Error($"its input is {DataTypes.Name(type)}"),
        };
        return New(name, type, scalar ? [] : [values.Length], bytes);
    }

    /// <summary>Makes a constant the input of this position.</summary>
    public void SetInput(int input, string name)
    {
        while (node.Input.Count <= input)
        {
            node.Input.Add("");
        }

        node.Input[input] = name;
    }

    /// <summary>Turns an attribute of integers into an input; without the attribute nothing happens.</summary>
    public void ToInput(string attribute, int input)
    {
        if (node.GetInts(attribute) is { } values)
        {
            node.Remove(attribute);
            SetInput(input, Integers($"{node.Output[0]}_{attribute}", values));
        }
    }

    /// <summary>Removes attributes that say nothing any more.</summary>
    public void Remove(params ReadOnlySpan<string> attributes)
    {
        foreach (var attribute in attributes)
        {
            node.Remove(attribute);
        }
    }

    private string New(string name, DataType type, long[] shape, byte[] bytes)
    {
        var unique = names.Next(name);
        Before(NodeAttributes.Node("Constant", [], [unique]).Set("value", model.NewTensor(unique, type, shape, OnnxContent.Of(bytes))));
        return unique;
    }
}
