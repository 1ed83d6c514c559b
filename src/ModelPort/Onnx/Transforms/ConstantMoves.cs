using ModelPort.Formats.Onnx;

namespace ModelPort.Onnx.Transforms;

/// <summary>
/// Weights that the graph itself cuts and joins before it uses them (exporters put the gates of an LSTM in order so) are put together beforehand, so that they
/// are found as weights. Only operators that move numbers are followed; the bytes are moved when they are needed.
/// </summary>
internal static class ConstantMoves
{
    /// <summary>Replaces nodes of constants by their result, in all graphs.</summary>
    /// <returns>How many nodes went.</returns>
    public static int Run(OnnxModel model, OnnxTransformRequest request)
    {
        GraphContext graph = new(model, request);
        var folded = 0;
        foreach (var body in graph.Bodies)
        {
            Dictionary<string, TensorProto> made = new(StringComparer.Ordinal);
            foreach (var node in body.Nodes.Where(node => Domains.Normal(node.Domain) == Domains.Standard && node.Output.Count == 1 && !body.Outputs.Contains(node.Output[0])).ToList())
            {
                var inputs = node.Input.Select((name, i) => made.GetValueOrDefault(name) ?? graph.Constant(body, node, i)).ToList();
                if (inputs.Count > 0 && inputs[0] is { DataType: DataType.Float } && inputs.Zip(node.Input).All(pair => pair.First is not null || pair.Second.Length == 0)
                    && Result(model, node, inputs) is var (shape, content))
                {
                    var tensor = made[node.Output[0]] = model.NewTensor(node.Output[0], DataType.Float, shape, content);
                    body.Graph!.Initializer.Add(tensor);
                    body.Nodes.Remove(node);
                    graph.Replaced(tensor);
                    inputs.OfType<TensorProto>().ToList().ForEach(graph.Replaced);
                    folded++;
                }
            }
        }

        graph.Finish();
        return folded;
    }

    private static (long[] Shape, OnnxContent Content)? Result(OnnxModel model, NodeProto node, List<TensorProto?> inputs)
    {
        long[] shape = [.. inputs[0]!.Dims];
        var content = model.ContentOf(inputs[0]!);
        long[]? Integers(int input) => input < inputs.Count && inputs[input] is { DataType: DataType.Int64 } tensor
            ? System.Runtime.InteropServices.MemoryMarshal.Cast<byte, long>(model.ContentOf(tensor).ToArray()).ToArray()
            : null;
        switch (node.OpType)
        {
            case "Identity":
                return (shape, content);
            case "Unsqueeze" when (node.GetInts("axes") ?? Integers(1)) is { } axes:
                List<long> wider = [.. shape];
                foreach (var axis in axes.Select(axis => axis < 0 ? axis + shape.Length + axes.Length : axis).Order())
                {
                    if (axis < 0 || axis > wider.Count)
                    {
                        return null;
                    }

                    wider.Insert((int)axis, 1);
                }

                return ([.. wider], content);
            case "Transpose":
                var order = node.GetInts("perm") ?? [.. Enumerable.Range(0, shape.Length).Select(i => (long)(shape.Length - 1 - i))];
                return order.Length == shape.Length && order.Order().SequenceEqual(Enumerable.Range(0, shape.Length).Select(i => (long)i))
                    ? Strided(content, 0, [.. order.Select(axis => shape[axis])], [.. order.Select(axis => Strides(shape)[axis])])
                    : null;
            case "Slice" when Integers(1) is { } starts && Integers(2) is { } ends && starts.Length == ends.Length:
                return Slice(content, shape, starts, ends, inputs.Count > 3 && inputs[3] is not null ? Integers(3) : [.. Enumerable.Range(0, starts.Length).Select(i => (long)i)], inputs.Count > 4 && inputs[4] is not null ? Integers(4) : null);
            case "Concat" when inputs.All(input => input is { DataType: DataType.Float } && input.Dims.Count == shape.Length):
                return Concat(model, inputs.OfType<TensorProto>().ToList(), node.GetInt("axis", 0));
            default:
                return null;
        }
    }

    private static (long[], OnnxContent)? Slice(OnnxContent content, long[] shape, long[] starts, long[] ends, long[]? axes, long[]? steps)
    {
        if (axes is null || axes.Length != starts.Length || (steps is not null && steps.Any(step => step != 1)))
        {
            return null;
        }

        var strides = Strides(shape);
        var offset = 0L;
        long[] result = [.. shape];
        for (var i = 0; i < axes.Length; i++)
        {
            var axis = axes[i] < 0 ? axes[i] + shape.Length : axes[i];
            if (axis < 0 || axis >= shape.Length)
            {
                return null;
            }

            long At(long position) => Math.Clamp(position < 0 ? position + shape[axis] : position, 0, shape[axis]);
            result[axis] = Math.Max(0, At(ends[i]) - At(starts[i]));
            offset += At(starts[i]) * strides[axis];
        }

        return result.Contains(0) ? null : Strided(content, offset, result, strides);
    }

    private static (long[], OnnxContent)? Concat(OnnxModel model, List<TensorProto> parts, long axis)
    {
        long[] shape = [.. parts[0].Dims];
        axis = axis < 0 ? axis + shape.Length : axis;
        if (axis < 0 || axis >= shape.Length || parts.Any(part => Enumerable.Range(0, shape.Length).Any(i => i != axis && part.Dims[i] != shape[i])))
        {
            return null;
        }

        var outer = shape[..(int)axis].Aggregate(1L, (product, dimension) => product * dimension);
        shape[axis] = parts.Sum(part => part.Dims[(int)axis]);
        var contents = parts.ConvertAll(model.ContentOf);
        return (shape, OnnxContent.Computed(contents.Sum(content => content.Length), stream =>
        {
            var bytes = contents.ConvertAll(content => content.ToArray());
            for (var i = 0; i < outer; i++)
            {
                bytes.ForEach(part => stream.Write(part.AsSpan((int)(i * (part.Length / outer)), (int)(part.Length / outer))));
            }
        }));
    }

    private static long[] Strides(long[] shape)
    {
        var strides = new long[shape.Length];
        for (var (i, stride) = (shape.Length - 1, 1L); i >= 0; stride *= shape[i--])
        {
            strides[i] = stride;
        }

        return strides;
    }

    // Singles at offset + the sum of index x stride, the last index fastest.
    private static (long[], OnnxContent) Strided(OnnxContent content, long offset, long[] shape, long[] strides)
    {
        var count = shape.Aggregate(1L, (product, dimension) => product * dimension);
        return (shape, OnnxContent.Computed(4 * count, stream =>
        {
            var bytes = content.ToArray();
            var index = new long[shape.Length];
            for (var (i, at) = (0L, offset); i < count; i++)
            {
                stream.Write(bytes.AsSpan((int)(4 * at), 4));
                for (var axis = shape.Length - 1; axis >= 0; axis--)
                {
                    at += strides[axis];
                    if (++index[axis] < shape[axis])
                    {
                        break;
                    }

                    at -= strides[axis] * shape[axis];
                    index[axis] = 0;
                }
            }
        }));
    }
}
