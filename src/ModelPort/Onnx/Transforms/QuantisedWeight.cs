using System.Runtime.InteropServices;
using ModelPort.Formats.Onnx;

namespace ModelPort.Onnx.Transforms;

/// <summary>Names of a weight's INT8 values and of their scales, which stand beside the original.</summary>
/// <param name="Values">The initialiser of INT8.</param>
/// <param name="Scales">The scale of each channel.</param>
/// <param name="Body">The body that holds both.</param>
internal sealed record QuantisedWeight(string Values, float[] Scales, OnnxBody Body)
{
    /// <summary>INT8 values around zero with a scale for each channel: <c>greatest magnitude / 127</c> (64 for some hardware), or 1 for a channel of zeros.</summary>
    /// <param name="graph">The model.</param>
    /// <param name="value">The weight.</param>
    /// <param name="channels">How its values share scales.</param>
    /// <param name="exchanged">Rows and columns of the matrices in it, if it is to be stored with these exchanged; none for as it is.</param>
    public static QuantisedWeight Int8(GraphContext graph, OnnxValue value, Channels channels, (int Rows, int Columns)? exchanged = null)
    {
        var tensor = value.Initializer!;
        var weight = WeightStream.Of(graph.Model, tensor);
        float[] scales = [.. WeightScales.Magnitudes(weight, channels, graph.Model.Path, value.Name).Select(magnitude => Scale(magnitude, graph.Request.Hardware.LargestWeight))];
        var key = FormattableString.Invariant($"{value.Name} int8 {channels.Count} {channels.Inner} {exchanged}");
        var name = graph.Once(value.Body, key, () =>
        {
            var content = WeightScales.ToInt8(weight, channels, scales);
            var shape = weight.Shape;
            if (exchanged is var (rows, columns))
            {
                content = WeightScales.Transposed(content, content.Length / ((long)rows * columns), rows, columns);
                (shape[^2], shape[^1]) = (shape[^1], shape[^2]);
            }

            graph.Quantised.Add(new QuantisedTensor(value.Name, DataType.Int8, scales.Max(), 0, channels.Count));
            graph.Replaced(tensor);
            return graph.Add(value.Body, value.Name + "_q", DataType.Int8, shape, content);
        });
        return new QuantisedWeight(name, scales, value.Body);
    }

    /// <summary>An initialiser of the scales.</summary>
    /// <param name="graph">The model.</param>
    /// <param name="shape">Its shape.</param>
    /// <param name="factor">What the scales are multiplied with, if the operator has a factor of its own.</param>
    public string ScaleName(GraphContext graph, ReadOnlySpan<long> shape, float factor = 1)
    {
        var dimensions = shape.ToArray();
        return graph.Once(Body, FormattableString.Invariant($"{Values} scale {string.Join(',', dimensions)} {factor:R}"), () =>
            graph.Add(Body, Values[..^2] + "_s", DataType.Float, dimensions, OnnxContent.Of(MemoryMarshal.AsBytes<float>([.. Scales.Select(scale => scale * factor)]).ToArray())));
    }

    /// <summary>The scale that a greatest magnitude gets.</summary>
    /// <param name="largest">The greatest magnitude.</param>
    /// <param name="integer">The integer that it becomes.</param>
    public static float Scale(float largest, int integer = 127) => largest / integer is var scale and > 0 && float.IsFinite(1 / scale) ? scale : 1;
}
