using ModelPort.Formats.Onnx;

namespace ModelPort.Onnx.Transforms;

/// <summary>
/// Weights that the graph itself cuts and joins before it uses them (exporters put the gates of an LSTM in order so) are put together beforehand, so that they
/// are found as weights. Only operators that move numbers are followed; the bytes are moved when they are needed.
/// </summary>
internal static class ConstantMoves
{
    /// <summary>Replaces nodes of constants by their result, in all graphs; what several bodies make of the same weights in the same way is there once.</summary>
    /// <returns>How many nodes went.</returns>
    public static int Run(OnnxModel model, OnnxTransformRequest request)
    {
        GraphContext graph = new(model, request);
        Dictionary<string, (TensorProto Tensor, OnnxBody Body)> results = new(StringComparer.Ordinal);
        Dictionary<string, (TensorProto Tensor, OnnxBody Body)> made = new(StringComparer.Ordinal);
        var folded = 0;
        foreach (var body in graph.Bodies)
        {
            foreach (var node in body.Nodes.Where(node => Domains.Normal(node.Domain) == Domains.Standard && node.Output.Count == 1 && !body.Outputs.Contains(node.Output[0])).ToList())
            {
                var inputs = node.Input.Select((name, i) => made.TryGetValue(name, out var earlier) ? earlier
                    : graph.Constant(body, node, i) is { } tensor ? (Tensor: tensor, graph.Input(body, node, i)!.Body) : default).ToList();
                var tensors = inputs.ConvertAll<TensorProto?>(input => input.Tensor);
                if (IsTurnedTable(graph, body, node) && (request.Precision == OnnxPrecision.INT4 || request.Precision == OnnxPrecision.INT8Weight))
                {
                    continue;
                }

                if (inputs.Count == 0 || tensors[0] is not { DataType: DataType.Float } || tensors.Zip(node.Input).Any(pair => pair.First is null && pair.Second.Length > 0)
                    || Result(model, node, tensors) is not var (shape, content))
                {
                    continue;
                }

                // Where the innermost of the weights is; the small numbers beside them count by value.
                var home = inputs.Where(input => input.Tensor is { DataType: DataType.Float }).Select(input => input.Body).MaxBy(Depth)!;
                var key = $"{node.OpType} {string.Join(' ', node.Attribute)} {home.Path} {string.Join(' ', tensors.Select(tensor => Identity(model, tensor)))}";
                if (!results.TryGetValue(key, out var result))
                {
                    results[key] = result = (model.NewTensor(node.Output[0], DataType.Float, shape, content), home);
                    home.Graph!.Initializer.Add(result.Tensor);
                }

                made[node.Output[0]] = result;
                graph.Index.TryResolve(body, node.Output[0], out var value);
                foreach (var use in value!.Uses)
                {
                    if (use.Node is { } user)
                    {
                        user.Input[use.Index] = result.Tensor.Name;
                    }
                    else
                    {
                        use.Body.Graph!.Output[use.Index].Name = result.Tensor.Name;
                    }
                }

                made[result.Tensor.Name] = result;
                body.Nodes.Remove(node);
                graph.Replaced(result.Tensor);
                tensors.OfType<TensorProto>().ToList().ForEach(graph.Replaced);
                folded++;
            }
        }

        graph.Finish();
        return folded;
    }

    /// <summary>
    /// Whether a node turns a matrix that rows are looked up in as well: a tied embedding. In blocks both uses read the same bytes, so that it must not become a second weight.
    /// </summary>
    public static bool IsTurnedTable(GraphContext graph, OnnxBody body, NodeProto node) => node.Is("Transpose")
        && graph.Input(body, node, 0) is { Origin: ValueOrigin.Initializer, Initializer.Dims.Count: 2 } table
        && (node.GetInts("perm") is not { } order || order is [1, 0])
        && table.Uses.Any(use => use is { Node: { } reader, Index: 0 } && reader.Is("Gather"));

    private static int Depth(OnnxBody body) => body.Outer is { } outer ? Depth(outer) + 1 : 0;

    private static string Identity(OnnxModel model, TensorProto? tensor) => tensor switch
    {
        null => "-",
        { DataType: DataType.Int64 } => Convert.ToHexString(model.ContentOf(tensor).ToArray()),
        _ => tensor.Name,
    };

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
