using System.Collections.Immutable;
using System.Runtime.InteropServices;
using ModelPort.Formats.Onnx;
using ModelPort.Onnx.Transforms;

namespace ModelPort.Onnx;

/// <summary>A value that a model shows when it runs.</summary>
/// <param name="Name">The value.</param>
/// <param name="Output">The output of the model that shows it: of the main graph the value itself; of a body all its values in one row, those of all iterations one after the other.</param>
/// <param name="IsEnds">Whether the output is an <see cref="InnerValues.EndsOf"/> rather than the values.</param>
internal readonly record struct ShownValue(string Name, string Output, bool IsEnds);

/// <summary>What was seen of a value over all iterations of a body.</summary>
/// <param name="Min">The least.</param>
/// <param name="Max">The greatest; less than <paramref name="Min"/> if the body never ran.</param>
/// <param name="SmallestNonZero">The least magnitude above zero; infinity if there was none.</param>
/// <param name="HasNonFinite">Whether one was NaN or infinite.</param>
internal readonly record struct ValueEnds(float Min, float Max, float SmallestNonZero, bool HasNonFinite);

/// <summary>
/// Makes values outputs of a model wherever it computes them. What a body of If, Loop or Scan makes is handed out by the node that owns the body, and so on up
/// to the main graph: a branch that does not run hands out nothing, and what a Loop or a Scan makes again and again is gathered in a value that it carries from
/// one iteration to the next. That value may grow in a Loop, whatever shape each iteration's share has; what a Scan carries may not, so that it can give ends alone.
/// </summary>
internal sealed class InnerValues
{
    // Where comparisons of floats and Loop are as they are written here.
    private const long OldestOpset = 11;

    private readonly OnnxModel model;
    private readonly ValueIndex index;
    private readonly ElementTypes types;
    private readonly UniqueNames names;
    private readonly Dictionary<string, string> constants = new(StringComparer.Ordinal);

    private InnerValues(OnnxModel model)
    {
        this.model = model;
        index = model.Index();
        types = new ElementTypes(index);
        names = new UniqueNames(model);
    }

    // How values of a body become one that can be carried and handed on.
    private enum Form
    {
        All,
        Ends,
    }

    /// <summary>Why values of a body cannot be shown; empty if they can.</summary>
    public static string ReasonAgainst(OnnxBody body)
    {
        for (var at = body; at.Kind != BodyKind.Main; at = at.Outer!)
        {
            if (at.Owner is not { } owner || !(owner.Is("If") || owner.Is("Loop") || owner.Is("Scan")))
            {
                return $"values inside the body of {at.Owner?.OpType ?? "a function"} cannot be measured";
            }

            if (body.Opset(Domains.Standard) < OldestOpset)
            {
                return $"values inside the body of {owner.OpType} are measured from operator set {OldestOpset} on";
            }
        }

        return "";
    }

    /// <summary>Whether a body belongs to a Scan, or lies in one that does.</summary>
    public static bool IsInScan(OnnxBody body) => IsIn(body, "Scan");

    /// <summary>Adds outputs that show values.</summary>
    /// <param name="model">The model, in which a name means one value.</param>
    /// <param name="values">Names of values of the main graph and of its bodies.</param>
    /// <param name="ends">
    /// Whether of values in Loop and Scan the ends are shown, which take the same memory however often the body runs. If not, those in Loop are shown whole and those in Scan are left out.
    /// </param>
    /// <returns>The values that are shown. Left out are values of bodies for which <see cref="ReasonAgainst"/> has one, or that are no real numbers.</returns>
    public static ImmutableArray<ShownValue> Show(OnnxModel model, IEnumerable<string> values, bool ends)
    {
        InnerValues inner = new(model);
        var found = inner.index.Bodies.Where(body => body.Graph is not null).SelectMany(inner.index.In).GroupBy(value => value.Name, StringComparer.Ordinal).ToDictionary(group => group.Key, group => group.First(), StringComparer.Ordinal);
        var shown = ImmutableArray.CreateBuilder<ShownValue>();
        foreach (var name in values)
        {
            if (found.TryGetValue(name, out var value))
            {
                var form = ends && (IsIn(value.Body, "Loop") || IsInScan(value.Body)) ? Form.Ends : Form.All;
                if (value.Body.Kind == BodyKind.Main)
                {
                    shown.Add(new ShownValue(name, name, false));
                }
                else if (ReasonAgainst(value.Body).Length == 0 && inner.IsShown(value, form))
                {
                    shown.Add(new ShownValue(name, inner.HandOut(value, form), form == Form.Ends));
                }
            }
        }

        model.AddOutputs(shown.Select(value => value.Output));
        return shown.ToImmutable();
    }

    /// <summary>Reads what an output shows of a value whose ends were asked for.</summary>
    public static ValueEnds EndsOf(ReadOnlySpan<float> output) => new(-output[0], output[1], -output[2], output[3] != 0);

    private static bool IsIn(OnnxBody body, string owner)
    {
        for (var at = body; at is { Kind: BodyKind.Subgraph }; at = at.Outer!)
        {
            if (at.Owner!.Is(owner))
            {
                return true;
            }
        }

        return false;
    }

    private bool IsShown(OnnxValue value, Form form) => form == Form.Ends
        ? types[value] == DataType.Float
        : types[value] is DataType.Float or DataType.Float16 or DataType.Double && !IsInScan(value.Body);

    private string HandOut(OnnxValue value, Form form)
    {
        var type = types[value];
        var name = Add(value.Body.Graph!, "Reshape", [value.Name, Constant("row", DataType.Int64, [1], MemoryMarshal.AsBytes<long>([-1]))]);
        if (form == Form.Ends)
        {
            name = Ends(value.Body.Graph!, name);
        }

        for (var body = value.Body; body.Kind != BodyKind.Main; body = body.Outer!)
        {
            name = body.Owner!.Is("If") ? OfBranch(body, name, form, type) : OfIterations(body, name, form, type);
        }

        return name;
    }

    // [-least, greatest, -smallest magnitude above zero, whether there was a NaN or an infinity]: of two such the greater of each is that of both.
    private string Ends(GraphProto graph, string row)
    {
        var (zero, none, infinity) = (Number("zero", 0), Number("none", float.NegativeInfinity), Number("infinity", float.PositiveInfinity));
        var magnitude = Add(graph, "Abs", [row]);
        var small = Add(graph, "Neg", [Add(graph, "Where", [Add(graph, "Equal", [magnitude, zero]), infinity, magnitude])]);

        // Zero times a number is zero, but of NaN and infinity it is NaN, which is not equal to itself.
        var sum = Add(graph, "ReduceSum", [Add(graph, "Concat", [Add(graph, "Mul", [row, zero]), zero], ("axis", 0L))]);
        var broken = Add(graph, "Cast", [Add(graph, "Not", [Add(graph, "Equal", [sum, sum])])], ("to", (long)DataType.Float));
        string Greatest(string values) => Add(graph, "ReduceMax", [Add(graph, "Concat", [values, none], ("axis", 0L))]);
        return Add(graph, "Concat", [Greatest(Add(graph, "Neg", [row])), Greatest(row), Greatest(small), broken], ("axis", 0L));
    }

    private string OfBranch(OnnxBody body, string name, Form form, DataType type)
    {
        var owner = body.Owner!;
        foreach (var branch in owner.Attribute.Select(attribute => attribute.G).OfType<GraphProto>())
        {
            branch.Output.Add(Info(ReferenceEquals(branch, body.Graph) ? name : Nothing(branch, form, type), type));
        }

        return Given(owner, owner.Output.Count);
    }

    private string OfIterations(OnnxBody body, string name, Form form, DataType type)
    {
        var (owner, graph) = (body.Owner!, body.Graph!);
        var loop = owner.Is("Loop");

        // A Loop's body has the number of the iteration and the condition before what is carried; the node has a count and a condition.
        var ahead = loop ? 2 : 0;
        while (owner.Input.Count < ahead)
        {
            owner.Input.Add("");
        }

        while (owner.Output.Count < graph.Output.Count - (loop ? 1 : 0))
        {
            owner.Output.Add("");
        }

        var carried = loop ? graph.Input.Count - ahead : owner.Input.Count - (int)owner.GetInt("num_scan_inputs", 0);
        var before = names.Next("gathered");
        var after = form == Form.Ends ? Add(graph, "Max", [before, name]) : Add(graph, "Concat", [before, name], ("axis", 0L));
        owner.Input.Insert(ahead + carried, Start(form, type));
        graph.Input.Insert(ahead + carried, Info(before, type));
        graph.Output.Insert((loop ? 1 : 0) + carried, Info(after, type));
        return Given(owner, carried);
    }

    private string Given(NodeProto owner, int output)
    {
        var name = names.Next("shown");
        owner.Output.Insert(output, name);
        return name;
    }

    private static ValueInfoProto Info(string name, DataType type) => new() { Name = name, Type = OnnxTypes.Tensor(type) };

    private string Nothing(GraphProto branch, Form form, DataType type)
    {
        var name = names.Next("nothing");
        branch.Node.Add(NodeAttributes.Node("Constant", [], [name]).Set("value", Nothing("", form, type)));
        return name;
    }

    private TensorProto Nothing(string name, Form form, DataType type) => form == Form.All
        ? model.NewTensor(name, type, [0], OnnxContent.Of(Array.Empty<byte>()))
        : model.NewTensor(name, type, [4], OnnxContent.Of(MemoryMarshal.AsBytes<float>([float.NegativeInfinity, float.NegativeInfinity, float.NegativeInfinity, 0]).ToArray()));

    private string Start(Form form, DataType type) => Once($"start {form} {type}", () => Nothing(names.Next("start"), form, type));

    private string Number(string name, float value) => Constant(name, DataType.Float, [1], BitConverter.GetBytes(value));

    private string Constant(string name, DataType type, long[] shape, ReadOnlySpan<byte> bytes)
    {
        var content = OnnxContent.Of(bytes.ToArray());
        return Once(name, () => model.NewTensor(names.Next(name), type, shape, content));
    }

    // In the main graph, which every body sees.
    private string Once(string key, Func<TensorProto> make)
    {
        if (!constants.TryGetValue(key, out var name))
        {
            var tensor = make();
            model.Proto.Graph.Initializer.Add(tensor);
            constants[key] = name = tensor.Name;
        }

        return name;
    }

    private string Add(GraphProto graph, string operatorType, string[] inputs, params ReadOnlySpan<(string Name, object Value)> attributes)
    {
        var name = names.Next("seen");
        var node = NodeAttributes.Node(operatorType, inputs, [name]);
        foreach (var (attribute, value) in attributes)
        {
            node.Set(attribute, value);
        }

        graph.Node.Add(node);
        return name;
    }
}
