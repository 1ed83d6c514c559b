using ModelPort.Formats.Onnx;

namespace ModelPort.Onnx.Transforms;

/// <summary>
/// Which operators take half floats, by the format's operator pages (https://onnx.ai/onnx/operators/). ONNX Runtime computes on processors in FP32 what it has no
/// FP16 kernel for, so that what the schemas forbid stands here, and the few that it refuses all the same: a test runs every operator that is left.
/// </summary>
internal static class HalfOperators
{
    // Operators whose type constraints leave FLOAT16 out, and those on sequences, whose element type is part of their type.
    private static readonly HashSet<string> s_none =
    [
        "NonMaxSuppression", "Range", "QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "QLinearConv", "QLinearMatMul", "MatMulInteger", "ConvInteger",
        "TfIdfVectorizer", "ImageDecoder", "MelWeightMatrix", "HannWindow", "HammingWindow", "BlackmanWindow", "DFT", "STFT", "Celu",
        "SequenceConstruct", "SequenceEmpty", "SequenceInsert", "SequenceErase", "SequenceAt", "SequenceLength", "SequenceMap", "SplitToSequence", "ConcatFromSequence",
        "Optional", "OptionalGetElement", "OptionalHasElement",
    ];

    private static readonly HashSet<string> s_microsoft =
        ["Gelu", "FastGelu", "QuickGelu", "BiasGelu", "FusedMatMul", "SkipLayerNormalization", "MatMulNBits", "MultiHeadAttention", "Attention", "GroupQueryAttention"];

    /// <summary>Why a node cannot compute in FP16; empty if it can.</summary>
    public static string ReasonAgainst(NodeProto node, long opset) => Domains.Normal(node.Domain) switch
    {
        Domains.Microsoft when s_microsoft.Contains(node.OpType) => "",
        Domains.Standard when s_none.Contains(node.OpType) => $"{node.OpType} does not take FP16",
        Domains.Standard when node.OpType is "EyeLike" or "MeanVarianceNormalization" || (node.OpType is "ScatterElements" or "ScatterND" && node.GetString("reduction", "none") != "none")
            => $"ONNX Runtime has no {node.OpType} of FP16",
        Domains.Standard when (node.OpType, opset) is ("CumSum", < 14) or ("IsInf", < 20) or ("Equal", < 11) => $"{node.OpType} does not take FP16 in version {opset} of the operators",
        Domains.Standard => "",
        var domain => $"{domain}.{node.OpType} is not known to take FP16",
    };

    /// <summary>Whether an operator reads only the shape of its input, of whatever type.</summary>
    public static bool ReadsShape(NodeProto node) => node.Is("Shape") || node.Is("Size");

    /// <summary>Whether an input of floats stays FP32 also where the operator computes in FP16: scales and regions of a resize.</summary>
    public static bool StaysFloat(NodeProto node, int input) => (node.Is("Resize") || node.Is("Upsample")) && input > 0;

    /// <summary>Whether an output of floats stays FP32: the statistics of a LayerNormalization.</summary>
    public static bool OutputStaysFloat(NodeProto node, int output) => node.Is("LayerNormalization") && output > 0;

    /// <summary>Changes the attributes that name the type of the output.</summary>
    public static void SetType(NodeProto node, OnnxModel model)
    {
        switch (node.OpType)
        {
            case "Cast" when node.GetInt("to", 0) == (long)DataType.Float:
                node.Set("to", (long)DataType.Float16);
                break;
            case "RandomNormal" or "RandomUniform" when node.GetInt("dtype", (long)DataType.Float) == (long)DataType.Float:
            case "RandomNormalLike" or "RandomUniformLike" or "Bernoulli" when node.GetInt("dtype", 0) == (long)DataType.Float:
                node.Set("dtype", (long)DataType.Float16);
                break;
            case "ConstantOfShape" when (node.Find("value")?.T?.DataType ?? DataType.Float) == DataType.Float:
                var value = node.Find("value")?.T is { } tensor ? WeightStream.Of(model, tensor).ToArray()[0] : 0;
                node.Set("value", model.NewTensor("", DataType.Float16, [1], OnnxContent.Of(BitConverter.GetBytes((Half)value))));
                break;
        }
    }
}
