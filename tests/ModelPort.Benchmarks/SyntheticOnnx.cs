using System.Runtime.InteropServices;
using ModelPort.Formats.Onnx;

namespace ModelPort.Benchmarks;

/// <summary>ONNX models with the shapes of real ones and random weights, for figures that need size and structure and not sense.</summary>
internal static class SyntheticOnnx
{
    /// <summary>Tokens of <see cref="Transformer"/>'s input.</summary>
    internal const int Tokens = 128;

    /// <summary>Rows of <see cref="Transformer"/>'s embedding.</summary>
    internal const int Vocabulary = 1000;

    /// <summary>Side of the image that <see cref="Convolutions"/> takes, which has 3 channels.</summary>
    internal const int Side = 56;

    private const int Hidden = 384;
    private const int Heads = 6;
    private const int Layers = 4;
    private const int Classes = 100;

    /// <summary>
    /// A residual network as PyTorch exports it: two blocks each of so many channels, twice and four times as many, with BatchNormalization and He weights; at
    /// <see cref="Side"/> and 64 channels 1.3 billion products a run.
    /// </summary>
    /// <param name="side">Side of the image.</param>
    /// <param name="channels">Channels of the first blocks.</param>
    internal static OnnxModel Convolutions(int side = Side, int channels = 64)
    {
        var g = new OnnxGraphBuilder();
        int count = 0;
        string Convolution(string x, int from, int to, int kernel, int stride)
        {
            string name = $"conv{++count}";
            long pad = kernel / 2;
            string y = g.Node(
                "Conv", [x, g.Normal(name + ".weight", Math.Sqrt(2.0 / (from * kernel * kernel)), to, from, kernel, kernel)],
                ("kernel_shape", new long[] { kernel, kernel }), ("strides", new long[] { stride, stride }), ("pads", new[] { pad, pad, pad, pad }));
            return g.Node("BatchNormalization", [y, g.Even(name + ".scale", 0.5, 1, to), g.Normal(name + ".shift", 0.1, to), g.Normal(name + ".mean", 0.1, to), g.Even(name + ".var", 0.8, 1.2, to)]);
        }

        string Block(string x, int from, int to, int stride)
        {
            string inner = g.Node("Relu", [Convolution(x, from, to, 3, stride)]);
            string sum = g.Node("Add", [Convolution(inner, to, to, 3, 1), stride == 1 && from == to ? x : Convolution(x, from, to, 1, stride)]);
            return g.Node("Relu", [sum]);
        }

        string at = g.Node("Relu", [Convolution(g.Input("image", DataType.Float, 3, side, side), 3, channels, 3, 1)]);
        foreach (var (from, to, stride) in (ReadOnlySpan<(int, int, int)>)[(1, 1, 1), (1, 1, 1), (1, 2, 2), (2, 2, 1), (2, 4, 2), (4, 4, 1)])
        {
            at = Block(at, from * channels, to * channels, stride);
        }

        at = g.Node("Flatten", [g.Node("GlobalAveragePool", [at])], ("axis", 1L));
        g.Output(g.Node("Gemm", [at, g.Normal("head.weight", 1 / Math.Sqrt(4 * channels), Classes, 4 * channels), g.Normal("head.bias", 0.1, Classes)], ("transB", 1L)), "logits", Classes);
        return g.Model;
    }

    /// <summary>An encoder as PyTorch exports it: 4 layers, 384 wide, 6 heads, 128 tokens, an additive mask, Gelu by Erf, LayerNormalization after each sum; 1 billion products a run.</summary>
    internal static OnnxModel Transformer()
    {
        var g = new OnnxGraphBuilder();
        string Linear(string x, string name, int from, int to) =>
            g.Node("Add", [g.Normal(name + ".bias", 0.05, to), g.Node("MatMul", [x, g.Normal(name + ".weight", 1 / Math.Sqrt(from), from, to)])]);
        string Norm(string x, string name) => g.Node("LayerNormalization", [x, g.Even(name + ".weight", 0.8, 1.2, Hidden), g.Normal(name + ".bias", 0.05, Hidden)], ("axis", -1L), ("epsilon", 1e-12f));

        string ids = g.Input("input_ids", DataType.Int64, Tokens);
        string mask = g.Node("Cast", [g.Node("Unsqueeze", [g.Input("attention_mask", DataType.Int64, Tokens), g.Integers("axes", 1, 2)])], ("to", (long)DataType.Float));
        mask = g.Node("Mul", [g.Node("Sub", [g.Scalar("one", 1), mask]), g.Scalar("far", -10000)]);
        string at = Norm(g.Node("Add", [g.Node("Gather", [g.Normal("words", 1, Vocabulary, Hidden), ids]), g.Normal("positions", 0.2, Tokens, Hidden)]), "norm0");
        string heads = g.Integers("heads", 0, 0, Heads, Hidden / Heads);
        string joined = g.Integers("joined", 0, 0, Hidden);
        for (int i = 0; i < Layers; i++)
        {
            string layer = $"layer{i}.";
            string Split(string x, params long[] order) => g.Node("Transpose", [g.Node("Reshape", [x, heads])], ("perm", order));
            string scores = g.Node("MatMul", [Split(Linear(at, layer + "query", Hidden, Hidden), 0, 2, 1, 3), Split(Linear(at, layer + "key", Hidden, Hidden), 0, 2, 3, 1)]);
            scores = g.Node("Add", [g.Node("Div", [scores, g.Scalar(layer + "root", MathF.Sqrt(Hidden / Heads))]), mask]);
            string mixed = g.Node("MatMul", [g.Node("Softmax", [scores], ("axis", -1L)), Split(Linear(at, layer + "value", Hidden, Hidden), 0, 2, 1, 3)]);
            mixed = g.Node("Reshape", [g.Node("Transpose", [mixed], ("perm", new long[] { 0, 2, 1, 3 })), joined]);
            at = Norm(g.Node("Add", [Linear(mixed, layer + "out", Hidden, Hidden), at]), layer + "norm1");
            string wide = Linear(at, layer + "up", Hidden, 4 * Hidden);
            string curve = g.Node("Add", [g.Node("Erf", [g.Node("Div", [wide, g.Scalar(layer + "root2", MathF.Sqrt(2))])]), g.Scalar(layer + "one", 1)]);
            wide = g.Node("Mul", [g.Node("Mul", [wide, curve]), g.Scalar(layer + "half", 0.5f)]);
            at = Norm(g.Node("Add", [Linear(wide, layer + "down", 4 * Hidden, Hidden), at]), layer + "norm2");
        }

        string first = g.Node("Gather", [at, g.Add(g.Model.NewTensor("first", DataType.Int64, [], OnnxContent.Of(new byte[8])))], ("axis", 1L));
        g.Output(g.Node("Gemm", [first, g.Normal("head.weight", 1 / Math.Sqrt(Hidden), Classes, Hidden), g.Normal("head.bias", 0.1, Classes)], ("transB", 1L)), "logits", Classes);
        return g.Model;
    }

    /// <summary>A stack of matrix products, each of 67,108,864 bytes that are made when they are written.</summary>
    /// <param name="layers">How many; 32 and more need a file of their own for the weights.</param>
    internal static OnnxModel Stack(int layers)
    {
        const int Width = 4096;
        var g = new OnnxGraphBuilder();
        string at = g.Input("x", DataType.Float, Width);
        for (int i = 0; i < layers; i++)
        {
            int seed = i;
            var weight = g.Model.NewTensor($"layer{i}.weight", DataType.Float, [Width, Width], OnnxContent.Computed(4L * Width * Width, stream => WriteRows(stream, seed, Width)));
            at = g.Node("Relu", [g.Node("MatMul", [at, g.Add(weight)])]);
        }

        g.Output(at, "y", Width);
        return g.Model;
    }

    private static void WriteRows(Stream stream, int seed, int width)
    {
        var random = new Random(seed);
        var row = new float[width];
        for (int r = 0; r < width; r++)
        {
            for (int i = 0; i < width; i++)
            {
                row[i] = (random.NextSingle() - 0.5f) / 32;
            }

            stream.Write(MemoryMarshal.AsBytes<float>(row));
        }
    }
}
