using ModelPort.Formats.Onnx;

namespace ModelPort.Onnx.Rewriting;

/// <summary>Counts the operators of graphs, and finds the nodes that should have been fused.</summary>
internal static class OperatorCensus
{
    private const string Quantize = "QuantizeLinear";
    private const string Dequantize = "DequantizeLinear";

    /// <summary>How many nodes of each operator are in all bodies of a model; those of other sets than the standard one have its name before them.</summary>
    public static SortedDictionary<string, int> Of(OnnxModel model) =>
        new(model.Bodies().SelectMany(body => body.Nodes).CountBy(Name).ToDictionary(), StringComparer.Ordinal);

    /// <summary>The nodes of a rewritten graph and its bodies that run in float between DequantizeLinear and QuantizeLinear, as no kernel of integers was found for them.</summary>
    public static IReadOnlyList<string> Unfused(OnnxModel rewritten)
    {
        var index = rewritten.Index();
        bool IsDequantised(OnnxBody body, string name) => index.TryResolve(body, name, out var value) && value.Producer is { OpType: Dequantize };
        return [.. rewritten.Bodies().SelectMany(body => body.Nodes.Where(n => n.OpType is not (Quantize or Dequantize) && n.Input.Any(i => IsDequantised(body, i)))).Select(NodeOrder.Label)];
    }

    private static string Name(NodeProto node) => Domains.Normal(node.Domain) is { Length: > 0 } domain ? $"{domain}.{node.OpType}" : node.OpType;
}
