using System.Runtime.InteropServices;
using ModelPort.Diagnostics;
using ModelPort.Formats.Onnx;
using ModelPort.Kernels;

namespace ModelPort.Onnx.Transforms;

/// <summary>
/// INT8 and FP8 with measured ranges, written as QuantizeLinear and DequantizeLinear around what is quantised, for kernels of integers to be found in. Weights are
/// stored in 8 bits with a scale for each output channel, and only their DequantizeLinear is written. A value gets one pair that all its readers share, but for
/// those in bodies of If, Loop and Scan: kernels are found within one body, so that each has a DequantizeLinear of its own for what comes from outside.
/// Biases are INT32 in steps of both scales' product.
/// </summary>
internal sealed class StaticTransform : PrecisionTransform
{
    /// <summary>
    /// How much of E4M3's range a value's greatest magnitude takes: 36 of 448. Within the range the error is the same wherever a value lies; above it
    /// values are cut off, and calibration seldom sees the greatest. The factor is that of NVIDIA's Model Optimizer (448/127 of the INT8 scale).
    /// </summary>
    public const float Float8Top = 127f * 127f / Float8.Largest;

    private readonly StaticSelection selection;
    private readonly Dictionary<OnnxValue, (float Scale, int ZeroPoint)> steps = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<string, (string Integers, string Scale, string Zero, float[] Scales)> weights = new(StringComparer.Ordinal);
    private readonly SortedSet<string> empty = new(StringComparer.Ordinal);
    private readonly SortedSet<string> unreached = new(StringComparer.Ordinal);

    public StaticTransform(GraphContext graph, IReadOnlyDictionary<string, ValueRange>? ranges)
        : base(graph, ranges)
    {
        IsFloat8 = graph.Request.Precision == OnnxPrecision.FP8;
        selection = new StaticSelection(graph, !IsFloat8 && graph.Request.Hardware.IsProcessor, Flaw, IsKept);
    }

    public override IEnumerable<string> Wanted => selection.Values.Select(value => value.Name);

    public override int ChangedWeights => weights.Count + Recurrent.Count() + Lookups.Count();

    private bool IsFloat8 { get; }

    private bool ForProcessor => !IsFloat8 && Graph.Request.Hardware.IsProcessor;

    private DataType Activations => IsFloat8 ? DataType.Float8E4M3Fn : Graph.Request.Hardware.Activations;

    private DataType Weights => IsFloat8 ? DataType.Float8E4M3Fn : DataType.Int8;

    public override void Decide()
    {
        foreach (var body in Graph.Bodies)
        {
            foreach (var node in body.Nodes.Where(node => (ForProcessor && RowLookup.IsLookup(Graph, body, node)) || node.Is("Conv") || node.Is("MatMul") || node.Is("Gemm") || node.Is("ConvTranspose") || node.Is("LSTM") || node.Is("GRU") || node.Is("RNN")))
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
            foreach (var node in body.Nodes.Where(node => !ForProcessor && node.Is("Add") && IsResidual(body, node)))
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
            var step = StepOf(group.Where(value => Ranges!.ContainsKey(value.Name)).Select(value => Ranges![value.Name]).Aggregate((a, b) => a.Union(b)));
            foreach (var value in group)
            {
                steps[value] = step;
            }
        }

        foreach (var (body, node, _) in Decisions.Where(decision => decision.Converted && selection.Contains(decision.Node)))
        {
            Constants(body, node);
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

        if (node.Is("LSTM") && ForProcessor)
        {
            return RecurrentWeights.ReasonAgainst(Graph, body, node);
        }

        if (node.Is("Gather"))
        {
            return RowLookup.ReasonAgainst(Graph, body, node);
        }

        if (node.OpType is "LSTM" or "GRU" or "RNN" || (node.Is("ConvTranspose") && ForProcessor))
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

        if (ForProcessor && node.Is("Conv"))
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
                    : ForProcessor && node.Input.Count > 2 && node.GetFloat("beta", 1) != 1 ? "kernels of integers have no beta" : "";
            case "MatMul":
                return Graph.Constant(body, node, 1) is null || Graph.IsWeight(body, node, 1, 2) ? "" : "its constant operand is no matrix";
            default:
                if (Graph.Constant(body, node, 1) is not { Dims.Count: >= 3 } filter || !WeightStream.CanRead(filter.DataType) || filter.Dims.Any(dimension => dimension <= 0))
                {
                    return Graph.Sparse(body, node, 1) ?? "its filter is not constant";
                }

                return IsFloat8 && (filter.Dims[0] < 16 || filter.Dims[1] * node.GetInt("group", 1) < 16) ? "TensorRT's FP8 convolutions begin at 16 channels" : "";
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

    private (float Scale, int ZeroPoint) StepOf(ValueRange measured)
    {
        var range = measured.WithZero;
        var magnitude = Math.Max(-range.Min, range.Max);
        if (IsFloat8)
        {
            return (Positive(magnitude / Float8Top), 0);
        }

        if (Graph.Request.Hardware.IsSymmetric)
        {
            return (QuantisedWeight.Scale(magnitude), 0);
        }

        var scale = Positive((float)(((double)range.Max - range.Min) / 255));
        var zero = (int)Math.Clamp(Math.Round(-range.Min / (double)scale), 0, 255);
        return (scale, Activations == DataType.Int8 ? zero - 128 : zero);
    }

    private static float Positive(float scale) => scale > 0 && float.IsFinite(1 / scale) ? scale : 1;

    // The pair of a value. If it is made by integers all read what they give, which has the value's name (an output's must not change, and errors of layers are
    // told by it); else those alone that multiply it.
    private void Pair(OnnxValue value)
    {
        var (scale, zeroPoint) = steps[value];
        var integers = Graph.Names.Next(value.Name + "_q");
        var all = ForProcessor && value.Producer is { } producer && selection.Makes(producer);
        string Back(OnnxBody body) => Graph.Once(body, integers, () => Dequantised(
            body, integers, ScaleName(body, scale), ZeroName(body, zeroPoint), all && body.Equals(value.Body) ? value.Name : Graph.Names.Next(value.Name + "_dq")));
        var before = value.Name;
        if (all)
        {
            before = Graph.Names.Next(value.Name + "_f");
            value.Producer!.Output[value.OutputIndex] = before;
        }

        value.Body.Nodes.Add(NodeAttributes.Node("QuantizeLinear", [before, ScaleName(value.Body, scale), ZeroName(value.Body, zeroPoint)], [integers]));
        foreach (var use in value.Uses.Where(use => all || (use.Node is { } node && selection.Contains(node))))
        {
            // An output of a body inside is what the value's own body makes of the integers.
            var floats = Back(use.Node is null ? value.Body : use.Body);
            if (use.Node is { } reader)
            {
                reader.Input[use.Index] = floats;
            }
        }

        Graph.Quantised.Add(new QuantisedTensor(value.Name, Activations, scale, zeroPoint, 1));
    }

    private static string Dequantised(OnnxBody body, string integers, string scale, string zero, string floats, long? axis = null)
    {
        var back = NodeAttributes.Node("DequantizeLinear", zero.Length > 0 ? [integers, scale, zero] : [integers, scale], [floats]);
        body.Nodes.Add(axis is { } along ? back.Set("axis", along) : back);
        return floats;
    }

    private void Constants(OnnxBody body, NodeProto node)
    {
        if (node.OpType is "Conv" or "ConvTranspose" or "Gemm" or "MatMul")
        {
            if (Graph.Constant(body, node, 1) is not null)
            {
                Weight(body, node);
            }
        }
        else
        {
            for (var i = 0; i < node.Input.Count; i++)
            {
                if (Graph.Constant(body, node, i) is { DataType: DataType.Float })
                {
                    Operand(body, node, i);
                }
            }
        }
    }

    private static int AxisOf(NodeProto node) => node.OpType switch
    {
        "Conv" => 0,
        "ConvTranspose" => node.GetInt("group", 1) == 1 ? 1 : -1,
        "Gemm" => node.GetInt("transB", 0) != 0 ? 0 : 1,
        _ => 1,
    };

    private void Weight(OnnxBody body, NodeProto node)
    {
        var value = Graph.Input(body, node, 1)!;
        var axis = AxisOf(node);
        var key = FormattableString.Invariant($"{value.Name} {axis}");
        if (!weights.TryGetValue(key, out var weight))
        {
            weights[key] = weight = Quantise(value, axis);
        }

        node.Input[1] = Graph.Once(body, key, () => Dequantised(body, weight.Integers, weight.Scale, weight.Zero, Graph.Names.Next(value.Name + "_dq"), axis < 0 ? null : axis));
        if (ForProcessor && Graph.Constant(body, node, 2) is { DataType: DataType.Float, Dims.Count: 1 } bias && bias.Dims[0] == weight.Scales.Length)
        {
            Bias(body, node, bias, weight.Scales);
        }
    }

    private (string, string, string, float[]) Quantise(OnnxValue value, int axis)
    {
        var tensor = value.Initializer!;
        var stream = WeightStream.Of(Graph.Model, tensor);
        var channels = axis < 0 ? Channels.One : Channels.Along(stream.Shape, axis);
        float[] scales = [.. WeightScales.Magnitudes(stream, channels, Graph.Model.Path, value.Name).Select(magnitude => IsFloat8 ? Positive(magnitude / Float8.Largest) : QuantisedWeight.Scale(magnitude, Graph.Request.Hardware.LargestWeight))];
        Widen(value, axis, scales);
        var integers = Graph.Add(value.Body, value.Name + "_q", Weights, stream.Shape, IsFloat8 ? WeightScales.ToFloat8(stream, channels, scales) : WeightScales.ToInt8(stream, channels, scales));
        long[] shape = axis < 0 ? [] : [scales.Length];
        var scale = Graph.Add(value.Body, value.Name + "_s", shape, scales);
        var zero = Graph.Shared(value.Body, "zero", Weights, shape, new byte[scales.Length]);
        Graph.Replaced(tensor);
        Graph.Quantised.Add(new QuantisedTensor(value.Name, Weights, scales.Max(), 0, scales.Length));
        return (integers, scale, zero, scales);
    }

    // A bias in steps of both scales must fit 32 bits: where it does not, the channel's weights get larger steps, which they hardly notice beside such a bias.
    private void Widen(OnnxValue weight, int axis, float[] scales)
    {
        foreach (var (use, bias) in weight.Uses
            .Where(use => ForProcessor && use is { Node: not null, Index: 1 } && selection.Contains(use.Node) && AxisOf(use.Node) == axis)
            .Select(use => (use, Graph.Constant(use.Body, use.Node!, 2))))
        {
            if (bias is { DataType: DataType.Float, Dims.Count: 1 } && bias.Dims[0] == scales.Length)
            {
                var values = WeightStream.Of(Graph.Model, bias).ToArray();
                var activation = steps[Graph.Input(use.Body, use.Node!, 0)!].Scale;
                for (var i = 0; i < scales.Length; i++)
                {
                    scales[i] = Math.Max(scales[i], Math.Abs(values[i]) / activation / (1 << 30));
                }
            }
        }
    }

    private void Bias(OnnxBody body, NodeProto node, TensorProto bias, float[] scales)
    {
        var value = Graph.Input(body, node, 2)!;
        var activation = steps[Graph.Input(body, node, 0)!].Scale;
        var values = WeightStream.Of(Graph.Model, bias).ToArray();
        if (!values.All(float.IsFinite))
        {
            throw new ModelPortException(Diagnose.WeightNonFinite(Graph.Model.Path, value.Name));
        }

        float[] steps32 = [.. scales.Select(scale => activation * scale)];
        int[] integers = [.. values.Select((x, i) => LinearQuantizer.ToInt32(x, steps32[i]))];
        var name = Graph.Add(value.Body, value.Name + "_q", DataType.Int32, [values.Length], OnnxContent.Of(MemoryMarshal.AsBytes<int>(integers).ToArray()));
        var scaleName = Graph.Add(value.Body, value.Name + "_s", [values.Length], steps32);
        node.Input[2] = Dequantised(body, name, scaleName, "", Graph.Names.Next(value.Name + "_dq"), 0);
        Graph.Replaced(bias);
    }

    // A constant that is added or multiplied: one scale, in the type of the values.
    private void Operand(OnnxBody body, NodeProto node, int input)
    {
        var value = Graph.Input(body, node, input)!;
        node.Input[input] = Graph.Once(body, value.Name + " operand", () =>
        {
            var values = WeightStream.Of(Graph.Model, value.Initializer!).ToArray();
            if (!values.All(float.IsFinite))
            {
                throw new ModelPortException(Diagnose.WeightNonFinite(Graph.Model.Path, value.Name));
            }

            var (scale, zeroPoint) = StepOf(values.Length == 0 ? default : new ValueRange(values.Min(), values.Max()));
            var codes = new byte[values.Length];
            if (Activations == DataType.Uint8)
            {
                LinearQuantizer.ToUInt8(values, scale, (byte)zeroPoint, codes);
            }
            else
            {
                LinearQuantizer.ToUInt8(values, scale, (byte)(zeroPoint + 128), codes);
                codes = [.. codes.Select(code => (byte)(code ^ 0x80))];
            }

            var name = Graph.Add(value.Body, value.Name + "_q", Activations, [.. value.Initializer!.Dims], OnnxContent.Of(codes));
            Graph.Replaced(value.Initializer);
            Graph.Quantised.Add(new QuantisedTensor(value.Name, Activations, scale, zeroPoint, 1));
            return Dequantised(body, name, ScaleName(body, scale), ZeroName(body, zeroPoint), Graph.Names.Next(value.Name + "_dq"));
        });
    }

    private string ScaleName(OnnxBody body, float scale) => Graph.Shared(body, "s", DataType.Float, [], BitConverter.GetBytes(scale));

    private string ZeroName(OnnxBody body, int zeroPoint) => Graph.Shared(body, "z", Activations, [], (byte)zeroPoint);
}
