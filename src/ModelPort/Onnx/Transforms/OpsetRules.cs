using ModelPort.Formats.Onnx;

namespace ModelPort.Onnx.Transforms;

/// <summary>
/// What changed in the standard operators between versions 6 and 21, from their change log (https://github.com/onnx/onnx/blob/main/docs/Changelog.md): rules where a node must
/// be written otherwise, and the operators whose newer versions only take more types or more optional attributes.
/// </summary>
internal static class OpsetRules
{
    private static readonly string[] s_broadcasting = ["Add", "Sub", "Mul", "Div", "Pow", "And", "Or", "Xor", "Equal", "Less", "Greater"];

    private static readonly string[] s_reductions = ["ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSumSquare"];

    // A rule is applied to nodes that come from below its version and go to it or above, in the order of versions.
    private static readonly (string Operator, long Version, Action<UpgradeStep> Rewrite)[] s_rules =
    [
        .. s_broadcasting.Select(name => (name, 7L, (Action<UpgradeStep>)Broadcast)),
        ("Gemm", 7, step => step.Remove("broadcast")),
        ("PRelu", 7, Slope),
        ("Dropout", 7, step => step.Remove("is_test")),
        ("BatchNormalization", 7, step => step.Remove("is_test")),
        .. ((string[])["LSTM", "GRU", "RNN"]).Select(name => (name, 7L, (Action<UpgradeStep>)(step => step.Remove("output_sequence")))),
        ("Upsample", 7, step => throw step.Error("Upsample of version 6 named its scales otherwise")),
        ("Scan", 9, step => throw step.Error("Scan of version 8 has a batch dimension")),
        ("BatchNormalization", 9, Spatial),
        ("Upsample", 10, UpsampleToResize),
        ("Slice", 10, Slice),
        ("TopK", 10, TopK),
        ("Clip", 11, Clip),
        ("Pad", 11, Pad),
        ("Resize", 11, step => AsVersion11(step, 1)),
        ("Scatter", 11, step => step.Node.OpType = "ScatterElements"),
        ("Dropout", 12, Dropout),
        .. ((string[])["Softmax", "LogSoftmax", "Hardmax"]).Select(name => (name, 13L, (Action<UpgradeStep>)Softmax)),
        .. ((string[])["Squeeze", "Unsqueeze", "ReduceSum"]).Select(name => (name, 13L, (Action<UpgradeStep>)(step => step.ToInput("axes", 1)))),
        ("Split", 13, step => step.ToInput("split", 1)),
        ("Resize", 13, Resize13),
        ("BatchNormalization", 14, Statistics),
        ("RoiAlign", 16, RoiAlign),
        .. s_reductions.Select(name => (name, 18L, (Action<UpgradeStep>)(step => step.ToInput("axes", 1)))),
        ("Split", 18, Split18),
        ("DFT", 20, step => throw step.Error("the axis of DFT became an input")),
        ("GridSample", 20, GridSample),
        ("GroupNormalization", 21, step => throw step.Error("GroupNormalization of version 18 has a scale for each group, and that of 21 for each channel")),
    ];

    // Operators without a rule, or with none but those above, that mean the same in every version from 6 (or from their first) to 21.
    private static readonly HashSet<string> s_same =
    [
        "Abs", "Acos", "Acosh", "Add", "AffineGrid", "And", "ArgMax", "ArgMin", "Asin", "Asinh", "Atan", "Atanh", "AveragePool", "BatchNormalization", "Bernoulli", "BitShift", "BitwiseAnd",
        "BitwiseNot", "BitwiseOr", "BitwiseXor", "BlackmanWindow", "Cast", "CastLike", "Ceil", "Celu", "CenterCropPad", "Clip", "Col2Im", "Compress", "Concat", "ConcatFromSequence", "Constant",
        "ConstantOfShape", "Conv", "ConvInteger", "ConvTranspose", "Cos", "Cosh", "CumSum", "DFT", "DeformConv", "DepthToSpace", "DequantizeLinear", "Det", "Div", "Dropout", "DynamicQuantizeLinear",
        "Einsum", "Elu", "Equal", "Erf", "Exp", "Expand", "EyeLike", "Flatten", "Floor", "GRU", "Gather", "GatherElements", "GatherND", "Gelu", "Gemm", "GlobalAveragePool", "GlobalLpPool",
        "GlobalMaxPool", "Greater", "GreaterOrEqual", "GridSample", "GroupNormalization", "HammingWindow", "HannWindow", "HardSigmoid", "HardSwish", "Hardmax", "Identity", "If", "ImageDecoder",
        "InstanceNormalization", "IsInf", "IsNaN", "LRN", "LSTM", "LayerNormalization", "LeakyRelu", "Less", "LessOrEqual", "Log", "LogSoftmax", "Loop", "LpNormalization", "LpPool", "MatMul",
        "MatMulInteger", "Max", "MaxPool", "MaxRoiPool", "MaxUnpool", "Mean", "MeanVarianceNormalization", "MelWeightMatrix", "Min", "Mish", "Mod", "Mul", "Multinomial", "Neg", "NegativeLogLikelihoodLoss",
        "NonMaxSuppression", "NonZero", "Not", "OneHot", "Optional", "OptionalGetElement", "OptionalHasElement", "Or", "PRelu", "Pad", "Pow", "QLinearConv", "QLinearMatMul", "QuantizeLinear", "RNN",
        "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Range", "Reciprocal", "ReduceSum", "RegexFullMatch", "Relu", "Reshape", "Resize", "ReverseSequence", "RoiAlign",
        "Round", "STFT", "Scan", "ScatterElements", "ScatterND", "Selu", "SequenceAt", "SequenceConstruct", "SequenceEmpty", "SequenceErase", "SequenceInsert", "SequenceLength", "SequenceMap", "Shape",
        "Shrink", "Sigmoid", "Sign", "Sin", "Sinh", "Size", "Slice", "Softmax", "SoftmaxCrossEntropyLoss", "Softplus", "Softsign", "SpaceToDepth", "Split", "SplitToSequence", "Sqrt", "Squeeze",
        "StringConcat", "StringNormalizer", "StringSplit", "Sub", "Sum", "Tan", "Tanh", "TfIdfVectorizer", "ThresholdedRelu", "Tile", "TopK", "Transpose", "Trilu", "Unique", "Unsqueeze", "Where", "Xor",
        .. s_reductions,
    ];

    /// <summary>Rewrites a node for the version that it goes to.</summary>
    public static void Apply(UpgradeStep step)
    {
        foreach (var (_, _, rewrite) in s_rules.Where(rule => rule.Version > step.From && rule.Version <= step.To).Where(rule => rule.Operator == step.Node.OpType).ToList())
        {
            rewrite(step);
        }

        if (!s_same.Contains(step.Node.OpType))
        {
            throw step.Error("there is no rule for this operator");
        }
    }

    // Before version 7 the second operand was laid on the first from an axis on; since then the last dimensions meet.
    private static void Broadcast(UpgradeStep step)
    {
        if (step.Node.GetInt("broadcast", 0) != 0 && step.Node.Find("axis") is { } axis && step.Constant(1) is not { Dims.Count: 0 })
        {
            if (step.Rank(0) is not { } rank || step.Rank(1) is not { } second)
            {
                throw step.Error("it broadcasts along an axis, and the file does not say how many dimensions its operands have");
            }

            var missing = rank - second - (axis.I < 0 ? axis.I + rank : axis.I);
            if (missing > 0)
            {
                var name = step.NewName($"{step.Node.Input[1]}_b");
                var axes = Enumerable.Range(second, (int)missing).Select(i => (long)i).ToArray();
                var unsqueeze = NodeAttributes.Node("Unsqueeze", [step.Node.Input[1]], [name]);
                if (step.To >= 13)
                {
                    unsqueeze.Input.Add(step.Integers($"{name}_axes", axes));
                }
                else
                {
                    unsqueeze.Set("axes", axes);
                }

                step.Before(unsqueeze);
                step.Node.Input[1] = name;
            }
        }

        step.Remove("broadcast", "axis");
    }

    private static void Slope(UpgradeStep step)
    {
        if (step.Constant(1) is { Dims.Count: 1 } slope && slope.Dims[0] > 1)
        {
            if (step.Rank(0) is not { } rank)
            {
                throw step.Error("it has a slope for each channel, and the file does not say how many dimensions its input has");
            }

            var name = step.NewName($"{step.Node.Input[1]}_b");
            step.Before(NodeAttributes.Node("Reshape", [step.Node.Input[1], step.Integers($"{name}_shape", [slope.Dims[0], .. Enumerable.Repeat(1L, Math.Max(0, rank - 2))])], [name]));
            step.Node.Input[1] = name;
        }
    }

    private static void Spatial(UpgradeStep step)
    {
        if (step.Node.GetInt("spatial", 1) == 0)
        {
            throw step.Error("it normalises each place by itself (spatial 0), which newer versions do not have");
        }

        step.Remove("spatial");
    }

    private static void UpsampleToResize(UpgradeStep step)
    {
        if (step.Node.Find("scales") is { } scales)
        {
            float[] values = [.. scales.Floats];
            step.Remove("scales");
            step.SetInput(1, step.Floats($"{step.Node.Output[0]}_scales", DataType.Float, false, values));
        }

        step.Node.OpType = "Resize";
        if (step.To >= 11)
        {
            // Upsample never makes smaller.
            AsVersion11(step, 1, nearest: "floor");
            Resize13(step);
        }
    }

    // Version 10 had one way to place the points, which version 11 calls asymmetric; the nearest one was below when growing, above when shrinking.
    private static void AsVersion11(UpgradeStep step, int scales, string? nearest = null)
    {
        var node = step.Node;
        nearest ??= node.GetString("mode", "nearest") != "nearest" ? "floor"
            : step.Floats(scales) is not { } values ? throw step.Error("its scales are not constant, so that it is not known whether it grows or shrinks")
            : values.All(scale => scale >= 1) ? "floor"
            : values.All(scale => scale <= 1) ? "ceil"
            : throw step.Error("it grows along one dimension and shrinks along another");
        node.Set("coordinate_transformation_mode", "asymmetric").Set("nearest_mode", nearest);
        node.Input.Insert(1, step.To >= 13 ? "" : step.Floats($"{node.Output[0]}_roi", DataType.Float, false));
    }

    private static void Resize13(UpgradeStep step)
    {
        if (step.Node.GetString("coordinate_transformation_mode", "") == "tf_half_pixel_for_nn")
        {
            throw step.Error("its coordinates are tf_half_pixel_for_nn, which newer versions do not have");
        }

        // Until now an empty tensor stood for scales that are not given.
        if (step.Node.Input.Count > 3 && step.Constant(2) is { } scales && scales.Dims.Contains(0))
        {
            step.Node.Input[2] = "";
        }
    }

    private static void Slice(UpgradeStep step)
    {
        step.ToInput("starts", 1);
        step.ToInput("ends", 2);
        step.ToInput("axes", 3);
    }

    private static void TopK(UpgradeStep step)
    {
        var count = step.Node.GetInt("k", 1);
        step.Remove("k");
        step.SetInput(1, step.Integers($"{step.Node.Output[0]}_k", [count]));
    }

    private static void Clip(UpgradeStep step)
    {
        foreach (var (attribute, input) in ((string, int)[])[("min", 1), ("max", 2)])
        {
            if (step.Node.Find(attribute) is { } limit)
            {
                step.Remove(attribute);
                step.SetInput(input, step.Floats($"{step.Node.Output[0]}_{attribute}", step.TypeOf(0), true, limit.F));
            }
        }
    }

    private static void Pad(UpgradeStep step)
    {
        step.ToInput("pads", 1);
        if (step.Node.Find("value") is { } value)
        {
            step.Remove("value");
            step.SetInput(2, step.Floats($"{step.Node.Output[0]}_value", step.TypeOf(0), true, value.F));
        }
    }

    // What a ported model leaves out is nothing: the ratio is for training. The mask became a truth value in version 10.
    private static void Dropout(UpgradeStep step)
    {
        step.Remove("ratio");
        if (step.From < 10 && !step.IsUnread(1))
        {
            throw step.Error("its mask is read, and is of another type since version 10");
        }
    }

    // Before version 13 all dimensions from the axis on were one, and the axis was 1 if it was not given.
    private static void Softmax(UpgradeStep step)
    {
        var node = step.Node;
        var axis = node.GetInt("axis", 1);
        if (axis == -1 || step.Rank(0) == axis + 1)
        {
            node.Set("axis", -1L);
            return;
        }

        var (shape, flat, result) = (step.NewName($"{node.Output[0]}_shape"), step.NewName($"{node.Output[0]}_flat"), node.Output[0]);
        step.Before(NodeAttributes.Node("Shape", [node.Input[0]], [shape]));
        step.Before(NodeAttributes.Node("Flatten", [node.Input[0]], [flat]).Set("axis", axis));
        node.Input[0] = flat;
        node.Output[0] = step.NewName($"{result}_flat");
        node.Set("axis", -1L);
        step.After(NodeAttributes.Node("Reshape", [node.Output[0], shape], [result]));
    }

    private static void Statistics(UpgradeStep step)
    {
        if (Enumerable.Range(1, 4).Any(output => !step.IsUnread(output)))
        {
            throw step.Error("its statistics for training are read, which newer versions give otherwise");
        }

        while (step.Node.Output.Count > 1)
        {
            step.Node.Output.RemoveAt(step.Node.Output.Count - 1);
        }

        step.Remove("momentum");
    }

    private static void RoiAlign(UpgradeStep step)
    {
        if (step.Node.Find("coordinate_transformation_mode") is null)
        {
            step.Node.Set("coordinate_transformation_mode", "output_half_pixel");
        }
    }

    private static void Split18(UpgradeStep step)
    {
        if (step.Node.Input.Count < 2 || step.Node.Input[1].Length == 0)
        {
            step.Node.Set("num_outputs", (long)step.Node.Output.Count);
        }
    }

    private static void GridSample(UpgradeStep step)
    {
        switch (step.Node.GetString("mode", "bilinear"))
        {
            case "bilinear":
                step.Node.Set("mode", "linear");
                break;
            case "bicubic":
                step.Node.Set("mode", "cubic");
                break;
        }
    }
}
