using System.Collections.Immutable;

namespace ModelPort.Formats.Onnx;

/// <summary>Checks what the messages of a model say: versions, names, references, circles.</summary>
internal sealed class ModelCheck
{
    private readonly OnnxModel model;
    private readonly ImmutableArray<OnnxBody> bodies;
    private readonly Dictionary<(string Domain, string Name, string Overload), FunctionProto> functions = [];

    private ModelCheck(OnnxModel model)
    {
        this.model = model;
        bodies = model.Bodies();
    }

    public static void Run(OnnxModel model)
    {
        CheckHeader(model);
        ModelCheck check = new(model);
        check.CheckFunctions();
        ValueIndex index = new(check.bodies);
        foreach (OnnxBody body in check.bodies)
        {
            check.CheckNodes(body);
            check.CheckDefinitions(body);
            check.CheckReferences(body, index);
        }

        TensorCheck.Run(model, check.bodies);
    }

    private static void CheckHeader(OnnxModel model)
    {
        ModelProto proto = model.Proto;
        if (proto.IrVersion < 1 || proto.Graph is null)
        {
            throw Fault(model, FileFault.Malformed, proto.Graph is null ? "no graph" : $"the version {proto.IrVersion} of the format", "an ONNX model");
        }

        if (proto.IrVersion > OnnxModel.NewestIrVersion)
        {
            throw Fault(model, FileFault.Unsupported, $"version {proto.IrVersion} of the format", $"a version up to {OnnxModel.NewestIrVersion}");
        }

        // Before version 3 there was one operator set, and nothing to import.
        if (proto.IrVersion >= 3 && proto.OpsetImport.Count == 0)
        {
            throw Fault(model, FileFault.Malformed, "no operator set", "opset_import, which says what the operators mean");
        }

        CheckImports(model, proto.OpsetImport, "opset_import");
        foreach (FunctionProto function in proto.Functions)
        {
            CheckImports(model, function.OpsetImport, function.Name);
        }
    }

    private static void CheckImports(OnnxModel model, IEnumerable<OperatorSetIdProto> imports, string member)
    {
        foreach (IGrouping<string, OperatorSetIdProto> domain in imports.GroupBy(import => Domains.Normal(import.Domain)))
        {
            if (domain.Select(import => import.Version).Distinct().Count() > 1)
            {
                string versions = string.Join(" and ", domain.Select(import => import.Version));
                throw Fault(model, FileFault.Duplicate, $"the versions {versions} of operator set \"{domain.Key}\"", "one version of each", member);
            }
        }
    }

    private void CheckFunctions()
    {
        foreach (FunctionProto function in model.Proto.Functions)
        {
            if (function.Name.Length == 0)
            {
                throw Fault(FileFault.Malformed, "a function without a name", "a name");
            }

            if (!functions.TryAdd((Domains.Normal(function.Domain), function.Name, function.Overload), function))
            {
                throw Fault(FileFault.Duplicate, $"a second function {function.Domain}:{function.Name}", "each function once", function.Name);
            }
        }

        Dictionary<FunctionProto, FunctionProto[]> calls = bodies.Where(body => Root(body).Function is not null)
            .GroupBy(body => Root(body).Function!)
            .ToDictionary(group => group.Key, group => group.SelectMany(body => body.Nodes).Select(Called).OfType<FunctionProto>().Distinct().ToArray(), Same.Reference);
        CheckCalls(calls);
    }

    // Takes away functions that call nobody, until none is left, or only circles and who calls them.
    private void CheckCalls(Dictionary<FunctionProto, FunctionProto[]> calls)
    {
        HashSet<FunctionProto> open = new(model.Proto.Functions, Same.Reference);
        ILookup<FunctionProto, FunctionProto> callers = calls.SelectMany(call => call.Value, (call, called) => (called, caller: call.Key))
            .ToLookup(pair => pair.called, pair => pair.caller, Same.Reference);
        Dictionary<FunctionProto, int> left = open.ToDictionary(function => function, function => calls.GetValueOrDefault(function, []).Length, Same.Reference);
        Queue<FunctionProto> done = new(open.Where(function => left[function] == 0));
        while (done.TryDequeue(out FunctionProto? function))
        {
            open.Remove(function);
            foreach (FunctionProto caller in callers[function])
            {
                if (--left[caller] == 0)
                {
                    done.Enqueue(caller);
                }
            }
        }

        if (open.FirstOrDefault() is { } circular)
        {
            throw Fault(FileFault.Inconsistent, "a function that calls itself, at once or through others", "functions without circles", circular.Name);
        }
    }

    private FunctionProto? Called(NodeProto node) => functions.GetValueOrDefault((Domains.Normal(node.Domain), node.OpType, node.Overload));

    private void CheckNodes(OnnxBody body)
    {
        HashSet<string> domains = new(body.OpsetImports.Select(import => Domains.Normal(import.Domain)), StringComparer.Ordinal);
        if (model.Proto.IrVersion < 3)
        {
            domains.Add(Domains.Standard);
        }

        foreach (NodeProto node in body.Nodes)
        {
            if (node.OpType.Length == 0)
            {
                throw Fault(FileFault.Malformed, "a node without an operator", "op_type", node.Name);
            }

            if (!domains.Contains(Domains.Normal(node.Domain)))
            {
                throw Fault(
                    FileFault.Inconsistent,
                    $"the operator {node.OpType} of \"{node.Domain}\", of which no version is imported",
                    "an entry of opset_import for each domain",
                    NodeOrder.Label(node));
            }

            HashSet<string> names = new(StringComparer.Ordinal);
            foreach (AttributeProto attribute in node.Attribute)
            {
                CheckAttribute(node, attribute, names);
            }
        }
    }

    private void CheckAttribute(NodeProto node, AttributeProto attribute, HashSet<string> names)
    {
        if (!names.Add(attribute.Name))
        {
            throw Fault(FileFault.Duplicate, $"twice the attribute \"{attribute.Name}\"", "each attribute once", NodeOrder.Label(node));
        }

        bool missing = attribute.RefAttrName.Length == 0 && attribute.Type switch
        {
            AttributeType.Tensor => attribute.T is null,
            AttributeType.Graph => attribute.G is null,
            AttributeType.SparseTensor => attribute.SparseTensor is null,
            AttributeType.TypeProto => attribute.Tp is null,
            _ => false,
        };
        if (missing)
        {
            throw Fault(FileFault.Malformed, $"the attribute \"{attribute.Name}\" without a value", $"a value of type {attribute.Type}", NodeOrder.Label(node));
        }
    }

    private void CheckDefinitions(OnnxBody body)
    {
        HashSet<string> inputs = new(StringComparer.Ordinal);
        HashSet<string> made = new(StringComparer.Ordinal);
        foreach (string input in body.Inputs)
        {
            Define(body, input, inputs, "input");
        }

        IEnumerable<string> sparse = (body.Graph?.SparseInitializer ?? []).Select(tensor => tensor.Values?.Name ?? "");
        foreach (string name in (body.Graph?.Initializer ?? []).Select(tensor => tensor.Name).Concat(sparse))
        {
            Define(body, name, made, "initialiser");
        }

        // An initialiser may be the default of an input; an output of a node is neither.
        made.UnionWith(inputs);
        foreach (string output in body.Nodes.SelectMany(node => node.Output).Where(output => output.Length > 0))
        {
            Define(body, output, made, "output of a node");
        }
    }

    private void Define(OnnxBody body, string name, HashSet<string> names, string what)
    {
        if (name.Length == 0)
        {
            throw Fault(FileFault.Malformed, $"an {what} without a name in {body.Path}", "a name");
        }

        if (!names.Add(name))
        {
            throw Fault(FileFault.Duplicate, $"a second value of this name ({what} of {body.Path})", "each value made once", name);
        }
    }

    private void CheckReferences(OnnxBody body, ValueIndex index)
    {
        foreach ((NodeProto? node, string name) in body.Nodes.SelectMany(node => node.Input, (node, name) => ((NodeProto?)node, name))
            .Concat(body.Outputs.Select(name => ((NodeProto?)null, name))))
        {
            if (name.Length == 0 ? node is null : !index.TryResolve(body, name, out _))
            {
                string user = node is null ? $"output of {body.Path}" : $"input of '{NodeOrder.Label(node)}'";
                throw Fault(FileFault.Inconsistent, $"a value that nothing makes ({user})", "an input, an initialiser or an output of a node", name);
            }
        }

        if (NodeOrder.Sorted(body).Circular is { } circular)
        {
            throw Fault(FileFault.Inconsistent, "a node that needs what it makes itself, at once or through others", "a graph without circles", NodeOrder.Label(circular));
        }
    }

    private static OnnxBody Root(OnnxBody body)
    {
        while (body is { Kind: BodyKind.Subgraph, Outer: { } outer })
        {
            body = outer;
        }

        return body;
    }

    private InvalidModelFileException Fault(FileFault fault, string found, string expected, string? member = null) => Fault(model, fault, found, expected, member);

    private static InvalidModelFileException Fault(OnnxModel model, FileFault fault, string found, string expected, string? member = null) =>
        new(model.Path, fault, found, expected, member);

    /// <summary>Messages compare by content, deeply; here each is itself only.</summary>
    private sealed class Same : IEqualityComparer<FunctionProto>
    {
        public static readonly Same Reference = new();

        public bool Equals(FunctionProto? x, FunctionProto? y) => ReferenceEquals(x, y);

        public int GetHashCode(FunctionProto function) => System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode(function);
    }
}
