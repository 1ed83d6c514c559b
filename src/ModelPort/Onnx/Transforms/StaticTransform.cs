using ModelPort.Diagnostics;
using ModelPort.Formats.Onnx;

namespace ModelPort.Onnx.Transforms;

/// <summary>
/// INT8 and FP8 with measured ranges, written as QuantizeLinear and DequantizeLinear around what is quantised, for kernels of integers to be found in. Weights are
/// stored in 8 bits with a scale for each output channel, and only their DequantizeLinear is written. A value gets one pair that all its readers share, but for
/// those in bodies of If, Loop and Scan: kernels are found within one body, so that each has a DequantizeLinear of its own for what comes from outside.
/// Biases are INT32 in steps of both scales' product.
/// </summary>
internal sealed class StaticTransform : PrecisionTransform
{
    private readonly StaticSelection selection;
    private readonly Dictionary<OnnxValue, (float Scale, int ZeroPoint)> steps = new(ReferenceEqualityComparer.Instance);
    private readonly StaticFormat format;
    private readonly StaticConstants constants;
    private readonly SortedSet<string> empty = new(StringComparer.Ordinal);
    private readonly SortedSet<string> unreached = new(StringComparer.Ordinal);

    public StaticTransform(GraphContext graph, IReadOnlyDictionary<string, ValueRange>? ranges)
        : base(graph, ranges)
    {
        format = new StaticFormat(graph);
        selection = new StaticSelection(graph, format.ForProcessor, Flaw, IsKept);
        constants = new StaticConstants(graph, format, selection, value => steps[value].Scale);
    }

    public override IEnumerable<string> Wanted => selection.Values.Select(value => value.Name);

    public override int ChangedWeights => constants.Weights + Recurrent.Count() + Lookups.Count();

    public override void Decide()
    {
        foreach (var body in Graph.Bodies)
        {
            foreach (var node in body.Nodes.Where(node => (format.ForProcessor && RowLookup.IsLookup(Graph, body, node)) || node.Is("Conv") || node.Is("MatMul") || node.Is("Gemm") || node.Is("ConvTranspose") || node.Is("LSTM") || node.Is("GRU") || node.Is("RNN")))
            {
                var reason = ReasonAgainst(body, node);
                Decisions.Add(new NodeDecision(body, node, reason));
                if (reason.Length == 0 && !node.Is("LSTM") && !node.Is("Gather"))
                {
                    selection.Add(body, node, Inputs(body, node));
                }
            }
        }

        selection.AddResults();
        selection.AddTaken();
        foreach (var body in Graph.Bodies)
        {
            foreach (var node in body.Nodes.Where(node => !format.ForProcessor && node.Is("Add") && IsResidual(body, node)))
            {
                selection.Add(body, node, 0, 1);
            }
        }

        var decided = Decisions.Select(decision => decision.Node).ToHashSet(ReferenceEqualityComparer.Instance);
        Decisions.AddRange(Graph.Bodies.SelectMany(body => body.Nodes.Where(node => selection.Contains(node) && !decided.Contains(node)).Select(node => new NodeDecision(body, node, ""))));
        Say();
    }

    public override void Rewrite()
    {
        foreach (var group in selection.Values.GroupBy(selection.Root, ReferenceEqualityComparer.Instance).ToList())
        {
            // A part of a concatenation that calibration never saw has the scale of the others.
            var step = format.StepOf(group.Where(value => Ranges!.ContainsKey(value.Name)).Select(value => Ranges![value.Name]).Aggregate((a, b) => a.Union(b)));
            foreach (var value in group)
            {
                steps[value] = step;
            }
        }

        foreach (var (body, node, _) in Decisions.Where(decision => decision.Converted && selection.Contains(decision.Node)))
        {
            constants.Quantise(body, node);
        }

        foreach (var value in selection.Values.ToList())
        {
            Pair(value);
        }

        foreach (var (body, node, _) in Recurrent)
        {
            RecurrentWeights.Quantise(Graph, body, node);
        }

        foreach (var (body, node, _) in Lookups)
        {
            RowLookup.Quantise(Graph, body, node);
        }
    }

    private IEnumerable<NodeDecision> Lookups => Decisions.Where(decision => decision.Converted && decision.Node.Is("Gather"));

    private IEnumerable<NodeDecision> Recurrent => Decisions.Where(decision => decision.Converted && decision.Node.Is("LSTM"));

    private static ReadOnlySpan<int> Both => [0, 1];

    private static ReadOnlySpan<int> First => [0];

    private ReadOnlySpan<int> Inputs(OnnxBody body, NodeProto node) => node.Is("MatMul") && Graph.Constant(body, node, 1) is null ? Both : First;

    private void Say()
    {
        if (empty.Count > 0)
        {
            Warnings.Add(Diagnose.RangeEmpty(Graph.Model.Path, empty));
        }

        if (unreached.Count > 0)
        {
            Warnings.Add(Diagnose.BodyUnreached(Graph.Model.Path, Graph.Request.Precision.Name, unreached, "what multiplies them stays in float"));
        }

        if (Recurrent.Count() is > 0 and var layers)
        {
            Notes.Add(FormattableString.Invariant($"{layers} LSTM have INT8 weights and values that are quantised while the model runs, as in INT8-Dynamic: ONNX Runtime has no LSTM of measured ranges."));
        }
    }

    private string ReasonAgainst(OnnxBody body, NodeProto node)
    {
        if (IsKept(node))
        {
            return Asked;
        }

        if (node.Is("LSTM") && format.ForProcessor)
        {
            return RecurrentWeights.ReasonAgainst(Graph, body, node);
        }

        if (node.Is("Gather"))
        {
            return RowLookup.ReasonAgainst(Graph, body, node);
        }

        if (node.OpType is "LSTM" or "GRU" or "RNN" || (node.Is("ConvTranspose") && format.ForProcessor))
        {
            return $"ONNX Runtime has no {node.OpType} of quantised values";
        }

        List<OnnxValue> values = [];
        foreach (var input in Inputs(body, node))
        {
            if (Graph.Input(body, node, input) is not { Origin: not ValueOrigin.Initializer } value || Graph.Types[value] != DataType.Float)
            {
                return Graph.Sparse(body, node, input) ?? $"its input {input} is no variable FLOAT";
            }

            values.Add(value);
        }

        if (Structure(body, node) is { Length: > 0 } unfit)
        {
            return unfit;
        }

        if (format.ForProcessor && node.Is("Conv"))
        {
            values.Add(selection.Result(body, node));
        }

        return values.Select(Flaw).FirstOrDefault(flaw => flaw.Length > 0) ?? "";
    }

    private string Structure(OnnxBody body, NodeProto node)
    {
        switch (node.OpType)
        {
            case "Gemm":
                return node.GetInt("transA", 0) != 0 ? "its first operand is transposed"
                    : !Graph.IsWeight(body, node, 1, 2) ? Graph.Sparse(body, node, 1) ?? "its second operand is no constant matrix"
                    : format.ForProcessor && node.Input.Count > 2 && node.GetFloat("beta", 1) != 1 ? "kernels of integers have no beta" : "";
            case "MatMul":
                return Graph.Constant(body, node, 1) is null || Graph.IsWeight(body, node, 1, 2) ? "" : "its constant operand is no matrix";
            default:
                if (Graph.Constant(body, node, 1) is not { Dims.Count: >= 3 } filter || !WeightStream.CanRead(filter.DataType) || filter.Dims.Any(dimension => dimension <= 0))
                {
                    return Graph.Sparse(body, node, 1) ?? "its filter is not constant";
                }

                return format.IsFloat8 && (filter.Dims[0] < 16 || filter.Dims[1] * node.GetInt("group", 1) < 16) ? "TensorRT's FP8 convolutions begin at 16 channels" : "";
        }
    }

    // Why a value cannot be quantised with what is known about it.
    private string Flaw(OnnxValue value)
    {
        if (Ranges is null)
        {
            return InnerValues.ReasonAgainst(value.Body);
        }

        if (!Ranges.TryGetValue(value.Name, out var range))
        {
            unreached.Add(value.Body.Path);
            return $"calibration never reached {value.Body.Path}";
        }

        if (range is { Min: 0, Max: 0 })
        {
            empty.Add(value.Name);
            return $"its value '{value.Name}' was always zero in calibration";
        }

        return "";
    }

    // The sum after a block, with what went around the block.
    private bool IsResidual(OnnxBody body, NodeProto node) => !IsKept(node)
        && Enumerable.Range(0, 2).Select(i => Graph.Input(body, node, i)).ToArray() is var operands
        && operands.All(operand => operand is { Origin: not ValueOrigin.Initializer } && Graph.Types[operand] == DataType.Float)
        && operands.Any(operand => operand!.Producer is { } producer && selection.Contains(producer) && !producer.Is("Add"))
        && operands.All(operand => Flaw(operand!).Length == 0);

    // The pair of a value. If it is made by integers all read what they give, which has the value's name (an output's must not change, and errors of layers are
    // told by it); else those alone that multiply it.
    private void Pair(OnnxValue value)
    {
        var (scale, zeroPoint) = steps[value];
        var integers = Graph.Names.Next(value.Name + "_q");
        var all = format.ForProcessor && value.Producer is { } producer && selection.Makes(producer);
        string Back(OnnxBody body) => Graph.Once(body, integers, () => StaticFormat.Dequantised(
            body, integers, format.ScaleName(body, scale), format.ZeroName(body, zeroPoint), all && body.Equals(value.Body) ? value.Name : Graph.Names.Next(value.Name + "_dq")));
        var before = value.Name;
        if (all)
        {
            before = Graph.Names.Next(value.Name + "_f");
            value.Producer!.Output[value.OutputIndex] = before;
        }

        value.Body.Nodes.Add(NodeAttributes.Node("QuantizeLinear", [before, format.ScaleName(value.Body, scale), format.ZeroName(value.Body, zeroPoint)], [integers]));
        foreach (var use in value.Uses.Where(use => all || (use.Node is { } node && selection.Contains(node))))
        {
            // An output of a body inside is what the value's own body makes of the integers.
            var floats = Back(use.Node is null ? value.Body : use.Body);
            if (use.Node is { } reader)
            {
                reader.Input[use.Index] = floats;
            }
        }

        Graph.Quantised.Add(new QuantisedTensor(value.Name, format.Activations, scale, zeroPoint, 1));
    }
}
