using System.Runtime.InteropServices;
using ModelPort.Formats.Onnx;

namespace ModelPort.Onnx.Transforms;

/// <summary>
/// Merges a BatchNormalization into the convolution before it: filters times <c>scale / sqrt(variance + epsilon)</c>, and a bias. Without it the steps of
/// quantised values would be chosen for numbers that the next node changes by other factors for each channel.
/// </summary>
internal static class BatchNormalizationMerge
{
    /// <summary>Merges where everything is constant and nobody else reads the convolution's result.</summary>
    /// <returns>How many were merged.</returns>
    public static int Run(OnnxModel model, OnnxTransformRequest request)
    {
        GraphContext graph = new(model, request);
        var merged = 0;
        foreach (var body in graph.Bodies)
        {
            foreach (var node in body.Nodes.Where(node => node.Is("BatchNormalization")).ToList())
            {
                if (!request.KeepInFloat.Contains(NodeOrder.Label(node))
                    && graph.Input(body, node, 0) is { Producer: { } convolution, Uses.Count: 1 } && convolution.Is("Conv") && body.Nodes.Contains(convolution)
                    && Merge(graph, body, convolution, node))
                {
                    merged++;
                }
            }
        }

        graph.Finish();
        return merged;
    }

    private static bool Merge(GraphContext graph, OnnxBody body, NodeProto convolution, NodeProto normalization)
    {
        var parameters = Enumerable.Range(1, 4).Select(i => graph.Constant(body, normalization, i)).OfType<TensorProto>().ToList();
        if (graph.Input(body, convolution, 1) is not { Uses.Count: 1, Origin: ValueOrigin.Initializer, Initializer: { DataType: DataType.Float, Dims.Count: >= 3 } filter }
            || parameters.Count < 4 || parameters.Any(tensor => tensor.DataType != DataType.Float)
            || normalization.GetInt("training_mode", 0) != 0 || normalization.Output.Skip(1).Any(name => name.Length > 0)
            || (convolution.Input.Count > 2 && convolution.Input[2].Length > 0 && graph.Constant(body, convolution, 2) is not { DataType: DataType.Float }))
        {
            return false;
        }

        var values = parameters.ConvertAll(tensor => WeightStream.Of(graph.Model, tensor).ToArray());
        var epsilon = normalization.GetFloat("epsilon", 1e-5f);
        float[] factors = [.. values[0].Zip(values[3], (scale, variance) => (float)(scale / Math.Sqrt((double)variance + epsilon)))];
        if (factors.Length != filter.Dims[0] || values.Any(value => value.Length != factors.Length) || !factors.All(float.IsFinite))
        {
            return false;
        }

        var before = graph.Constant(body, convolution, 2) is { } given ? WeightStream.Of(graph.Model, given).ToArray() : new float[factors.Length];
        float[] bias = [.. before.Select((b, i) => (float)((((double)b - values[2][i]) * factors[i]) + values[1][i]))];
        var at = graph.Input(body, convolution, 1)!.Body;
        var stream = WeightStream.Of(graph.Model, filter);
        var name = graph.Add(at, convolution.Input[1] + "_bn", DataType.Float, stream.Shape, Scaled(stream, factors));
        var biasName = graph.Add(at, convolution.Input[1] + "_bias", [bias.Length], bias);
        graph.Replaced(filter);
        parameters.ForEach(graph.Replaced);
        if (graph.Constant(body, convolution, 2) is { } old)
        {
            graph.Replaced(old);
            convolution.Input.RemoveAt(2);
        }

        while (convolution.Input.Count > 2)
        {
            convolution.Input.RemoveAt(2);
        }

        convolution.Input[1] = name;
        convolution.Input.Add(biasName);
        convolution.Output[0] = normalization.Output[0];
        body.Nodes.Remove(normalization);
        return true;
    }

    private static OnnxContent Scaled(WeightStream filter, float[] factors) => OnnxContent.Computed(filter.Content.Length, stream =>
    {
        var channels = Channels.Along(filter.Shape, 0);
        var scaled = new float[1 << 14];
        filter.Visit((values, first) =>
        {
            for (var i = 0; i < values.Length;)
            {
                var (channel, run) = channels.At(first + i, values.Length - i);
                for (var end = i + run; i < end; i++)
                {
                    scaled[i] = values[i] * factors[channel];
                }
            }

            stream.Write(MemoryMarshal.AsBytes(scaled.AsSpan(0, values.Length)));
        });
    });
}
