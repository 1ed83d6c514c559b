using System.Runtime.InteropServices;
using ModelPort.Diagnostics;
using ModelPort.Formats.Onnx;

namespace ModelPort.Onnx.Transforms;

/// <summary>
/// A port whose weights are in its precision while its values stay float: what lies between the source and the port, so that it is seen which of the two costs how
/// much. It is the port with what quantises values taken out, or, for FP16, the source with its weights rounded.
/// </summary>
internal static class WeightsAlone
{
    /// <summary>Makes the model.</summary>
    /// <param name="plan">What was done to the source, which must still be open.</param>
    /// <param name="ranges">The ranges that the port was made with; null for none.</param>
    /// <exception cref="ModelPortException">What <see cref="OnnxTransform.Apply"/> throws.</exception>
    public static OnnxModel Of(OnnxTransformPlan plan, IReadOnlyDictionary<string, ValueRange>? ranges)
    {
        var port = OnnxTransform.Apply(plan, ranges).Model;
        if (plan.Request.Precision == OnnxPrecision.FP16)
        {
            using var halves = port;
            return Rounded(plan.Model.Copy(), halves);
        }

        // What the source has of these operators is its own.
        var own = plan.Model.Bodies().SelectMany(body => body.Nodes).SelectMany(node => node.Output).ToHashSet(StringComparer.Ordinal);
        var names = new UniqueNames(port);
        foreach (var body in port.Bodies().Where(body => body.Graph is not null))
        {
            foreach (var node in body.Nodes.Where(node => !own.Contains(node.Output[0])).ToList())
            {
                switch (node.OpType)
                {
                    case "QuantizeLinear":
                        Unpaired(port, body, node);
                        break;
                    case "DynamicQuantizeLinear":
                        Measured(port, body, node);
                        break;
                }
            }

            foreach (var node in body.Nodes.ToList())
            {
                switch (node.OpType)
                {
                    case "DynamicQuantizeLSTM":
                        Recurrent(port, body, node, names);
                        break;
                    // Its kernels round values to 8 bits at level 4, and not at 1.
                    case "MatMulNBits" when !own.Contains(node.Output[0]) || plan.Request.Precision.Ranges == RangeUse.None:
                        node.Set("accuracy_level", 1L);
                        break;
                }
            }
        }

        return port;
    }

    // A pair that rounds a value hands it on, also where bodies inside have the other half.
    private static void Unpaired(OnnxModel model, OnnxBody body, NodeProto quantise)
    {
        foreach (var reader in model.Bodies())
        {
            foreach (var back in reader.Nodes.Where(node => node.Is("DequantizeLinear") && node.Input[0] == quantise.Output[0]).ToList())
            {
                GraphContext.Replace(reader, back, NodeAttributes.Node("Identity", [quantise.Input[0]], [back.Output[0]]));
            }
        }

        body.Nodes.Remove(quantise);
    }

    // The value itself in steps of 1; products of integers become products of floats, and all that follows them stays.
    private static void Measured(OnnxModel model, OnnxBody body, NodeProto quantise)
    {
        var (value, integers) = (quantise.Input[0], quantise.Output[0]);
        foreach (var product in body.Nodes.Where(node => node.OpType is "MatMulInteger" or "ConvInteger" && node.Input[0] == integers).ToList())
        {
            var weight = product.Output[0] + "_w";
            var floats = NodeAttributes.Node(product.OpType == "ConvInteger" ? "Conv" : "MatMul", [value, weight], product.Output, product.Name);
            floats.Attribute.AddRange(product.Attribute.Select(attribute => attribute.Clone()));
            GraphContext.Replace(body, product, NodeAttributes.Node("Cast", [product.Input[1]], [weight]).Set("to", (long)DataType.Float), floats);
        }

        body.Nodes.Remove(quantise);
        body.Graph!.Initializer.Add(model.NewTensor(quantise.Output[1], DataType.Float, [], OnnxContent.Of(BitConverter.GetBytes(1f))));
    }

    // Weights are stored as [directions, inputs, gates] with a scale for each gate; LSTM has [directions, gates, inputs].
    private static void Recurrent(OnnxModel model, OnnxBody body, NodeProto node, UniqueNames names)
    {
        var layer = NodeAttributes.Node("LSTM", node.Input.Take(8), node.Output, node.Name);
        layer.Attribute.AddRange(node.Attribute.Select(attribute => attribute.Clone()));
        var column = names.Next("column");
        body.Graph!.Initializer.Add(model.NewTensor(column, DataType.Int64, [3], OnnxContent.Of(MemoryMarshal.AsBytes<long>([0, 0, 1]).ToArray())));
        List<NodeProto> nodes = [];
        for (var i = 1; i <= 2; i++)
        {
            string floats = names.Next("w"), turned = names.Next("w"), scales = names.Next("w");
            layer.Input[i] = names.Next("w");
            nodes.Add(NodeAttributes.Node("Cast", [node.Input[i]], [floats]).Set("to", (long)DataType.Float));
            nodes.Add(NodeAttributes.Node("Transpose", [floats], [turned]).Set("perm", (long[])[0, 2, 1]));
            nodes.Add(NodeAttributes.Node("Reshape", [node.Input[6 + (2 * i)], column], [scales]));
            nodes.Add(NodeAttributes.Node("Mul", [turned, scales], [layer.Input[i]]));
        }

        nodes.Add(layer);
        GraphContext.Replace(body, node, [.. nodes]);
    }

    // Casts there and back, which nothing folds away without optimisation. A weight that the port has in both types counts as rounded.
    private static OnnxModel Rounded(OnnxModel model, OnnxModel halves)
    {
        var narrow = halves.Weights().Where(weight => weight is { Place: WeightPlace.Initializer, Type: DataType.Float16 }).Select(weight => weight.Name).ToHashSet(StringComparer.Ordinal);
        var names = new UniqueNames(model);
        var index = model.Index();
        foreach (var body in index.Bodies.Where(body => body.Graph is not null))
        {
            foreach (var value in index.In(body).Where(value => value is { Origin: ValueOrigin.Initializer, Initializer.DataType: DataType.Float } && (narrow.Contains(value.Name) || narrow.Contains(value.Name + "_half"))).ToList())
            {
                string half = names.Next(value.Name + "_narrow"), wide = names.Next(value.Name + "_wide");
                foreach (var use in value.Uses.Where(use => use.Node is not null))
                {
                    use.Node!.Input[use.Index] = wide;
                }

                body.Nodes.Insert(0, NodeAttributes.Node("Cast", [half], [wide]).Set("to", (long)DataType.Float));
                body.Nodes.Insert(0, NodeAttributes.Node("Cast", [value.Name], [half]).Set("to", (long)DataType.Float16));
            }
        }

        return model;
    }
}
