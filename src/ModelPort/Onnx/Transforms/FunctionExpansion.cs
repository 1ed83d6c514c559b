using ModelPort.Diagnostics;
using ModelPort.Formats.Onnx;

namespace ModelPort.Onnx.Transforms;

/// <summary>
/// Puts a function's nodes where it is called, as runtimes do before they run a model. Constants of a function become initialisers of the main graph first, so that
/// they are there once for all calls.
/// </summary>
internal sealed class FunctionExpansion
{
    // Functions that call functions can grow as powers do.
    private const int MostNodes = 1_000_000;

    private readonly OnnxModel model;
    private readonly UniqueNames names;
    private readonly Renaming renaming;
    private readonly Dictionary<(string Domain, string Name, string Overload), FunctionProto> functions;
    private readonly Dictionary<FunctionProto, Dictionary<string, string>> constants = new(ReferenceEqualityComparer.Instance);
    private int added;

    private FunctionExpansion(OnnxModel model)
    {
        this.model = model;
        names = new UniqueNames(model);
        renaming = new Renaming(names);
        functions = model.Proto.Functions.ToDictionary(function => (Domains.Normal(function.Domain), function.Name, function.Overload));
    }

    /// <summary>Expands every call. The functions use the model's version of the standard operators.</summary>
    /// <returns>How many calls there were.</returns>
    /// <exception cref="ModelPortException">MP1009: the model would have more than a million nodes.</exception>
    public static int Run(OnnxModel model)
    {
        if (model.Proto.Functions.Count == 0)
        {
            return 0;
        }

        FunctionExpansion expansion = new(model);
        var calls = expansion.Expand(model.Proto.Graph);
        foreach (var import in model.Proto.Functions.SelectMany(function => function.OpsetImport))
        {
            GraphContext.Import(model, Domains.Normal(import.Domain), import.Version);
        }

        model.Proto.Functions.Clear();
        return calls;
    }

    private int Expand(GraphProto graph)
    {
        var calls = 0;
        for (var i = 0; i < graph.Node.Count;)
        {
            var node = graph.Node[i];
            if (functions.TryGetValue((Domains.Normal(node.Domain), node.OpType, node.Overload), out var function))
            {
                calls++;
                graph.Node.RemoveAt(i);
                var at = i;
                foreach (var inner in Instance(function, node))
                {
                    graph.Node.Insert(at++, inner);
                }

                continue;
            }

            calls += node.Attribute.SelectMany(attribute => attribute.G is { } single ? attribute.Graphs.Prepend(single) : attribute.Graphs).Sum(Expand);
            i++;
        }

        return calls;
    }

    private List<NodeProto> Instance(FunctionProto function, NodeProto call)
    {
        Dictionary<string, string> map = new(ConstantsOf(function), StringComparer.Ordinal);
        var prefix = call.Name.Length > 0 ? call.Name : function.Name;
        for (var i = 0; i < function.Input.Count; i++)
        {
            map[function.Input[i]] = i < call.Input.Count ? call.Input[i] : "";
        }

        for (var i = 0; i < function.Output.Count; i++)
        {
            map[function.Output[i]] = i < call.Output.Count && call.Output[i].Length > 0 ? call.Output[i] : names.Next($"{prefix}/{function.Output[i]}");
        }

        List<NodeProto> nodes = [.. function.Node.Where(node => !IsHoisted(node)).Select(node => node.Clone())];
        added += nodes.Count;
        if (added > MostNodes)
        {
            throw new ModelPortException(Diagnose.TooLarge(model.Path, $"functions that expand to more than {MostNodes} nodes", "functions that a program made"));
        }

        foreach (var name in nodes.SelectMany(node => node.Output).Where(name => name.Length > 0))
        {
            map.TryAdd(name, names.Next($"{prefix}/{name}"));
        }

        renaming.Apply(nodes, map);

        // An output that is an input of the function, handed through.
        foreach (var output in function.Output.Where(function.Input.Contains))
        {
            nodes.Add(NodeAttributes.Node("Identity", [call.Input[function.Input.IndexOf(output)]], [map[output]]));
        }

        var attributes = function.AttributeProto.ToDictionary(attribute => attribute.Name, StringComparer.Ordinal);
        foreach (var attribute in call.Attribute)
        {
            attributes[attribute.Name] = attribute;
        }

        nodes.ForEach(node =>
        {
            Fill(node, attributes);
            node.Name = names.Next(node.Name.Length > 0 ? $"{prefix}/{node.Name}" : $"{prefix}/{node.OpType}");
        });
        return nodes;
    }

    // An attribute that refers to one of the function's takes the call's value, and goes if there is none.
    private static void Fill(NodeProto node, Dictionary<string, AttributeProto> attributes)
    {
        foreach (var attribute in node.Attribute.ToList())
        {
            if (attribute.RefAttrName.Length > 0)
            {
                node.Attribute.Remove(attribute);
                if (attributes.TryGetValue(attribute.RefAttrName, out var given))
                {
                    var filled = given.Clone();
                    filled.Name = attribute.Name;
                    node.Attribute.Add(filled);
                }
            }

            foreach (var inner in (attribute.G is { } single ? attribute.Graphs.Prepend(single) : attribute.Graphs).SelectMany(graph => graph.Node))
            {
                Fill(inner, attributes);
            }
        }
    }

    private static bool IsHoisted(NodeProto node) => node.Is("Constant") && node.Find("value") is { RefAttrName.Length: 0, T: not null };

    private Dictionary<string, string> ConstantsOf(FunctionProto function)
    {
        if (!constants.TryGetValue(function, out var found))
        {
            found = constants[function] = new Dictionary<string, string>(StringComparer.Ordinal);
            foreach (var node in function.Node.Where(IsHoisted))
            {
                var tensor = node.Find("value")!.T.Clone();
                tensor.Name = found[node.Output[0]] = names.Next($"{function.Name}/{node.Output[0]}");
                model.Proto.Graph.Initializer.Add(tensor);
            }
        }

        return found;
    }
}
