using ModelPort.Formats.Onnx;

namespace ModelPort.Onnx.Transforms;

/// <summary>
/// Which nodes compute with integers (or 8-bit floats), and which values must be quantised for it. Products and convolutions are where it
/// pays. From them the need goes backwards: a value that one of them reads is quantised where it is made; operators that only move values hand the need on with
/// the scale unchanged; sums, means and concatenations join in when what they read is quantised anyway. So no integer island stands alone among floats. A value that
/// a body of If, Loop or Scan takes from outside is quantised where it is made; what goes in and out at the body's own edges is made of floats there.
/// </summary>
internal sealed class StaticSelection
{
    private readonly GraphContext graph;
    private readonly Func<OnnxValue, string> flaw;
    private readonly Func<NodeProto, bool> isKept;
    private readonly bool wholeChains;
    private readonly Dictionary<OnnxValue, OnnxValue> parents = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<NodeProto, OnnxBody> nodes = new(ReferenceEqualityComparer.Instance);
    private readonly HashSet<NodeProto> makers = new(ReferenceEqualityComparer.Instance);

    /// <param name="graph">The model.</param>
    /// <param name="wholeChains">Whether results are quantised too, and what lies between products: kernels of processors go from integers to integers.</param>
    /// <param name="flaw">Why a value cannot be quantised; empty if it can.</param>
    /// <param name="isKept">Whether a node stays in float because the user said so.</param>
    public StaticSelection(GraphContext graph, bool wholeChains, Func<OnnxValue, string> flaw, Func<NodeProto, bool> isKept)
    {
        this.graph = graph;
        this.isKept = isKept;
        this.wholeChains = wholeChains;
        this.flaw = flaw;
    }

    /// <summary>The values to quantise. Values with one root share a scale.</summary>
    public IEnumerable<OnnxValue> Values => parents.Keys;

    /// <summary>Whether a node reads quantised values.</summary>
    public bool Contains(NodeProto node) => nodes.ContainsKey(node);

    /// <summary>Whether what a node gives is of integers, so that all who read it read the same.</summary>
    public bool Makes(NodeProto node) => makers.Contains(node);

    public OnnxValue Root(OnnxValue value)
    {
        while (parents[value] != value)
        {
            value = parents[value];
        }

        return value;
    }

    /// <summary>Takes in a product or convolution.</summary>
    /// <param name="body">Its body.</param>
    /// <param name="node">The node.</param>
    /// <param name="inputs">Which of its inputs are values.</param>
    public void Add(OnnxBody body, NodeProto node, params ReadOnlySpan<int> inputs)
    {
        nodes.TryAdd(node, body);
        makers.Add(node);
        foreach (var input in inputs)
        {
            Need(graph.Input(body, node, input)!);
        }
    }

    /// <summary>Quantises what convolutions give: their kernels have no other way. (Products of matrices can give floats.)</summary>
    public void AddResults()
    {
        foreach (var (node, body) in nodes.Where(entry => wholeChains && entry.Key.Is("Conv")).ToList())
        {
            Need(Result(body, node));
        }
    }

    /// <summary>
    /// Quantises what is only moved on its way from integers into a body that takes it. ONNX Runtime 1.31 follows a DequantizeLinear through nodes that move values, to put one after them, and where a
    /// body takes what they give it ends its process; it stops where integers are.
    /// </summary>
    public void AddTaken()
    {
        foreach (var value in parents.Keys.Where(value => value.Producer is { } producer && makers.Contains(producer)).ToList())
        {
            Taken(value);
        }
    }

    private bool Taken(OnnxValue value)
    {
        var any = false;
        foreach (var node in value.Uses.Where(use => use is { Node: not null, Index: 0 } && use.Body.Equals(value.Body)).Select(use => use.Node!).Where(node => IsMove(node) || node.Is("Slice")))
        {
            if (graph.Index.TryResolve(value.Body, node.Output[0], out var moved) && !nodes.ContainsKey(node) && (moved.Uses.Any(use => !use.Body.Equals(moved.Body)) | Taken(moved)))
            {
                any = true;
                nodes.Add(node, value.Body);
                makers.Add(node);
                parents.TryAdd(value, value);
                parents.TryAdd(moved, moved);
                Join(moved, value);
            }
        }

        return any;
    }

    /// <summary>What a node gives after a Relu or Clip that nobody else gets around: the range of the integers does what these do.</summary>
    public OnnxValue Result(OnnxBody body, NodeProto node)
    {
        graph.Index.TryResolve(body, node.Output[0], out var value);
        return wholeChains && value!.Uses is [{ Node: { } next } use] && use.Body.Equals(body) && (next.Is("Relu") || next.Is("Clip")) && graph.Index.TryResolve(body, next.Output[0], out var limited) ? limited : value!;
    }

    private void Need(OnnxValue value)
    {
        if (!parents.TryAdd(value, value) || value.Producer is not { } producer || !wholeChains || value.OutputIndex != 0)
        {
            return;
        }

        if (Moves(producer))
        {
            if (graph.Input(value.Body, producer, 0) is { Origin: not ValueOrigin.Initializer } moved && flaw(moved).Length == 0)
            {
                nodes.TryAdd(producer, value.Body);
                makers.Add(producer);
                Need(moved);
                Join(value, moved);
            }

            return;
        }

        var maker = (producer.Is("Relu") || producer.Is("Clip")) && graph.Input(value.Body, producer, 0) is { Producer: { } before } inner && inner.Uses.Count == 1 && inner.Body.Equals(value.Body) ? before : producer;
        if (nodes.ContainsKey(maker))
        {
            makers.Add(producer);
        }
        else if (Joins(maker))
        {
            var inputs = Enumerable.Range(0, maker.Input.Count).Select(i => graph.Input(value.Body, maker, i)).OfType<OnnxValue>().ToList();
            var variable = inputs.Where(input => input.Origin != ValueOrigin.Initializer).ToList();
            // Parts of a concatenation share the scale of the whole, so that one which is always zero (padding with channels) does no harm.
            var shares = maker.Is("Concat") && inputs.Count == variable.Count;
            if (inputs.All(input => graph.Types[input] == DataType.Float) && variable.Any(ComesOfIntegers) && (shares || variable.All(input => flaw(input).Length == 0)))
            {
                nodes.TryAdd(maker, value.Body);
                makers.Add(maker);
                makers.Add(producer);
                variable.ForEach(Need);
                if (shares)
                {
                    variable.ForEach(input => Join(value, input));
                }
            }
        }
    }

    // A sum among floats gains nothing by integers; one of what a convolution gives stays in them.
    private bool ComesOfIntegers(OnnxValue value) => ComesOfIntegers(value, new HashSet<OnnxValue>(ReferenceEqualityComparer.Instance));

    private bool ComesOfIntegers(OnnxValue value, HashSet<OnnxValue> seen) => parents.ContainsKey(value) || value.Producer switch
    {
        null => false,
        _ when !seen.Add(value) => false,
        var producer when nodes.ContainsKey(producer) => producer.Is("Conv"),
        var producer when producer.Is("Relu") || producer.Is("Clip") || Moves(producer) => graph.Input(value.Body, producer, 0) is { } before && ComesOfIntegers(before, seen),
        // The last block of a residual network, which only a mean reads.
        var producer when producer.Is("Add") => Enumerable.Range(0, 2).Any(i => graph.Input(value.Body, producer, i) is { } before && ComesOfIntegers(before, seen)),
        _ => false,
    };

    private void Join(OnnxValue a, OnnxValue b) => parents[Root(a)] = Root(b);

    private bool Moves(NodeProto node) => !isKept(node) && IsMove(node);

    private static bool IsMove(NodeProto node) => node.Output.Count == 1 && Domains.Normal(node.Domain) == Domains.Standard
        && node.OpType is "MaxPool" or "Reshape" or "Flatten" or "Transpose" or "Squeeze" or "Unsqueeze";

    private bool Joins(NodeProto node) => !isKept(node) && Domains.Normal(node.Domain) == Domains.Standard
        && node.OpType is "Add" or "Mul" or "AveragePool" or "GlobalAveragePool" or "Concat";
}
