using System.Collections.Frozen;
using ModelPort.Formats.Onnx;

namespace ModelPort.Onnx.Opsets;

/// <summary>What an operator needs to mean the same in the next version of its set (https://onnx.ai/onnx/operators, the changes of each operator).</summary>
internal static class OpsetRules
{
    // Between versions 9 and 21 these got new types, or attributes and inputs whose absence means what it meant before.
    private static readonly FrozenSet<string> Unchanged = new[]
    {
        "Abs", "Acos", "Acosh", "Add", "And", "ArgMax", "ArgMin", "Asin", "Asinh", "Atan", "Atanh", "AveragePool", "BitShift", "BlackmanWindow",
        "Cast", "CastLike", "Ceil", "Celu", "Compress", "Concat", "ConcatFromSequence", "Constant", "ConstantOfShape", "Conv", "ConvInteger",
        "ConvTranspose", "Cos", "Cosh", "CumSum", "DepthToSpace", "DequantizeLinear", "Det", "Div", "DynamicQuantizeLinear", "Einsum", "Elu", "Equal",
        "Erf", "Exp", "Expand", "EyeLike", "Flatten", "Floor", "GRU", "Gather", "GatherElements", "GatherND", "Gemm", "GlobalAveragePool",
        "GlobalLpPool", "GlobalMaxPool", "Greater", "GreaterOrEqual", "HammingWindow", "HannWindow", "HardSigmoid", "HardSwish", "Identity", "If",
        "InstanceNormalization", "IsInf", "IsNaN", "LRN", "LSTM", "LayerNormalization", "LeakyRelu", "Less", "LessOrEqual", "Log", "Loop",
        "LpNormalization", "LpPool", "MatMul", "MatMulInteger", "Max", "MaxPool", "MaxUnpool", "Mean", "MeanVarianceNormalization", "MelWeightMatrix",
        "Min", "Mod", "Mul", "Neg", "NegativeLogLikelihoodLoss", "NonMaxSuppression", "NonZero", "Not", "OneHot", "Optional", "OptionalGetElement",
        "OptionalHasElement", "Or", "PRelu", "Pow", "QLinearConv", "QLinearMatMul", "QuantizeLinear", "RNN", "RandomNormal", "RandomNormalLike",
        "RandomUniform", "RandomUniformLike", "Range", "Reciprocal", "Relu", "Reshape", "ReverseSequence", "Round", "Scan", "ScatterElements",
        "ScatterND", "Selu", "SequenceAt", "SequenceConstruct", "SequenceEmpty", "SequenceErase", "SequenceInsert", "SequenceLength", "SequenceMap",
        "Shape", "Shrink", "Sigmoid", "Sign", "Sin", "Sinh", "Size", "SoftmaxCrossEntropyLoss", "Softplus", "Softsign", "SpaceToDepth",
        "SplitToSequence", "Sqrt", "StringNormalizer", "Sub", "Sum", "Tan", "Tanh", "TfIdfVectorizer", "ThresholdedRelu", "Tile", "Transpose",
        "Trilu", "Unique", "Where", "Xor",
    }.ToFrozenSet(StringComparer.Ordinal);

    private static readonly FrozenDictionary<(string Operator, long Version), Action<UpgradeSite>> Changes =
        new Dictionary<(string, long), Action<UpgradeSite>>
        {
            [("Dropout", 10)] = site => site.FailIf(site.Node.Output.Count > 1 && site.Node.Output[1].Length > 0, "its mask is used, which had another type"),
            [("Slice", 10)] = Slice,
            [("TopK", 10)] = site => site.SetInput(1, Moved(site, "k")),
            [("Upsample", 10)] = site => site.Node.OpType = "Resize",
            [("Scatter", 11)] = site => site.Node.OpType = "ScatterElements",
            [("Clip", 11)] = Clip,
            [("Pad", 11)] = Pad,
            [("Dropout", 12)] = Dropout,
            [("Softmax", 13)] = Coerced,
            [("LogSoftmax", 13)] = Coerced,
            [("Hardmax", 13)] = Coerced,
            [("Squeeze", 13)] = site => site.MoveInts("axes", 1),
            [("Unsqueeze", 13)] = site => site.MoveInts("axes", 1),
            [("ReduceSum", 13)] = site => site.MoveInts("axes", 1),
            [("Split", 13)] = site => site.MoveInts("split", 1),
            [("BatchNormalization", 14)] = BatchNormalization,
            [("RoiAlign", 16)] = site => site.Node.Set("coordinate_transformation_mode", "output_half_pixel"),
            [("ReduceL1", 18)] = site => site.MoveInts("axes", 1),
            [("ReduceL2", 18)] = site => site.MoveInts("axes", 1),
            [("ReduceLogSum", 18)] = site => site.MoveInts("axes", 1),
            [("ReduceLogSumExp", 18)] = site => site.MoveInts("axes", 1),
            [("ReduceMax", 18)] = site => site.MoveInts("axes", 1),
            [("ReduceMean", 18)] = site => site.MoveInts("axes", 1),
            [("ReduceMin", 18)] = site => site.MoveInts("axes", 1),
            [("ReduceProd", 18)] = site => site.MoveInts("axes", 1),
            [("ReduceSumSquare", 18)] = site => site.MoveInts("axes", 1),
            [("Split", 18)] = Split,
            [("Resize", 11)] = Resize,
            [("GridSample", 20)] = GridSample,
        }.ToFrozenDictionary();

    private static readonly FrozenSet<string> Changed = Changes.Keys.Select(key => key.Operator).ToFrozenSet(StringComparer.Ordinal);

    public static bool IsKnown(string operatorType) => Unchanged.Contains(operatorType) || Changed.Contains(operatorType);

    /// <summary>The rule for the step to a version, or null where nothing changes.</summary>
    public static Action<UpgradeSite>? Find(string operatorType, long version) => Changes.GetValueOrDefault((operatorType, version));

    private static string Moved(UpgradeSite site, string attribute)
    {
        var value = site.Node.GetInt(attribute, 0);
        site.Node.Remove(attribute);
        return site.Constant([value], 1);
    }

    private static void Slice(UpgradeSite site)
    {
        site.MoveInts("starts", 1);
        site.MoveInts("ends", 2);
        site.MoveInts("axes", 3);
    }

    private static void Clip(UpgradeSite site)
    {
        foreach (var (name, input) in (ReadOnlySpan<(string, int)>)[("min", 1), ("max", 2)])
        {
            if (site.Node.Find(name) is { } bound)
            {
                var value = bound.F;
                site.Node.Remove(name);
                site.SetInput(input, site.Constant(value, site.TypeOf(0)));
            }
        }
    }

    private static void Pad(UpgradeSite site)
    {
        var value = site.Node.GetFloat("value", 0);
        site.Node.Remove("value");
        site.MoveInts("pads", 1);
        if (value != 0)
        {
            site.SetInput(2, site.Constant(value, site.TypeOf(0)));
        }
    }

    // Before version 12 an inference model's Dropout did nothing, whatever its ratio; without the input training_mode it does nothing either.
    private static void Dropout(UpgradeSite site)
    {
        var ratio = site.Node.GetFloat("ratio", 0.5f);
        site.Node.Remove("ratio");
        site.SetInput(1, site.Constant(ratio, site.TypeOf(0)));
    }

    // Up to version 12 the dimensions from an axis on were one; from 13 on the axis alone counts.
    private static void Coerced(UpgradeSite site)
    {
        var axis = site.Node.GetInt("axis", 1);
        if (axis == -1 || site.RankOf(0) == axis + 1)
        {
            site.Node.Set("axis", -1L);
            return;
        }

        var input = site.Node.Input[0];
        var shape = site.Before("Shape", [input]);
        site.Node.Input[0] = site.Before("Flatten", [input], flatten => flatten.Set("axis", axis));
        site.Node.Set("axis", -1L);
        site.After("Reshape", shape);
    }

    private static void BatchNormalization(UpgradeSite site)
    {
        site.FailIf(site.Node.Output.Skip(1).Any(output => output.Length > 0), "its training outputs are used");
        while (site.Node.Output.Count > 1)
        {
            site.Node.Output.RemoveAt(site.Node.Output.Count - 1);
        }
    }

    private static void Split(UpgradeSite site)
    {
        if (site.Node.Input.Count < 2 || site.Node.Input[1].Length == 0)
        {
            site.Node.Set("num_outputs", (long)site.Node.Output.Count);
        }
    }

    // Version 10 scaled positions without an offset, and its second input were the scales. Runtimes took the pixel before where a picture grew, and the
    // pixel after where it shrank; now an attribute says which, for all dimensions.
    private static void Resize(UpgradeSite site)
    {
        site.Node.Set("coordinate_transformation_mode", "asymmetric");
        if (site.Node.GetString("mode", "nearest") == "nearest")
        {
            var factors = site.ConstantOf(1) ?? throw site.Fail("its scales are computed");
            var shrinks = factors.Any(factor => factor < 1);
            site.FailIf(shrinks && factors.Any(factor => factor > 1), "it grows in one dimension and shrinks in another");
            site.Node.Set("nearest_mode", shrinks ? "ceil" : "floor");
        }

        var scales = site.Node.Input[1];
        // Versions 11 and 12 ask for a region, which only another mode uses.
        site.Node.Input[1] = site.Constant(DataType.Float, [0], []);
        site.SetInput(2, scales);
    }

    private static void GridSample(UpgradeSite site)
    {
        if (site.Node.GetString("mode", "bilinear") is ("bilinear" or "bicubic") and var mode)
        {
            site.Node.Set("mode", mode == "bilinear" ? "linear" : "cubic");
        }
    }
}
