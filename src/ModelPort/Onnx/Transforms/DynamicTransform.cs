using System.Runtime.InteropServices;
using ModelPort.Formats.Onnx;

namespace ModelPort.Onnx.Transforms;

/// <summary>
/// INT8 without calibration: weights are INT8 with a scale for each output channel, and the values that meet them are quantised while the model runs, to
/// the range that each run shows. A product is <c>DynamicQuantizeLinear, MatMulInteger (ConvInteger), Cast, Mul, Mul</c>, which ONNX Runtime makes one
/// kernel of where it has one (DynamicQuantizeMatMul); recurrent layers become DynamicQuantizeLSTM, and tables that rows are looked up in are INT8. Everything else stays as it is.
/// </summary>
internal sealed class DynamicTransform(GraphContext graph) : PrecisionTransform(graph, null)
{
    public override void Decide()
    {
        foreach (var body in Graph.Bodies)
        {
            foreach (var node in body.Nodes)
            {
                if (RowLookup.IsLookup(Graph, body, node) || node.Is("MatMul") || node.Is("Gemm") || node.Is("Conv") || node.Is("ConvTranspose") || node.Is("LSTM") || node.Is("GRU") || node.Is("RNN"))
                {
                    Decisions.Add(new NodeDecision(body, node, ReasonAgainst(body, node)));
                }
            }
        }
    }

    public override void Rewrite()
    {
        foreach (var (body, node, _) in Decisions.Where(decision => decision.Converted))
        {
            switch (node.OpType)
            {
                case "Conv":
                    Convolution(body, node);
                    break;
                case "LSTM":
                    RecurrentWeights.Quantise(Graph, body, node);
                    break;
                case "Gather":
                    RowLookup.Quantise(Graph, body, node);
                    break;
                default:
                    Product(body, node);
                    break;
            }
        }
    }

    private string ReasonAgainst(OnnxBody body, NodeProto node)
    {
        if (IsKept(node))
        {
            return Asked;
        }

        if (node.OpType is "ConvTranspose" or "GRU" or "RNN")
        {
            return $"there is no {node.OpType} of integers";
        }

        if (node.Is("LSTM"))
        {
            return RecurrentWeights.ReasonAgainst(Graph, body, node);
        }

        if (node.Is("Gather"))
        {
            return RowLookup.ReasonAgainst(Graph, body, node);
        }

        if (Graph.TypeOf(body, node, 0) is var type && type != DataType.Float)
        {
            return type == DataType.Undefined ? "the type of its input is not known" : $"its input is {DataTypes.Name(type)}, and only FLOAT can be quantised while the model runs";
        }

        return node.OpType switch
        {
            "Conv" when Graph.Constant(body, node, 1) is not { Dims.Count: >= 3 } filter || !WeightStream.CanRead(filter.DataType) => Graph.Sparse(body, node, 1) ?? "its filter is not constant",
            "Conv" => "",
            _ => Graph.IsWeight(body, node, 1, 2) ? "" : Graph.Constant(body, node, 1) is null ? Graph.Sparse(body, node, 1) ?? "neither operand is a constant matrix on the right" : "its constant operand is no matrix",
        };
    }

    private void Product(OnnxBody body, NodeProto node)
    {
        var gemm = node.OpType == "Gemm";
        var transposed = gemm && node.GetInt("transB", 0) != 0;
        var alpha = gemm ? node.GetFloat("alpha", 1) : 1;
        var weight = Graph.Input(body, node, 1)!;
        var shape = weight.Initializer!.Dims;
        var (rows, columns) = ((int)shape[0], (int)shape[1]);
        var quantised = transposed
            ? QuantisedWeight.Int8(Graph, weight, new Channels(rows, columns), (rows, columns))
            : QuantisedWeight.Int8(Graph, weight, new Channels(columns, 1));

        var input = node.Input[0];
        List<NodeProto> nodes = [];
        if (gemm && node.GetInt("transA", 0) != 0)
        {
            input = Graph.Names.Next($"{input}_t");
            nodes.Add(NodeAttributes.Node("Transpose", [node.Input[0]], [input]).Set("perm", (long[])[1, 0]));
        }

        var bias = gemm && node.Input.Count > 2 && node.Input[2].Length > 0 ? node.Input[2] : null;
        Integers(body, node, nodes, "MatMulInteger", input, quantised.Values, quantised.ScaleName(Graph, [quantised.Scales.Length], alpha), bias, gemm ? node.GetFloat("beta", 1) : 1);
    }

    private void Convolution(OnnxBody body, NodeProto node)
    {
        var filter = Graph.Input(body, node, 1)!;
        long[] shape = [.. filter.Initializer!.Dims];
        var quantised = QuantisedWeight.Int8(Graph, filter, Channels.Along(shape, 0));

        // A scale for each output channel: [channels, 1, 1] fits under any batch.
        var perChannel = Enumerable.Repeat(1L, shape.Length - 2).Prepend(shape[0]).ToArray();
        List<NodeProto> nodes = [];
        string? bias = null;
        if (Graph.Constant(body, node, 2) is { } constant)
        {
            var at = Graph.Input(body, node, 2)!.Body;
            bias = Graph.Once(at, $"{constant.Name} {shape.Length}", () => Graph.Add(at, constant.Name + "_b", constant.DataType, perChannel, Graph.Model.ContentOf(constant)));
            Graph.Replaced(constant);
        }
        else if (node.Input.Count > 2 && node.Input[2].Length > 0)
        {
            bias = Graph.Names.Next(node.Input[2] + "_b");
            var target = Graph.Shared("shape", DataType.Int64, [perChannel.Length], MemoryMarshal.AsBytes<long>([-1, .. perChannel[1..]]));
            nodes.Add(NodeAttributes.Node("Reshape", [node.Input[2], target], [bias]));
        }

        Integers(body, node, nodes, "ConvInteger", node.Input[0], quantised.Values, quantised.ScaleName(Graph, perChannel), bias, 1);
    }

    // The product of integers, and the way back to floats. The order of the two Mul is the one that ONNX Runtime looks for.
    private void Integers(OnnxBody body, NodeProto node, List<NodeProto> nodes, string operatorType, string input, string weight, string scale, string? bias, float beta)
    {
        var dynamic = Dynamic(body, input);
        var output = node.Output[0];
        string integers = Graph.Names.Next($"{output}_i"), floats = Graph.Names.Next($"{output}_f"), scales = Graph.Names.Next($"{output}_s");
        var product = NodeAttributes.Node(operatorType, [dynamic, weight, ScaleOf(dynamic, "_zp")], [integers], node.Name);
        if (operatorType == "ConvInteger")
        {
            product.Attribute.AddRange(node.Attribute.Select(attribute => attribute.Clone()));
        }

        nodes.Add(product);
        nodes.Add(NodeAttributes.Node("Cast", [integers], [floats]).Set("to", (long)DataType.Float));
        nodes.Add(NodeAttributes.Node("Mul", [ScaleOf(dynamic, "_s"), scale], [scales]));
        if (bias is null)
        {
            nodes.Add(NodeAttributes.Node("Mul", [floats, scales], [output]));
        }
        else
        {
            var scaled = Graph.Names.Next($"{output}_m");
            nodes.Add(NodeAttributes.Node("Mul", [floats, scales], [scaled]));
            if (beta != 1)
            {
                var factor = Graph.Shared("beta", DataType.Float, [], BitConverter.GetBytes(beta));
                var whole = Graph.Names.Next($"{output}_c");
                nodes.Add(NodeAttributes.Node("Mul", [bias, factor], [whole]));
                bias = whole;
            }

            nodes.Add(NodeAttributes.Node("Add", [scaled, bias], [output]));
        }

        GraphContext.Replace(body, node, CollectionsMarshal.AsSpan(nodes));
    }

    // Once for each value and body: all that multiply it share its integers.
    private string Dynamic(OnnxBody body, string input) => Graph.Once(body, $"{input} dynamic", () =>
    {
        var quantised = Graph.Names.Next($"{input}_q");
        body.Nodes.Add(NodeAttributes.Node("DynamicQuantizeLinear", [input], [quantised, ScaleOf(quantised, "_s"), ScaleOf(quantised, "_zp")]));
        return quantised;
    });

    private string ScaleOf(string quantised, string suffix) => Graph.Once(Graph.Main, quantised + suffix, () => Graph.Names.Next(quantised + suffix));
}
