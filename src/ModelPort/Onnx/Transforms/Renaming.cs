using System.Diagnostics.CodeAnalysis;
using ModelPort.Formats.Onnx;

namespace ModelPort.Onnx.Transforms;

/// <summary>Gives values other names, in nodes and in the graphs inside nodes; a name that an inner graph makes hides the one outside.</summary>
/// <param name="names">Where new names come from.</param>
internal sealed class Renaming(UniqueNames names)
{
    private readonly HashSet<string> seen = new(StringComparer.Ordinal);

    /// <summary>
    /// Makes every name mean one value in the whole model: branches of an If may use the same ones. The main graph's names stay, and so does a name that stands once.
    /// </summary>
    public static void MakeUnique(OnnxModel model)
    {
        Renaming renaming = new(new UniqueNames(model));
        renaming.seen.UnionWith(Defined(model.Proto.Graph));
        renaming.Apply(model.Proto.Graph.Node, [], always: false);
    }

    /// <summary>Renames in nodes what the map names; graphs inside get new names for all that they make.</summary>
    public void Apply(IEnumerable<NodeProto> nodes, Dictionary<string, string> map) => Apply(nodes, map, always: true);

    private void Apply(IEnumerable<NodeProto> nodes, Dictionary<string, string> map, bool always)
    {
        foreach (var node in nodes)
        {
            Apply(node.Input, map);
            Apply(node.Output, map);
            foreach (var graph in node.Attribute.SelectMany(attribute => attribute.G is { } single ? attribute.Graphs.Prepend(single) : attribute.Graphs))
            {
                Apply(graph, map, always);
            }
        }
    }

    private void Apply(GraphProto graph, Dictionary<string, string> outer, bool always)
    {
        Dictionary<string, string> map = new(outer, StringComparer.Ordinal);
        foreach (var name in Defined(graph).Distinct(StringComparer.Ordinal))
        {
            if (always || !seen.Add(name))
            {
                seen.Add(map[name] = names.Next(name));
            }
            else
            {
                map.Remove(name);
            }
        }

        foreach (var info in graph.Input.Concat(graph.Output).Concat(graph.ValueInfo))
        {
            info.Name = map.GetValueOrDefault(info.Name, info.Name);
        }

        foreach (var tensor in graph.Initializer.Concat(graph.SparseInitializer.Select(sparse => sparse.Values)))
        {
            tensor.Name = map.GetValueOrDefault(tensor.Name, tensor.Name);
        }

        Apply(graph.Node, map, always);
    }

    [SuppressMessage("Performance", "CA1859", Justification = "The type of the list is that of the messages.")]
    private static void Apply(IList<string> list, Dictionary<string, string> map)
    {
        for (var i = 0; i < list.Count; i++)
        {
            if (map.TryGetValue(list[i], out var name))
            {
                list[i] = name;
            }
        }
    }

    private static IEnumerable<string> Defined(GraphProto graph) => graph.Input.Select(input => input.Name)
        .Concat(graph.Initializer.Select(tensor => tensor.Name))
        .Concat(graph.SparseInitializer.Select(sparse => sparse.Values.Name))
        .Concat(graph.Node.SelectMany(node => node.Output))
        .Where(name => name.Length > 0);
}
