using ModelPort.Formats.Onnx;

namespace ModelPort.Onnx.Transforms;

/// <summary>
/// Tables that a Gather looks rows up in (embeddings) as INT8 with a scale for each row: <c>Gather, Cast, Gather (of scales), Mul</c>, which every runtime has. Both INT8 precisions of processors
/// make it, for the size alone: a row is a copy and no product.
/// </summary>
internal static class RowLookup
{
    /// <summary>Whether a node looks something up in a table of numbers; a list of them is too small to matter.</summary>
    public static bool IsLookup(GraphContext graph, OnnxBody body, NodeProto node) =>
        node.Is("Gather") && graph.Constant(body, node, 0) is { Dims.Count: > 1 } table && DataTypes.IsFloat(table.DataType);

    /// <summary>Why a table cannot have it; empty if it can.</summary>
    public static string ReasonAgainst(GraphContext graph, OnnxBody body, NodeProto node) =>
        !IsByRows(node) ? "rows are looked up along axis 0"
        : graph.Constant(body, node, 0) is not { Dims.Count: 2, DataType: DataType.Float } table || table.Dims.Any(dimension => dimension <= 0) ? "its table is no matrix of FLOAT"
        : graph.Input(body, node, 0)!.Uses.All(use => use.Node is { } user && user.Is("Gather") && IsByRows(user) && !graph.Request.KeepInFloat.Contains(NodeOrder.Label(user))) ? ""
        : "others read its table too, which would be stored twice";

    /// <summary>Puts the lookup of integers where the other stands.</summary>
    public static void Quantise(GraphContext graph, OnnxBody body, NodeProto node)
    {
        var table = graph.Input(body, node, 0)!;
        var (rows, width) = ((int)table.Initializer!.Dims[0], (int)table.Initializer.Dims[1]);
        var quantised = QuantisedWeight.Int8(graph, table, new Channels(rows, width));
        var output = node.Output[0];
        string integers = graph.Names.Next($"{output}_i"), floats = graph.Names.Next($"{output}_f"), scales = graph.Names.Next($"{output}_s");
        GraphContext.Replace(
            body,
            node,
            NodeAttributes.Node("Gather", [quantised.Values, node.Input[1]], [integers], node.Name),
            NodeAttributes.Node("Cast", [integers], [floats]).Set("to", (long)DataType.Float),
            NodeAttributes.Node("Gather", [quantised.ScaleName(graph, [rows, 1]), node.Input[1]], [scales]),
            NodeAttributes.Node("Mul", [floats, scales], [output]));
    }

    private static bool IsByRows(NodeProto node) => node.GetInt("axis", 0) == 0;
}
