using System.Runtime.InteropServices;
using ModelPort.Diagnostics;
using ModelPort.Formats.Onnx;
using ModelPort.Kernels;

namespace ModelPort.Onnx.Transforms;

/// <summary>The constants of nodes that are quantised: weights with a scale for each output channel, biases in steps of both scales' product, and operands of sums and products.</summary>
/// <param name="graph">The model.</param>
/// <param name="format">How they are written.</param>
/// <param name="selection">What is quantised.</param>
/// <param name="stepOf">The scale of a value.</param>
internal sealed class StaticConstants(GraphContext graph, StaticFormat format, StaticSelection selection, Func<OnnxValue, float> stepOf)
{
    private readonly Dictionary<string, (string Integers, string Scale, string Zero, float[] Scales)> weights = new(StringComparer.Ordinal);

    /// <summary>How many weights were quantised.</summary>
    public int Weights => weights.Count;

    /// <summary>Quantises what a node multiplies or adds.</summary>
    public void Quantise(OnnxBody body, NodeProto node)
    {
        if (node.OpType is "Conv" or "ConvTranspose" or "Gemm" or "MatMul")
        {
            if (graph.Constant(body, node, 1) is not null)
            {
                Weight(body, node);
            }
        }
        else
        {
            for (var i = 0; i < node.Input.Count; i++)
            {
                if (graph.Constant(body, node, i) is { DataType: DataType.Float })
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
        var value = graph.Input(body, node, 1)!;
        var axis = AxisOf(node);
        var key = FormattableString.Invariant($"{value.Name} {axis}");
        if (!weights.TryGetValue(key, out var weight))
        {
            weights[key] = weight = Made(value, axis);
        }

        node.Input[1] = graph.Once(body, key, () => StaticFormat.Dequantised(body, weight.Integers, weight.Scale, weight.Zero, graph.Names.Next(value.Name + "_dq"), axis < 0 ? null : axis));
        if (format.ForProcessor && graph.Constant(body, node, 2) is { DataType: DataType.Float, Dims.Count: 1 } bias && bias.Dims[0] == weight.Scales.Length)
        {
            Bias(body, node, bias, weight.Scales);
        }
    }

    private (string, string, string, float[]) Made(OnnxValue value, int axis)
    {
        var tensor = value.Initializer!;
        var stream = WeightStream.Of(graph.Model, tensor);
        var channels = axis < 0 ? Channels.One : Channels.Along(stream.Shape, axis);
        float[] scales = [.. WeightScales.Magnitudes(stream, channels, graph.Model.Path, value.Name).Select(format.WeightScale)];
        Widen(value, axis, scales);
        var integers = graph.Add(value.Body, value.Name + "_q", format.Weights, stream.Shape, format.IsFloat8 ? WeightScales.ToFloat8(stream, channels, scales) : WeightScales.ToInt8(stream, channels, scales));
        long[] shape = axis < 0 ? [] : [scales.Length];
        var scale = graph.Add(value.Body, value.Name + "_s", shape, scales);
        var zero = graph.Shared(value.Body, "zero", format.Weights, shape, new byte[scales.Length]);
        graph.Replaced(tensor);
        graph.Quantised.Add(new QuantisedTensor(value.Name, format.Weights, scales.Max(), 0, scales.Length));
        return (integers, scale, zero, scales);
    }

    // A bias in steps of both scales must fit 32 bits: where it does not, the channel's weights get larger steps, which they hardly notice beside such a bias.
    private void Widen(OnnxValue weight, int axis, float[] scales)
    {
        foreach (var (use, bias) in weight.Uses
            .Where(use => format.ForProcessor && use is { Node: not null, Index: 1 } && selection.Contains(use.Node) && AxisOf(use.Node) == axis)
            .Select(use => (use, graph.Constant(use.Body, use.Node!, 2))))
        {
            if (bias is { DataType: DataType.Float, Dims.Count: 1 } && bias.Dims[0] == scales.Length)
            {
                var values = WeightStream.Of(graph.Model, bias).ToArray();
                var activation = stepOf(graph.Input(use.Body, use.Node!, 0)!);
                for (var i = 0; i < scales.Length; i++)
                {
                    scales[i] = Math.Max(scales[i], Math.Abs(values[i]) / activation / (1 << 30));
                }
            }
        }
    }

    private void Bias(OnnxBody body, NodeProto node, TensorProto bias, float[] scales)
    {
        var value = graph.Input(body, node, 2)!;
        var activation = stepOf(graph.Input(body, node, 0)!);
        var values = WeightStream.Of(graph.Model, bias).ToArray();
        if (!values.All(float.IsFinite))
        {
            throw new ModelPortException(Diagnose.WeightNonFinite(graph.Model.Path, value.Name));
        }

        float[] steps32 = [.. scales.Select(scale => activation * scale)];
        int[] integers = [.. values.Select((x, i) => LinearQuantizer.ToInt32(x, steps32[i]))];
        var name = graph.Add(value.Body, value.Name + "_q", DataType.Int32, [values.Length], OnnxContent.Of(MemoryMarshal.AsBytes<int>(integers).ToArray()));
        var scaleName = graph.Add(value.Body, value.Name + "_s", [values.Length], steps32);
        node.Input[2] = StaticFormat.Dequantised(body, name, scaleName, "", graph.Names.Next(value.Name + "_dq"), 0);
        graph.Replaced(bias);
    }

    // A constant that is added or multiplied: one scale, in the type of the values.
    private void Operand(OnnxBody body, NodeProto node, int input)
    {
        var value = graph.Input(body, node, input)!;
        node.Input[input] = graph.Once(body, value.Name + " operand", () =>
        {
            var values = WeightStream.Of(graph.Model, value.Initializer!).ToArray();
            if (!values.All(float.IsFinite))
            {
                throw new ModelPortException(Diagnose.WeightNonFinite(graph.Model.Path, value.Name));
            }

            var (scale, zeroPoint) = format.StepOf(values.Length == 0 ? default : new ValueRange(values.Min(), values.Max()));
            var codes = new byte[values.Length];
            if (format.Activations == DataType.Uint8)
            {
                LinearQuantizer.ToUInt8(values, scale, (byte)zeroPoint, codes);
            }
            else
            {
                LinearQuantizer.ToUInt8(values, scale, (byte)(zeroPoint + 128), codes);
                codes = [.. codes.Select(code => (byte)(code ^ 0x80))];
            }

            var name = graph.Add(value.Body, value.Name + "_q", format.Activations, [.. value.Initializer!.Dims], OnnxContent.Of(codes));
            graph.Replaced(value.Initializer);
            graph.Quantised.Add(new QuantisedTensor(value.Name, format.Activations, scale, zeroPoint, 1));
            return StaticFormat.Dequantised(body, name, format.ScaleName(body, scale), format.ZeroName(body, zeroPoint), graph.Names.Next(value.Name + "_dq"));
        });
    }
}
