using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using Google.Protobuf.Collections;

namespace ModelPort.Formats.Onnx;

/// <summary>What holds a body of nodes.</summary>
public enum BodyKind
{
    /// <summary>The model's graph.</summary>
    Main,

    /// <summary>A graph in an attribute of a node (the branches of If, the bodies of Loop and Scan). It sees the values of the bodies around it.</summary>
    Subgraph,

    /// <summary>A function of the model. It sees nothing but its inputs.</summary>
    Function,

    /// <summary>A graph of the training information. It sees the values of the main graph.</summary>
    Training,
}

/// <summary>
/// One list of nodes of a model with what belongs to it, the same for graphs and functions. Two are equal that stand for the same graph or function object.
/// </summary>
public sealed class OnnxBody : IEquatable<OnnxBody>
{
    private readonly ModelProto model;

    private OnnxBody(ModelProto model, BodyKind kind, string path, OnnxBody? outer, NodeProto? owner, GraphProto? graph, FunctionProto? function)
    {
        this.model = model;
        Kind = kind;
        Path = path;
        Outer = outer;
        Owner = owner;
        Graph = graph;
        Function = function;
    }

    /// <summary>What holds this body.</summary>
    public BodyKind Kind { get; }

    /// <summary>Where the body is, for people: "graph", "graph/cell/then_branch", "function local:Gelu".</summary>
    public string Path { get; }

    /// <summary>The body whose values this one sees besides its own, or null.</summary>
    public OnnxBody? Outer { get; }

    /// <summary>The node that a subgraph belongs to, or null.</summary>
    public NodeProto? Owner { get; }

    /// <summary>The graph, or null for a function.</summary>
    public GraphProto? Graph { get; }

    /// <summary>The function, or null for a graph.</summary>
    public FunctionProto? Function { get; }

    /// <summary>The nodes; the list may be changed.</summary>
    public RepeatedField<NodeProto> Nodes => Graph?.Node ?? Function!.Node;

    /// <summary>Types of values between the nodes, as far as the file tells; the list may be changed.</summary>
    public RepeatedField<ValueInfoProto> ValueInfo => Graph?.ValueInfo ?? Function!.ValueInfo;

    /// <summary>Names of the inputs in order.</summary>
    public IEnumerable<string> Inputs => Graph?.Input.Select(input => input.Name) ?? Function!.Input;

    /// <summary>Names of the outputs in order.</summary>
    public IEnumerable<string> Outputs => Graph?.Output.Select(output => output.Name) ?? Function!.Output;

    /// <summary>The operator sets that the nodes are of: the function's own, else the model's.</summary>
    public RepeatedField<OperatorSetIdProto> OpsetImports => Root.Function?.OpsetImport ?? model.OpsetImport;

    private object Content => (object?)Graph ?? Function!;

    private OnnxBody Root => Kind == BodyKind.Subgraph ? Outer!.Root : this;

    /// <summary>The version of an operator set here, or null if it is not imported. "ai.onnx" and "" are one domain.</summary>
    public long? Opset(string domain) =>
        OpsetImports.FirstOrDefault(import => Domains.Normal(import.Domain) == Domains.Normal(domain))?.Version;

    /// <inheritdoc/>
    public bool Equals(OnnxBody? other) => other is not null && ReferenceEquals(Content, other.Content);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as OnnxBody);

    /// <inheritdoc/>
    public override int GetHashCode() => RuntimeHelpers.GetHashCode(Content);

    /// <inheritdoc/>
    public override string ToString() => Path;

    internal static ImmutableArray<OnnxBody> All(ModelProto model)
    {
        ImmutableArray<OnnxBody>.Builder bodies = ImmutableArray.CreateBuilder<OnnxBody>();
        OnnxBody main = new(model, BodyKind.Main, "graph", null, null, model.Graph ??= new GraphProto(), null);
        Add(main, bodies);
        foreach (FunctionProto function in model.Functions)
        {
            Add(new OnnxBody(model, BodyKind.Function, $"function {function.Domain}:{function.Name}", null, null, null, function), bodies);
        }

        for (int i = 0; i < model.TrainingInfo.Count; i++)
        {
            foreach ((string name, GraphProto? graph) in ((string, GraphProto?)[])[
                ("initialization", model.TrainingInfo[i].Initialization), ("algorithm", model.TrainingInfo[i].Algorithm)])
            {
                if (graph is not null)
                {
                    Add(new OnnxBody(model, BodyKind.Training, $"training {i}/{name}", main, null, graph, null), bodies);
                }
            }
        }

        return bodies.ToImmutable();
    }

    private static void Add(OnnxBody body, ImmutableArray<OnnxBody>.Builder bodies)
    {
        bodies.Add(body);
        for (int i = 0; i < body.Nodes.Count; i++)
        {
            NodeProto node = body.Nodes[i];
            foreach (AttributeProto attribute in node.Attribute)
            {
                if (attribute.G is { } graph)
                {
                    Add(body.Within(node, i, attribute.Name, graph), bodies);
                }

                for (int g = 0; g < attribute.Graphs.Count; g++)
                {
                    Add(body.Within(node, i, $"{attribute.Name}[{g}]", attribute.Graphs[g]), bodies);
                }
            }
        }
    }

    private OnnxBody Within(NodeProto node, int index, string attribute, GraphProto graph) => new(
        model, BodyKind.Subgraph, $"{Path}/{(node.Name.Length > 0 ? node.Name : $"{node.OpType}#{index}")}/{attribute}", this, node, graph, null);
}
