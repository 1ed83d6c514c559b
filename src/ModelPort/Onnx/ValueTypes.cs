using System.Collections.Immutable;
using ModelPort.Engines;
using ModelPort.Engines.OnnxRuntime;
using ModelPort.Formats.Onnx;

namespace ModelPort.Onnx;

/// <summary>
/// Types of values that a file does not state. They are asked of ONNX Runtime, which infers them when it loads a model; what it infers is not in the graphs
/// that it saves, but it tells the type of every output. Only the main graph's values can be asked for.
/// </summary>
public static class ValueTypes
{
    // Larger weights become inputs of the same type while types are asked for, so that they are not written. Smaller ones may be shapes, which are computed with.
    private const long LargeBytes = 1 << 16;

    /// <summary>Notes the types of all values of the main graph in its value_info, as far as ONNX Runtime infers them.</summary>
    /// <param name="model">The model; nothing but its value_info changes.</param>
    /// <param name="scratch">A folder for a temporary file of the graph without its weights.</param>
    /// <returns>The names whose types were added or got dimensions.</returns>
    /// <exception cref="EngineException">ONNX Runtime refuses the model.</exception>
    public static IReadOnlyList<string> Complete(OnnxModel model, string scratch)
    {
        var main = model.Bodies()[0];
        var missing = model.Index().In(main).Where(value => value.Origin == ValueOrigin.Node && IsVague(value.Type)).ToDictionary(value => value.Name, StringComparer.Ordinal);
        if (missing.Count == 0)
        {
            return [];
        }

        List<string> added = [];
        foreach (var port in Ask(model, missing.Keys, scratch))
        {
            if (port.IsTensor && missing.TryGetValue(port.Name, out var value) && !(port.Dimensions.IsEmpty && value.Type is not null))
            {
                foreach (var stale in main.ValueInfo.Where(info => info.Name == port.Name).ToArray())
                {
                    main.ValueInfo.Remove(stale);
                }

                main.ValueInfo.Add(new ValueInfoProto { Name = port.Name, Type = TypeOf(port) });
                added.Add(port.Name);
            }
        }

        return added;
    }

    private static bool IsVague(TypeProto? type) => type is null || (type.ValueCase == TypeProto.ValueOneofCase.TensorType && type.TensorType.Shape is null);

    private static ImmutableArray<OnnxPort> Ask(OnnxModel model, IEnumerable<string> names, string scratch)
    {
        var asked = model.Copy();
        asked.AddOutputs(names);
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

        var path = Path.Combine(scratch, $"types.{Guid.NewGuid():N}.onnx");
        try
        {
            asked.Save(path, Path.GetFileName(path) + ".data");
            using var session = OnnxSession.Open(path, new OnnxSessionOptions { Threads = 1 });
            return session.Outputs;
        }
        finally
        {
            File.Delete(path);
            File.Delete(path + ".data");
        }
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
