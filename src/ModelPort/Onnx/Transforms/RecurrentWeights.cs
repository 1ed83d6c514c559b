using ModelPort.Formats.Onnx;

namespace ModelPort.Onnx.Transforms;

/// <summary>
/// LSTM with INT8 weights, a scale for each gate's row: ONNX Runtime's DynamicQuantizeLSTM, which quantises inputs and states while it runs. Both INT8
/// precisions of processors make it, as there is no recurrent layer of measured ranges.
/// </summary>
internal static class RecurrentWeights
{
    /// <summary>Why a layer cannot have it; empty if it can.</summary>
    public static string ReasonAgainst(GraphContext graph, OnnxBody body, NodeProto node) =>
        graph.TypeOf(body, node, 0) is var type && type != DataType.Float ? (type == DataType.Undefined ? "the type of its input is not known" : $"its input is {DataTypes.Name(type)}, and only FLOAT can be quantised while the model runs")
        : node.GetInt("layout", 0) != 0 ? "its layout is batch first, which DynamicQuantizeLSTM does not have"
        : graph.IsWeight(body, node, 1, 3) && graph.IsWeight(body, node, 2, 3) ? ""
        : graph.Sparse(body, node, 1) ?? graph.Sparse(body, node, 2) ?? "its weights are not constant";

    /// <summary>Puts the layer of integers where the other stands.</summary>
    public static void Quantise(GraphContext graph, OnnxBody body, NodeProto node)
    {
        var layer = NodeAttributes.Node("DynamicQuantizeLSTM", node.Input, node.Output, node.Name, Domains.Microsoft);
        layer.Attribute.AddRange(node.Attribute.Where(attribute => attribute.Name != "layout").Select(attribute => attribute.Clone()));
        while (layer.Input.Count < 12)
        {
            layer.Input.Add("");
        }

        for (var i = 1; i <= 2; i++)
        {
            var weight = graph.Input(body, node, i)!;
            var shape = weight.Initializer!.Dims;
            var (directions, gates, width) = ((int)shape[0], (int)shape[1], (int)shape[2]);
            var quantised = QuantisedWeight.Int8(graph, weight, new Channels(directions * gates, width), (gates, width));
            layer.Input[i] = quantised.Values;
            layer.Input[6 + (2 * i)] = quantised.ScaleName(graph, [directions, gates]);
            layer.Input[7 + (2 * i)] = graph.Shared("zero", DataType.Int8, [directions, gates], new byte[directions * gates]);
        }

        GraphContext.Replace(body, node, layer);
        GraphContext.Import(graph.Model, Domains.Microsoft, 1);
    }
}
