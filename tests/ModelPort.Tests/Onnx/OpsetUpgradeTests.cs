using ModelPort.Diagnostics;
using ModelPort.Formats.Onnx;
using ModelPort.Onnx.Transforms;

namespace ModelPort.Tests.Onnx;

/// <summary>Models of old versions of the operators compute the same after the raise: both are run by ONNX Runtime.</summary>
public sealed class OpsetUpgradeTests
{
    public static TheoryData<string> Old => [.. Models().Keys];

    [Theory]
    [MemberData(nameof(Old))]
    public void A_raised_node_computes_what_it_did(string name)
    {
        var (opset, nodes, weights) = Models()[name];
        foreach (var to in (long[])[13, 21])
        {
            using var model = OnnxGraphs.Of(OnnxGraphs.Floats(2, 4, 6, 6), null, nodes.Select(node => node.Clone()), weights.Select(tensor => tensor.Clone()), opset, 4);
            var x = OnnxGraphs.Random(3, 2 * 4 * 6 * 6, 2);
            var expected = OnnxGraphs.RunY(model, x, [2, 4, 6, 6]);
            using var raised = model.Copy();
            OpsetUpgrade.Run(raised, to);
            Assert.Equal(to, raised.Proto.OpsetImport.Single().Version);
            Assert.Equal(expected, OnnxGraphs.RunY(raised, x, [2, 4, 6, 6]));
        }
    }

    [Fact]
    public void An_operator_without_a_rule_is_an_error_that_names_it()
    {
        using var model = OnnxGraphs.Of(OnnxGraphs.Floats(2, 4), null, [OnnxGraphs.Node("ImageScaler", "x", "y")], [], 9);
        var error = Assert.Throws<ModelPortException>(() => OpsetUpgrade.Run(model, 13)).Diagnostic;
        Assert.Equal("MP2101", error.Code);
        Assert.Contains("ImageScaler", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void INT8_of_a_model_of_version_9_is_raised_and_says_so()
    {
        float[] x = OnnxGraphs.Random(3, 2 * 4 * 6 * 6, 2);
        using var model = OnnxGraphs.Of(
            OnnxGraphs.Floats(2, 4, 6, 6), null,
            [OnnxGraphs.Node("Conv", "x,w", "c"), OnnxGraphs.Node("Clip", "c", "r", ("min", 0f), ("max", 6f)), OnnxGraphs.Node("Softmax", "r", "y")],
            [OnnxGraphs.RandomWeight(1, "w", 8, 4, 3, 3)], 9, 3);
        model.Proto.Graph.Input.Add(new ValueInfoProto { Name = "w", Type = OnnxGraphs.Floats(8, 4, 3, 3) });
        var port = OnnxGraphs.Port(model, new OnnxTransformRequest(OnnxPrecision.INT8Static), x, [2, 4, 6, 6]);
        Assert.Equal(new OpsetRaise(9, 13), port.Record.Raise);
        Assert.Contains("QLinearConv", OnnxGraphs.Fused(port.Model).Keys);
        Assert.InRange(OnnxGraphs.Relative(OnnxGraphs.RunY(model, x, [2, 4, 6, 6]), OnnxGraphs.RunY(port.Model, x, [2, 4, 6, 6])), 1e-7, 0.1);
    }

    private static Dictionary<string, (long Opset, NodeProto[] Nodes, TensorProto[] Weights)> Models() => new()
    {
        ["Softmax over several dimensions"] = (9, [OnnxGraphs.Node("Softmax", "x", "y")], []),
        ["LogSoftmax over the last"] = (11, [OnnxGraphs.Node("LogSoftmax", "x", "y", ("axis", 3L))], []),
        ["Squeeze and Unsqueeze"] = (9, [OnnxGraphs.Node("Unsqueeze", "x", "u", ("axes", (long[])[0, 2])), OnnxGraphs.Node("Squeeze", "u", "y", ("axes", (long[])[0]))], []),
        ["Reductions"] = (9, [OnnxGraphs.Node("ReduceSum", "x", "s", ("axes", (long[])[1])), OnnxGraphs.Node("ReduceMean", "s", "y", ("axes", (long[])[2, 3]), ("keepdims", 0L))], []),
        ["Clip"] = (9, [OnnxGraphs.Node("Clip", "x", "y", ("min", -0.5f), ("max", 1f))], []),
        ["Clip from below"] = (7, [OnnxGraphs.Node("Clip", "x", "y", ("min", -0.5f))], []),
        ["Pad"] = (9, [OnnxGraphs.Node("Pad", "x", "y", ("pads", (long[])[0, 0, 1, 1, 0, 0, 2, 0]), ("value", 1.5f))], []),
        ["Slice"] = (9, [OnnxGraphs.Node("Slice", "x", "y", ("starts", (long[])[1]), ("ends", (long[])[5]), ("axes", (long[])[2]))], []),
        ["TopK"] = (9, [OnnxGraphs.Node("TopK", "x", "y,i", ("k", 3L))], []),
        ["Split in equal parts"] = (9, [OnnxGraphs.Node("Split", "x", "a,b", ("axis", 1L)), OnnxGraphs.Node("Sub", "a,b", "y")], []),
        ["Split in given parts"] = (9, [OnnxGraphs.Node("Split", "x", "a,y", ("axis", 1L), ("split", (long[])[1, 3]))], []),
        ["Upsample"] = (9, [OnnxGraphs.Node("Upsample", "x,s", "y", ("mode", "nearest"))], [OnnxGraphs.Weight("s", [4], 1, 1, 2, 3)]),
        ["Upsample that is linear"] = (7, [OnnxGraphs.Node("Upsample", "x", "y", ("mode", "linear"), ("scales", (float[])[1, 1, 2, 2]))], []),
        ["Resize that shrinks"] = (10, [OnnxGraphs.Node("Resize", "x,s", "y", ("mode", "nearest"))], [OnnxGraphs.Weight("s", [4], 1, 1, 0.5f, 0.4f)]),
        ["BatchNormalization"] = (7, [OnnxGraphs.Node("BatchNormalization", "x,s,b,m,v", "y", ("spatial", 1L))],
            [OnnxGraphs.RandomWeight(1, "s", 4), OnnxGraphs.RandomWeight(2, "b", 4), OnnxGraphs.RandomWeight(3, "m", 4), OnnxGraphs.Weight("v", [4], 1, 2, 0.5f, 1)]),
        ["Dropout"] = (9, [OnnxGraphs.Node("Dropout", "x", "d", ("ratio", 0.3f)), OnnxGraphs.Node("Neg", "d", "y")], []),
        ["Scatter"] = (9, [OnnxGraphs.Node("Reshape", "x,shape", "r"), OnnxGraphs.Node("Scatter", "r,at,u", "y")],
            [OnnxGraphs.Integers("shape", -1), OnnxGraphs.Integers("at", 3, 1), OnnxGraphs.Weight("u", [2], 5, 6)]),
        ["Unchanged ones"] = (9, [OnnxGraphs.Node("MaxPool", "x", "m", ("kernel_shape", (long[])[2, 2])), OnnxGraphs.Node("LeakyRelu", "m", "l"), OnnxGraphs.Node("Flatten", "l", "y")], []),
    };
}
