using ModelPort.Formats.Onnx;
using ModelPort.Manifests;

namespace ModelPort.Onnx.Rewriting;

/// <summary>Counts the operators that run of a graph that ONNX Runtime rewrote, and finds the nodes that were not fused.</summary>
internal static class OperatorCensus
{
    private const string Cast = "Cast";
    private const string Quantize = "QuantizeLinear";
    private const string Dequantize = "DequantizeLinear";

    // What the runtime calls the conversions that it puts around its own kernels.
    private const string Inserted = "InsertedPrecisionFreeCast_";

    /// <summary>How many nodes of each operator a rewritten graph has, as far as they run: weights are converted to FP32 once, when the level above computes what is constant.</summary>
    public static SortedDictionary<string, int> Running(OnnxModel rewritten)
    {
        var index = rewritten.Index();
        return new(rewritten.Bodies().SelectMany(body => body.Nodes.Where(node => !IsDone(index, body, node))).CountBy(node => ModelCensus.NameOf(node.Domain, node.OpType)).ToDictionary(), StringComparer.Ordinal);
    }

    /// <summary>The nodes of a rewritten graph and its bodies that cost what a precision was to save, by what they do; kinds without nodes are left out.</summary>
    public static IReadOnlyList<UnfusedRecord> Unfused(OnnxModel rewritten)
    {
        var index = rewritten.Index();
        OnnxValue? Value(OnnxBody body, string name) => index.TryResolve(body, name, out var value) ? value : null;
        bool IsDequantised(OnnxBody body, NodeProto node) =>
            node.OpType is not (Quantize or Dequantize) && node.Input.Any(i => Value(body, i) is { Producer: { OpType: Dequantize } });

        bool IsHalf(OnnxBody body, NodeProto node) => node.OpType == Cast && !IsDone(index, body, node)
            && (node.GetInt("to", 0) == (long)DataType.Float16 || node.Name.StartsWith(Inserted, StringComparison.Ordinal) || (Value(body, node.Input[0])?.Type is { } type && OnnxTypes.ElementType(type) == DataType.Float16));
        (string What, Func<OnnxBody, NodeProto, bool> Is)[] kinds =
        [
            ("nodes in float between conversions, as no kernel of integers takes them", IsDequantised),
            ("products of integers that nodes of their own convert and scale, as no fused kernel takes them", (_, node) => node.OpType is "ConvInteger" or "MatMulInteger"),
            ("conversions between floats and integers", (_, node) => node.OpType is Quantize or Dequantize),
            ("conversions between half floats and FP32, in which the processor computes", IsHalf),
        ];
        return
        [
            .. kinds.Select(kind => new UnfusedRecord(kind.What, [.. rewritten.Bodies().SelectMany(body => body.Nodes.Where(node => kind.Is(body, node))).Select(NodeOrder.Label)]))
                .Where(record => record.Nodes.Count > 0),
        ];
    }

    private static bool IsDone(ValueIndex index, OnnxBody body, NodeProto node) =>
        node.OpType == Cast && index.TryResolve(body, node.Input[0], out var value) && value.Origin == ValueOrigin.Initializer;
}
