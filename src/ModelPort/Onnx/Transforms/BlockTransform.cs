using System.Runtime.InteropServices;
using ModelPort.Formats.Onnx;

namespace ModelPort.Onnx.Transforms;

/// <summary>
/// Weights of matrix products in blocks of 4 or 8 bits, each with a scale, for ONNX Runtime's MatMulNBits; values stay float. Every product with a constant matrix
/// on the right is converted; a Gemm becomes the product and an Add. Tables that a Gather looks rows up in (embeddings) are stored the same way for
/// GatherBlockQuantized, and once where a product multiplies with the table too.
/// </summary>
internal sealed class BlockTransform(GraphContext graph) : PrecisionTransform(graph, null)
{
    private readonly HashSet<OnnxValue> multiplied = new(ReferenceEqualityComparer.Instance);
    private readonly HashSet<OnnxValue> tables = new(ReferenceEqualityComparer.Instance);

    private int Bits => Graph.Request.Precision == OnnxPrecision.INT4 ? 4 : 8;

    private bool IsSymmetric => Bits == 8 || Graph.Request.SymmetricBlocks;

    public override void Decide()
    {
        foreach (var body in Graph.Bodies)
        {
            foreach (var node in body.Nodes.Where(node => IsProduct(node) || RowLookup.IsLookup(Graph, body, node) || node.Is("Conv") || node.Is("ConvTranspose") || node.Is("LSTM") || node.Is("GRU") || node.Is("RNN")))
            {
                var decision = new NodeDecision(body, node, ReasonAgainst(body, node));
                Decisions.Add(decision);
                if (decision.Converted && IsProduct(node) && Weight(body, node) is { IsExchanged: true } weight)
                {
                    multiplied.Add(weight.Value);
                }
                else if (decision.Converted && node.Is("Gather"))
                {
                    tables.Add(Graph.Input(body, node, 0)!);
                }
            }
        }
    }

    public override void Rewrite()
    {
        foreach (var (body, node, _) in Decisions.Where(decision => decision.Converted))
        {
            if (node.Is("Gather"))
            {
                Lookup(body, node);
            }
            else
            {
                Product(body, node);
            }
        }

        GraphContext.Import(Graph.Model, Domains.Microsoft, 1);
    }

    private static bool IsProduct(NodeProto node) => node.Is("MatMul") || node.Is("Gemm");

    private string ReasonAgainst(OnnxBody body, NodeProto node) => IsKept(node) ? Asked
        : node.Is("Gather") ? ReasonAgainstLookup(node, new BlockWeight(Graph.Input(body, node, 0)!, true))
        : !IsProduct(node) ? $"only matrix products have weights in blocks, not {node.OpType}"
        : Graph.TypeOf(body, node, 0) is not (DataType.Float or DataType.Float16) ? "its input is neither FLOAT nor FLOAT16"
        : Weight(body, node) is not { } weight ? Graph.Sparse(body, node, 1) ?? "neither operand is a constant matrix on the right"
        : IsMatrix(weight.Value.Initializer!) ? ""
        : "its constant operand is no matrix of FLOAT or FLOAT16";

    private string ReasonAgainstLookup(NodeProto node, BlockWeight table) =>
        !Graph.Request.Hardware.IsProcessor ? $"there is no Gather of blocks for {Graph.Request.Hardware}"
        : node.GetInt("axis", 0) != 0 ? "blocks are looked up by rows, along axis 0"
        : !IsMatrix(table.Value.Initializer!) ? "its table is no matrix of FLOAT or FLOAT16"
        : table.BlockSize(Graph.Request.BlockSize, true) == 0 ? FormattableString.Invariant($"its rows of {table.Depth} values are no whole number of blocks")
        : "";

    private static bool IsMatrix(TensorProto tensor) => tensor.Dims.Count == 2 && tensor.DataType is DataType.Float or DataType.Float16 && tensor.Dims.All(dimension => dimension > 0);

    // The constant that a product multiplies with: as it stands, or turned by a node that the table of a lookup was left for.
    private BlockWeight? Weight(OnnxBody body, NodeProto node)
    {
        var exchanged = node.Is("Gemm") && node.GetInt("transB", 0) != 0;
        return Graph.Input(body, node, 1) switch
        {
            { Origin: ValueOrigin.Initializer, Initializer: not null } constant => new BlockWeight(constant, exchanged),
            { Producer: { } turn } turned when ConstantMoves.IsTurnedTable(Graph, turned.Body, turn) => new BlockWeight(Graph.Input(turned.Body, turn, 0)!, !exchanged),
            _ => null,
        };
    }

    private void Lookup(OnnxBody body, NodeProto node)
    {
        var table = new BlockWeight(Graph.Input(body, node, 0)!, true);
        var shared = multiplied.Contains(table.Value);
        var stored = table.Store(Graph, Bits, IsSymmetric, shared, isTable: true);
        var codes = shared ? Graph.Once(body, stored.Codes + " table", () => Flattened(body, stored)) : stored.Codes;
        GraphContext.Replace(body, node, NodeAttributes.Node("GatherBlockQuantized", [codes, node.Input[1], .. stored.Steps], node.Output, node.Name, Domains.Microsoft)
            .Set("gather_axis", 0L).Set("quantize_axis", 1L).Set("bits", (long)Bits).Set("block_size", (long)table.BlockSize(Graph.Request.BlockSize, true)));
    }

    private string Flattened(OnnxBody body, StoredBlocks stored)
    {
        var name = Graph.Names.Next(stored.Codes + "_rows");
        body.Nodes.Add(NodeAttributes.Node("Reshape", [stored.Codes, Graph.Shared("shape", DataType.Int64, [2], MemoryMarshal.AsBytes<long>(stored.TableShape))], [name]));
        return name;
    }

    private void Product(OnnxBody body, NodeProto node)
    {
        var weight = Weight(body, node)!;
        var type = weight.Value.Initializer!.DataType;
        var isTable = weight.IsExchanged && tables.Contains(weight.Value);
        var stored = weight.Store(Graph, Bits, IsSymmetric, isMultiplied: true, isTable);
        List<string> inputs = [node.Input[0], stored.Codes, .. stored.Steps];
        List<NodeProto> nodes = [];
        var output = node.Output[0];
        if (node.Is("Gemm"))
        {
            output = Before(node, nodes, inputs, type);
        }

        if (Graph.Input(body, node, 1) is { Producer: { } turn } turned)
        {
            // What turned the table for this product turns it for nobody now.
            node.Input[1] = "";
            if (turned.Uses.All(use => use.Node is { } user && (use.Index >= user.Input.Count || user.Input[use.Index].Length == 0)))
            {
                turned.Body.Nodes.Remove(turn);
            }
        }

        var level = Graph.Request.AccuracyLevel ?? Graph.Request.Hardware.AccuracyLevel;
        nodes.Insert(nodes.Count > 0 && nodes[0].Is("Transpose") ? 1 : 0, NodeAttributes.Node("MatMulNBits", inputs, [output], node.Name, Domains.Microsoft)
            .Set("K", (long)weight.Depth).Set("N", (long)weight.Width).Set("bits", (long)Bits).Set("block_size", (long)weight.BlockSize(Graph.Request.BlockSize, isTable)).Set("accuracy_level", (long)level));
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
}
