namespace ModelPort.Formats.Onnx;

/// <summary>
/// The order of nodes: the format wants every value made before it is used. Files that break this are common enough and run, so that they are read;
/// a circle is refused.
/// </summary>
public static class NodeOrder
{
    /// <summary>Sorts the nodes of a body where they break the order; nodes that need not move stay in their order.</summary>
    /// <returns>Whether a node moved.</returns>
    /// <exception cref="InvalidOperationException">The nodes make a circle.</exception>
    public static bool Sort(OnnxBody body)
    {
        (List<NodeProto> sorted, NodeProto? circular) = Sorted(body);
        if (circular is not null)
        {
            throw new InvalidOperationException($"The node '{Label(circular)}' of {body.Path} needs what it makes itself.");
        }

        bool moved = !sorted.SequenceEqual(body.Nodes, ReferenceEqualityComparer.Instance);
        if (moved)
        {
            body.Nodes.Clear();
            body.Nodes.AddRange(sorted);
        }

        return moved;
    }

    /// <summary>What a node is called in messages: its name, or its operator and its first output.</summary>
    public static string Label(NodeProto node) => node.Name.Length > 0 ? node.Name : $"{node.OpType} -> {(node.Output.Count > 0 ? node.Output[0] : "nothing")}";

    /// <summary>The nodes in order, and one of a circle if there is a circle.</summary>
    internal static (List<NodeProto> Sorted, NodeProto? Circular) Sorted(OnnxBody body)
    {
        Dictionary<string, int> producers = new(StringComparer.Ordinal);
        for (int i = 0; i < body.Nodes.Count; i++)
        {
            foreach (string output in body.Nodes[i].Output)
            {
                producers.TryAdd(output, i);
            }
        }

        List<int>[] followers = new List<int>[body.Nodes.Count];
        int[] waiting = new int[body.Nodes.Count];
        for (int i = 0; i < body.Nodes.Count; i++)
        {
            HashSet<int> needed = [];
            foreach (string name in Names(body.Nodes[i]))
            {
                if (name.Length > 0 && producers.TryGetValue(name, out int producer) && needed.Add(producer))
                {
                    (followers[producer] ??= []).Add(i);
                    waiting[i]++;
                }
            }
        }

        PriorityQueue<int, int> ready = new();
        for (int i = 0; i < waiting.Length; i++)
        {
            if (waiting[i] == 0)
            {
                ready.Enqueue(i, i);
            }
        }

        List<NodeProto> sorted = new(waiting.Length);
        while (ready.TryDequeue(out int next, out _))
        {
            sorted.Add(body.Nodes[next]);
            foreach (int follower in followers[next] ?? [])
            {
                if (--waiting[follower] == 0)
                {
                    ready.Enqueue(follower, follower);
                }
            }
        }

        int stuck = Array.FindIndex(waiting, count => count > 0);
        return (sorted, stuck < 0 ? null : body.Nodes[stuck]);
    }

    // What a node needs: its inputs, and what its subgraphs take from outside.
    private static IEnumerable<string> Names(NodeProto node) => node.Attribute.Count == 0 ? node.Input : node.Input.Concat(
        node.Attribute.SelectMany(attribute => attribute.G is { } graph ? attribute.Graphs.Prepend(graph) : attribute.Graphs).SelectMany(Free));

    private static IEnumerable<string> Free(GraphProto graph)
    {
        HashSet<string> own = new(
            graph.Input.Select(input => input.Name)
                .Concat(graph.Initializer.Select(tensor => tensor.Name))
                .Concat(graph.SparseInitializer.Select(sparse => sparse.Values?.Name ?? ""))
                .Concat(graph.Node.SelectMany(node => node.Output)),
            StringComparer.Ordinal);
        return graph.Node.SelectMany(Names).Concat(graph.Output.Select(output => output.Name)).Where(name => !own.Contains(name));
    }
}
