using ModelPort.Formats.Onnx;

namespace ModelPort.Onnx.Transforms;

/// <summary>
/// Weights of matrix products in blocks of 4 or 8 bits, each with a scale, for ONNX Runtime's MatMulNBits; values stay float. Every product with a constant matrix
/// on the right is converted; a Gemm becomes the product and an Add.
/// </summary>
internal sealed class BlockTransform(GraphContext graph) : PrecisionTransform(graph, null)
{
    private int Bits => Graph.Request.Precision == OnnxPrecision.INT4 ? 4 : 8;

    private bool IsSymmetric => Bits == 8 || Graph.Request.SymmetricBlocks;

    public override void Decide()
    {
        foreach (var body in Graph.Bodies)
        {
            foreach (var node in body.Nodes.Where(node => node.Is("MatMul") || node.Is("Gemm") || node.Is("Conv") || node.Is("ConvTranspose") || node.Is("LSTM") || node.Is("GRU") || node.Is("RNN")))
            {
                Decisions.Add(new NodeDecision(body, node, ReasonAgainst(body, node)));
            }
        }
    }

    public override void Rewrite()
    {
        foreach (var (body, node, _) in Decisions.Where(decision => decision.Converted))
        {
            Product(body, node);
        }

        GraphContext.Import(Graph.Model, Domains.Microsoft, 1);
    }

    private string ReasonAgainst(OnnxBody body, NodeProto node) => IsKept(node) ? Asked
        : node.OpType is not ("MatMul" or "Gemm") ? $"only matrix products have weights in blocks, not {node.OpType}"
        : Graph.TypeOf(body, node, 0) is not (DataType.Float or DataType.Float16) ? "its input is neither FLOAT nor FLOAT16"
        : Graph.Constant(body, node, 1) is null ? "neither operand is a constant matrix on the right"
        : !Graph.IsWeight(body, node, 1, 2) || Graph.Constant(body, node, 1)!.DataType == DataType.Double ? "its constant operand is no matrix of FLOAT or FLOAT16"
        : "";

    private void Product(OnnxBody body, NodeProto node)
    {
        var gemm = node.Is("Gemm");
        var exchanged = gemm && node.GetInt("transB", 0) != 0;
        var value = Graph.Input(body, node, 1)!;
        var tensor = value.Initializer!;
        var weight = WeightStream.Of(Graph.Model, tensor);
        var (depth, width) = exchanged ? ((int)weight.Shape[1], (int)weight.Shape[0]) : ((int)weight.Shape[0], (int)weight.Shape[1]);
        var blocks = new WeightBlocks(weight, depth, width, exchanged, Graph.Request.BlockSize, Bits, IsSymmetric);

        string Name(string suffix, DataType type, long[] shape, OnnxContent content) =>
            Graph.Once(value.Body, $"{value.Name} {exchanged} {suffix}", () => Graph.Add(value.Body, value.Name + suffix, type, shape, content));
        List<string> inputs = [node.Input[0], Name("_q", DataType.Uint8, [width, blocks.PerColumn, blocks.Bytes], blocks.Codes), Name("_s", tensor.DataType, [(long)width * blocks.PerColumn], blocks.Scales(tensor.DataType))];
        if (!IsSymmetric)
        {
            inputs.Add(Name("_z", DataType.Uint8, [(long)width * blocks.ZeroPointBytes], blocks.ZeroPoints));
        }

        Note(value, tensor, weight, blocks);
        List<NodeProto> nodes = [];
        var output = node.Output[0];
        if (gemm)
        {
            output = Before(node, nodes, inputs, tensor.DataType);
        }

        var level = Graph.Request.AccuracyLevel ?? Graph.Request.Hardware.AccuracyLevel;
        nodes.Insert(nodes.Count > 0 && nodes[0].Is("Transpose") ? 1 : 0, NodeAttributes.Node("MatMulNBits", inputs, [output], node.Name, Domains.Microsoft)
            .Set("K", (long)depth).Set("N", (long)width).Set("bits", (long)Bits).Set("block_size", (long)Graph.Request.BlockSize).Set("accuracy_level", (long)level));
        GraphContext.Replace(body, node, [.. nodes]);
    }

    // What a Gemm is besides the product. Returns the name of the product's own result.
    private string Before(NodeProto node, List<NodeProto> nodes, List<string> inputs, DataType type)
    {
        if (node.GetInt("transA", 0) != 0)
        {
            var turned = Graph.Names.Next(node.Input[0] + "_t");
            nodes.Add(NodeAttributes.Node("Transpose", [node.Input[0]], [turned]).Set("perm", (long[])[1, 0]));
            inputs[0] = turned;
        }

        var (first, last) = ("", node.Output[0]);
        string Scaled(string name, float factor, string output)
        {
            var bytes = type == DataType.Float16 ? BitConverter.GetBytes((Half)factor) : BitConverter.GetBytes(factor);
            nodes.Add(NodeAttributes.Node("Mul", [name, Graph.Shared("factor", type, [], bytes)], [output]));
            return output;
        }

        var bias = node.Input.Count > 2 && node.Input[2].Length > 0 ? node.Input[2] : null;
        if (bias is null && node.GetFloat("alpha", 1) == 1)
        {
            return last;
        }

        first = Graph.Names.Next(last + "_m");
        var product = first;
        if (node.GetFloat("alpha", 1) is var alpha && alpha != 1)
        {
            product = Scaled(first, alpha, bias is null ? last : Graph.Names.Next(last + "_a"));
        }

        if (bias is not null)
        {
            bias = node.GetFloat("beta", 1) is var beta && beta != 1 ? Scaled(bias, beta, Graph.Names.Next(last + "_b")) : bias;
            nodes.Add(NodeAttributes.Node("Add", [product, bias], [last]));
        }

        return first;
    }

    private void Note(OnnxValue value, TensorProto tensor, WeightStream weight, WeightBlocks blocks)
    {
        Graph.Once(value.Body, value.Name + " noted", () =>
        {
            var largest = WeightScales.Magnitudes(weight, Channels.One, Graph.Model.Path, value.Name)[0];
            Graph.Quantised.Add(new QuantisedTensor(value.Name, Bits == 4 ? DataType.Uint4 : DataType.Uint8, largest / (1 << (Bits - 1)), 1 << (Bits - 1), (long)blocks.PerColumn * weight.Count / Math.Max(1, blocks.Depth)));
            return value.Name;
        });
        Graph.Replaced(tensor);
    }
}
