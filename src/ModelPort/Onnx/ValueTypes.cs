using System.Collections.Immutable;
using ModelPort.Engines;
using ModelPort.Engines.OnnxRuntime;
using ModelPort.Formats.Onnx;

namespace ModelPort.Onnx;

/// <summary>
/// Types of values that a file does not state. They are asked of ONNX Runtime, which infers them when it loads a model: what it infers is not in the graphs
/// that it saves, but it tells the type of every output. A subgraph is asked as a model of its own, whose inputs are the values that it takes from outside.
/// Functions have no types of their own: each call gives them others.
/// </summary>
public static class ValueTypes
{
    // Larger weights become inputs of the same type while types are asked for, so that they are not written. Smaller ones may be shapes, which are computed with.
    private const long LargeBytes = 1 << 16;

    /// <summary>Notes the types of all values of the main graph and of its subgraphs in their value_info, as far as ONNX Runtime infers them.</summary>
    /// <param name="model">The model; nothing but value_info changes.</param>
    /// <param name="scratch">A folder for temporary files of the graphs without their weights.</param>
    /// <returns>The values whose types were added or got dimensions.</returns>
    /// <exception cref="EngineException">ONNX Runtime refuses the model. A subgraph that it refuses by itself is left without types.</exception>
    public static IReadOnlyList<(OnnxBody Body, string Name)> Complete(OnnxModel model, string scratch)
    {
        List<(OnnxBody, string)> added = [];
        foreach (var body in model.Bodies().Where(IsTyped))
        {
            var index = model.Index();
            var missing = index.In(body).Where(value => value.Origin == ValueOrigin.Node && IsVague(value.Type)).ToDictionary(value => value.Name, StringComparer.Ordinal);
            if (missing.Count == 0)
            {
                continue;
            }

            foreach (var port in Ask(model, index, body, missing.Keys, scratch))
            {
                if (port.IsTensor && missing.TryGetValue(port.Name, out var value) && !(port.Dimensions.IsEmpty && value.Type is not null))
                {
                    Note(body, port);
                    added.Add((body, port.Name));
                }
            }
        }

        return added;
    }

    private static bool IsTyped(OnnxBody body) => body.Kind == BodyKind.Main || (body is { Kind: BodyKind.Subgraph, Outer: { } outer } && IsTyped(outer));

    private static bool IsVague(TypeProto? type) => type is null || (type.ValueCase == TypeProto.ValueOneofCase.TensorType && type.TensorType.Shape is null);

    private static ImmutableArray<OnnxPort> Ask(OnnxModel model, ValueIndex index, OnnxBody body, IEnumerable<string> names, string scratch)
    {
        var asked = model.Copy();
        if (body.Kind == BodyKind.Subgraph)
        {
            asked.Proto.Graph = Alone(index, body);
        }

        asked.AddOutputs(names);
        LeaveOutWeights(asked);
        var path = Path.Combine(scratch, $"types.{Guid.NewGuid():N}.onnx");
        try
        {
            asked.Save(path, Path.GetFileName(path) + ".data");
            using var session = OnnxSession.Open(path, new OnnxSessionOptions { Threads = 1 });
            return session.Outputs;
        }
        catch (EngineException e) when (body.Kind == BodyKind.Subgraph && e.Fault is EngineFault.ModelRefused or EngineFault.OperatorUnsupported)
        {
            return [];
        }
        finally
        {
            File.Delete(path);
            File.Delete(path + ".data");
        }
    }

    // A subgraph as a model's graph: what it and its own subgraphs take from outside comes in as inputs, or as the constants that it is.
    private static GraphProto Alone(ValueIndex index, OnnxBody body)
    {
        var graph = body.Graph!.Clone();
        var inside = index.Bodies.Where(other => IsInside(other, body)).ToHashSet();
        foreach (var value in index.Bodies.Where(other => !inside.Contains(other)).SelectMany(index.In).Where(value => value.Uses.Any(use => inside.Contains(use.Body))))
        {
            if (value is { Origin: ValueOrigin.Initializer, Initializer: { } constant })
            {
                graph.Initializer.Add(constant.Clone());
            }
            else if (value.Producer is { } producer && producer.Is("Constant"))
            {
                graph.Node.Insert(0, producer.Clone());
            }
            else
            {
                graph.Input.Add(new ValueInfoProto { Name = value.Name, Type = value.Type?.Clone() });
            }
        }

        return graph;
    }

    private static bool IsInside(OnnxBody body, OnnxBody outer)
    {
        for (var at = body; at is not null; at = at.Outer)
        {
            if (at.Equals(outer))
            {
                return true;
            }
        }

        return false;
    }

    private static void LeaveOutWeights(OnnxModel asked)
    {
        var graph = asked.Proto.Graph;
        var inputs = graph.Input.Select(input => input.Name).ToHashSet(StringComparer.Ordinal);
        foreach (var weight in asked.Weights().Where(weight => weight is { Place: WeightPlace.Initializer, Body.Kind: BodyKind.Main, ByteLength: >= LargeBytes }).ToArray())
        {
            graph.Initializer.Remove(weight.Tensor);
            if (inputs.Add(weight.Name))
            {
                graph.Input.Add(new ValueInfoProto { Name = weight.Name, Type = OnnxTypes.Tensor(weight.Type, weight.Shape.AsSpan()) });
            }
        }
    }

    private static void Note(OnnxBody body, OnnxPort port)
    {
        foreach (var stale in body.ValueInfo.Where(info => info.Name == port.Name).ToArray())
        {
            body.ValueInfo.Remove(stale);
        }

        body.ValueInfo.Add(new ValueInfoProto { Name = port.Name, Type = TypeOf(port) });
    }

    // Without dimensions a port may be a scalar or of unknown rank: then nothing is said about them.
    private static TypeProto TypeOf(OnnxPort port)
    {
        var type = OnnxTypes.Tensor((DataType)port.Type);
        if (!port.Dimensions.IsEmpty)
        {
            type.TensorType.Shape = new TensorShapeProto();
            type.TensorType.Shape.Dim.AddRange(port.Dimensions.Zip(port.DimensionNames, (size, name) => size >= 0 ? new DimensionProto { DimValue = size }
                : name.Length > 0 ? new DimensionProto { DimParam = name }
                : new DimensionProto()));
        }

        return type;
    }
}
