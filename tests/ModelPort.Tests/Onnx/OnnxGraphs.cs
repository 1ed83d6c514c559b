using System.Runtime.InteropServices;
using ModelPort.Engines.OnnxRuntime;
using ModelPort.Formats.Onnx;
using ModelPort.Onnx;
using ModelPort.Onnx.Calibration;
using ModelPort.Onnx.Transforms;
using ModelPort.Tests.Support;

namespace ModelPort.Tests.Onnx;

/// <summary>Small models for single questions, and runs of them.</summary>
internal static class OnnxGraphs
{
    /// <summary>A float tensor type; -1 is an open dimension.</summary>
    public static TypeProto Floats(params long[] shape)
    {
        var type = OnnxTypes.Tensor(DataType.Float, shape);
        for (var i = 0; i < shape.Length; i++)
        {
            if (shape[i] < 0)
            {
                type.TensorType.Shape.Dim[i] = new DimensionProto { DimParam = $"d{i}" };
            }
        }

        return type;
    }

    /// <summary>A model of one graph with the input x and the output y.</summary>
    public static OnnxModel Of(TypeProto x, TypeProto? y, IEnumerable<NodeProto> nodes, IEnumerable<TensorProto> weights, long opset = 13, long ir = 8)
    {
        ModelProto proto = new() { IrVersion = ir, Graph = Graph(nodes, weights) };
        proto.OpsetImport.Add(new OperatorSetIdProto { Domain = "", Version = opset });
        proto.Graph.Input.Add(new ValueInfoProto { Name = "x", Type = x });
        proto.Graph.Output.Add(new ValueInfoProto { Name = "y", Type = y ?? OnnxTypes.Tensor(DataType.Float) });
        return OnnxModel.Create(proto);
    }

    public static GraphProto Graph(IEnumerable<NodeProto> nodes, IEnumerable<TensorProto> weights)
    {
        GraphProto graph = new() { Name = "g" };
        graph.Node.AddRange(nodes);
        graph.Initializer.AddRange(weights);
        return graph;
    }

    public static NodeProto Node(string operatorType, string inputs, string outputs, params ReadOnlySpan<(string Name, object Value)> attributes)
    {
        var node = NodeAttributes.Node(operatorType, inputs.Split(',', StringSplitOptions.TrimEntries), outputs.Split(',', StringSplitOptions.TrimEntries), operatorType + "_" + outputs.Split(',')[0]);
        foreach (var (name, value) in attributes)
        {
            node.Set(name, value);
        }

        return node;
    }

    public static TensorProto Weight(string name, long[] shape, params float[] values)
    {
        TensorProto tensor = new() { Name = name, DataType = DataType.Float, RawData = Google.Protobuf.ByteString.CopyFrom(MemoryMarshal.AsBytes<float>(values)) };
        tensor.Dims.AddRange(shape);
        return tensor;
    }

    public static TensorProto Integers(string name, params long[] values)
    {
        TensorProto tensor = new() { Name = name, DataType = DataType.Int64, RawData = Google.Protobuf.ByteString.CopyFrom(MemoryMarshal.AsBytes<long>(values)) };
        tensor.Dims.Add(values.Length);
        return tensor;
    }

    /// <summary>Numbers that are the same in every run, about as a trained layer has them.</summary>
    public static float[] Random(int seed, int count, float scale = 1)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => (float)((random.NextDouble() + random.NextDouble() + random.NextDouble() - 1.5) * scale))];
    }

    public static TensorProto RandomWeight(int seed, string name, params long[] shape) =>
        Weight(name, shape, Random(seed, (int)shape.Aggregate(1L, (a, b) => a * b), 0.3f));

    /// <summary>Runs a model on x; the outputs that are asked for, or y.</summary>
    public static IReadOnlyDictionary<string, EngineValue> Run(OnnxModel model, float[] x, long[] shape, GraphOptimization optimization = GraphOptimization.None, string[]? outputs = null)
    {
        using var folder = new TemporaryFolder();
        model.Save(folder["m.onnx"]);
        using var session = OnnxSession.Open(folder["m.onnx"], new OnnxSessionOptions { Optimization = optimization, Threads = 1 });
        return session.Run(new Dictionary<string, EngineValue> { [session.Inputs[0].Name] = EngineTensor.Of<float>(x, shape) }, outputs);
    }

    public static float[] RunY(OnnxModel model, float[] x, long[] shape, GraphOptimization optimization = GraphOptimization.None) =>
        ((EngineTensor)Run(model, x, shape, optimization).Values.First()).As<float>().ToArray();

    /// <summary>The ranges that a plan wants, measured on x and on more of its shape, a run for each.</summary>
    public static Dictionary<string, ValueRange> Measure(OnnxTransformPlan plan, float[] x, long[] shape, params ReadOnlySpan<float[]> more)
    {
        using var model = plan.Model.Copy();
        var input = model.Proto.Graph.Input[0].Name;
        var shown = InnerValues.Show(model, plan.Ranges.Where(name => name != input), ends: true);
        var histograms = plan.Ranges.ToDictionary(name => name, _ => new ValueHistogram());
        foreach (var values in (float[][])[x, .. more])
        {
            var results = Run(model, values, shape);
            foreach (var (name, output, isEnds) in shown)
            {
                var numbers = ((EngineTensor)results[output]).As<float>();
                if (isEnds)
                {
                    histograms[name].Widen(InnerValues.EndsOf(numbers));
                }
                else
                {
                    histograms[name].Widen(numbers);
                }
            }

            histograms.GetValueOrDefault(input)?.Widen(values);
        }

        return histograms.Where(pair => pair.Value.Count > 0).ToDictionary(pair => pair.Key, pair => pair.Value.Range(RangeMethod.MinMax, 0));
    }

    /// <summary>Plans and applies, with ranges measured on these inputs.</summary>
    public static OnnxTransformResult Port(OnnxModel model, OnnxTransformRequest request, float[] x, long[] shape, params ReadOnlySpan<float[]> more)
    {
        var plan = OnnxTransform.Plan(model, request);
        return OnnxTransform.Apply(plan, request.Precision.Ranges == RangeUse.None ? null : Measure(plan, x, shape, more));
    }

    /// <summary>How many nodes of each operator ONNX Runtime makes of a model.</summary>
    public static Dictionary<string, int> Fused(OnnxModel model, GraphOptimization optimization = GraphOptimization.Extended)
    {
        using var folder = new TemporaryFolder();
        model.Save(folder["m.onnx"]);
        OnnxSession.Open(folder["m.onnx"], new OnnxSessionOptions { Optimization = optimization, Threads = 1, OptimizedModelPath = folder["o.onnx"] }).Dispose();
        using var optimized = OnnxModel.Open(folder["o.onnx"]);
        return optimized.Bodies().SelectMany(body => body.Nodes).CountBy(node => node.OpType).ToDictionary();
    }

    public static string Census(IReadOnlyDictionary<string, int> operators) =>
        string.Join(' ', operators.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => $"{pair.Key}:{pair.Value}"));

    /// <summary>The largest difference, as a part of the largest value.</summary>
    public static double Relative(float[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        return expected.Zip(actual, (a, b) => Math.Abs((double)a - b)).Max() / expected.Max(Math.Abs);
    }
}
