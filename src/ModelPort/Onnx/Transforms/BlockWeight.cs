using ModelPort.Formats.Onnx;

namespace ModelPort.Onnx.Transforms;

/// <summary>
/// A matrix as blocks along what a product sums over, which is along its rows for a lookup too: what MatMulNBits multiplies with and GatherBlockQuantized looks up are the same bytes in other shapes.
/// </summary>
/// <param name="Value">The weight.</param>
/// <param name="IsExchanged">Whether it is stored with a row for each result of a product; a table that rows are looked up in is.</param>
internal sealed record BlockWeight(OnnxValue Value, bool IsExchanged)
{
    // Of ONNX Runtime's kernels.
    private const int SmallestBlock = 16;

    /// <summary>What a product sums over; the width of a table's rows.</summary>
    public int Depth => (int)Value.Initializer!.Dims[IsExchanged ? 1 : 0];

    /// <summary>Results of a product; rows of a table.</summary>
    public int Width => (int)Value.Initializer!.Dims[IsExchanged ? 0 : 1];

    /// <summary>Values of a block. A lookup wants whole blocks in a row, so that those of a table may be smaller than asked for; 0 if none fits.</summary>
    /// <param name="asked">The size that is asked for.</param>
    /// <param name="isTable">Whether lookups read it.</param>
    public int BlockSize(int asked, bool isTable)
    {
        while (isTable && asked >= SmallestBlock && Depth % asked != 0)
        {
            asked /= 2;
        }

        return asked >= SmallestBlock ? asked : 0;
    }

    /// <summary>The blocks, and the names of what is stored of them.</summary>
    /// <param name="graph">The model.</param>
    /// <param name="bits">4 or 8.</param>
    /// <param name="isSymmetric">Whether blocks have no zero point.</param>
    /// <param name="isMultiplied">Whether products read it, which want blocks as a dimension.</param>
    /// <param name="isTable">Whether lookups read it, which want scales and zero points by rows; products take both forms, but did not always.</param>
    public StoredBlocks Store(GraphContext graph, int bits, bool isSymmetric, bool isMultiplied, bool isTable)
    {
        var tensor = Value.Initializer!;
        var weight = WeightStream.Of(graph.Model, tensor);
        var blocks = new WeightBlocks(weight, Depth, Width, IsExchanged, BlockSize(graph.Request.BlockSize, isTable), bits, isSymmetric);
        string Name(string suffix, DataType type, long[] shape, OnnxContent content) =>
            graph.Once(Value.Body, $"{Value.Name} {IsExchanged} {suffix}", () => graph.Add(Value.Body, Value.Name + suffix, type, shape, content));
        long[] codes = isMultiplied ? [Width, blocks.PerColumn, blocks.Bytes] : [Width, (long)blocks.PerColumn * blocks.Bytes];
        long[] Steps(int perRow) => isTable ? [Width, perRow] : [(long)Width * perRow];
        var stored = new StoredBlocks(
            Name("_q", DataType.Uint8, codes, blocks.Codes),
            Name("_s", tensor.DataType, Steps(blocks.PerColumn), blocks.Scales(tensor.DataType)),
            isSymmetric ? null : Name("_z", DataType.Uint8, Steps(blocks.ZeroPointBytes), blocks.ZeroPoints),
            [Width, (long)blocks.PerColumn * blocks.Bytes]);
        graph.Once(Value.Body, Value.Name + " noted", () =>
        {
            var largest = WeightScales.Magnitudes(weight, Channels.One, graph.Model.Path, Value.Name)[0];
            graph.Quantised.Add(new QuantisedTensor(Value.Name, bits == 4 ? DataType.Uint4 : DataType.Uint8, largest / (1 << (bits - 1)), 1 << (bits - 1), (long)blocks.PerColumn * weight.Count / Math.Max(1, blocks.Depth)));
            return Value.Name;
        });
        graph.Replaced(tensor);
        return stored;
    }
}

/// <summary>Names of what is stored of a weight in blocks.</summary>
/// <param name="Codes">The codes, UINT8 [rows, blocks of a row, bytes of a block], or [rows, bytes of a row] of a table.</param>
/// <param name="Scales">The scale of each block, [rows, blocks of a row] of a table and in one row of others.</param>
/// <param name="ZeroPoints">The packed zero points, likewise; null where the middle code is zero.</param>
/// <param name="TableShape">The shape of the codes as a table.</param>
internal sealed record StoredBlocks(string Codes, string Scales, string? ZeroPoints, long[] TableShape)
{
    /// <summary>Scales and zero points as the last inputs of a node.</summary>
    public IEnumerable<string> Steps => ZeroPoints is null ? [Scales] : [Scales, ZeroPoints];
}
