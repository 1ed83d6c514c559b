using System.Buffers;
using System.Runtime.InteropServices;
using ModelPort.Diagnostics;
using ModelPort.Formats.Onnx;
using ModelPort.Kernels;

namespace ModelPort.Onnx.Transforms;

/// <summary>
/// FP16: every node computes in half floats but for those whose values or weights half floats cannot hold (as measured), whose operators do not take them,
/// or that the user keeps. Casts stand where the two meet, one for each value. What goes in and out of the bodies of If, Loop and Scan stays FP32, and so do the
/// model's inputs and outputs unless the request says otherwise.
/// </summary>
internal sealed class HalfTransform(GraphContext graph, IReadOnlyDictionary<string, ValueRange>? ranges) : PrecisionTransform(graph, ranges)
{
    private const float Largest = 65504;

    // 2^-14: half floats below have fewer bits.
    private const float SmallestNormal = 6.103515625e-5f;

    // 2^-25: half floats below are zero.
    private const float Flushed = 2.98023223876953125e-8f;

    private readonly HashSet<NodeProto> converted = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<TensorProto, HalfWeight> weights = new(ReferenceEqualityComparer.Instance);
    private int changed;

    public override IEnumerable<string> Wanted => Measurable.Select(value => value.Name);

    public override IReadOnlyList<HalfWeight> Halves => [.. weights.Values.Where(weight => weight.Saturated + weight.Underflowed > 0)];

    public override int ChangedWeights => changed;

    public override void Decide()
    {
        foreach (var body in Graph.Bodies)
        {
            foreach (var node in body.Nodes.Where(node => !IsControl(node) && !HalfOperators.ReadsShape(node)))
            {
                if (Touches(body, node))
                {
                    var reason = ReasonAgainst(body, node);
                    Decisions.Add(new NodeDecision(body, node, reason));
                    if (reason.Length == 0)
                    {
                        converted.Add(node);
                    }
                }
            }
        }

        SayUnmeasured();
    }

    public override void Rewrite()
    {
        HashSet<OnnxValue> halves = new(ReferenceEqualityComparer.Instance);
        foreach (var body in Graph.Bodies)
        {
            foreach (var value in Graph.Index.In(body).Where(value => Graph.Types[value] == DataType.Float))
            {
                if (value.Origin == ValueOrigin.Initializer && value.Initializer is { } tensor)
                {
                    Weight(value, tensor);
                }
                else if (Value(value))
                {
                    halves.Add(value);
                }
            }
        }

        foreach (var node in converted)
        {
            HalfOperators.SetType(node, Graph.Model);
        }

        StateTypes(halves);
        NoteEdges(halves);
        NoteFlushed();
        if (weights.Values.Where(weight => weight.Kept).Select(weight => weight.Name).ToArray() is { Length: > 0 } kept)
        {
            Warnings.Add(Diagnose.HalfKept(Graph.Model.Path, kept));
        }
    }

    private IEnumerable<OnnxValue> Measurable => Graph.Bodies.Where(body => InnerValues.ReasonAgainst(body).Length == 0)
        .SelectMany(Graph.Index.In).Where(value => value.Origin != ValueOrigin.Initializer && Graph.Types[value] == DataType.Float);

    private static bool IsControl(NodeProto node) => node.Is("If") || node.Is("Loop") || node.Is("Scan");

    private bool Touches(OnnxBody body, NodeProto node) => node.Input.Concat(node.Output).Any(name => Graph.Types[body, name] == DataType.Float);

    private string ReasonAgainst(OnnxBody body, NodeProto node)
    {
        if (IsKept(node))
        {
            return Asked;
        }

        if (HalfOperators.ReasonAgainst(node, body.Opset(Domains.Standard) ?? 1) is { Length: > 0 } forbidden)
        {
            return forbidden;
        }

        foreach (var name in node.Input.Concat(node.Output).Where(name => name.Length > 0))
        {
            if (!Graph.Index.TryResolve(body, name, out var value) || Graph.Types[value] == DataType.Undefined)
            {
                return $"the type of '{name}' is not known";
            }

            if (Graph.Types[value] == DataType.Float && LossOf(value) is { Length: > 0 } loss)
            {
                return loss;
            }
        }

        return "";
    }

    private string LossOf(OnnxValue value)
    {
        if (value is { Origin: ValueOrigin.Initializer, Initializer: { } tensor })
        {
            // Weights are not read for a plan.
            return Ranges is null ? "" : Measured(tensor) switch
            {
                { Saturated: > 0 } weight => FormattableString.Invariant($"its weight '{value.Name}' has {weight.Saturated} {(weight.Saturated == 1 ? "value" : "values")} beyond {Largest}"),
                { Kept: true } => $"its weight '{value.Name}' is below what FP16 holds",
                _ => "",
            };
        }

        if (Ranges is null || !Ranges.TryGetValue(value.Name, out var range))
        {
            return "";
        }

        return range.LargestMagnitude > Largest ? FormattableString.Invariant($"its value '{value.Name}' reaches {range.LargestMagnitude:G4}, and FP16 ends at {Largest}")
            : range.LargestMagnitude is > 0 and < SmallestNormal ? FormattableString.Invariant($"its value '{value.Name}' stays below {range.LargestMagnitude:G2}, where FP16 has few bits or none")
            : "";
    }

    private HalfWeight Measured(TensorProto tensor)
    {
        if (!weights.TryGetValue(tensor, out var found))
        {
            long saturated = 0, underflowed = 0;
            var largest = 0f;
            var codes = new ushort[1 << 14];
            WeightStream.Of(Graph.Model, tensor).Visit((values, _) =>
            {
                largest = Math.Max(largest, LinearQuantizer.LargestMagnitude(values));
                saturated += Narrow.ToHalf(values, codes, out var lost);
                underflowed += lost;
            });
            found = weights[tensor] = new HalfWeight(tensor.Name, saturated, underflowed, saturated > 0 || largest is > 0 and < SmallestNormal);
        }

        return found;
    }

    // A weight that both sides use is there twice: a cast of the narrow one would not give back what FP32 had.
    private void Weight(OnnxValue value, TensorProto tensor)
    {
        var uses = value.Uses.Where(use => use.Node is not null && WantsHalf(use)).ToList();
        if (uses.Count == 0)
        {
            return;
        }

        changed++;
        long[] shape = [.. tensor.Dims];
        var content = ToHalf(WeightStream.Of(Graph.Model, tensor));
        if (uses.Count == value.Uses.Count)
        {
            Graph.Model.SetContent(tensor, DataType.Float16, shape, content);
            return;
        }

        var name = Graph.Add(value.Body, value.Name + "_half", DataType.Float16, shape, content);
        uses.ForEach(use => Redirect(use, name));
    }

    // Casts a value for those of its uses that want the other type. True if the name itself stands for half floats now.
    private bool Value(OnnxValue value)
    {
        var home = IsHalf(value);
        var uses = value.Uses.Where(use => use.Node is null || !HalfOperators.ReadsShape(use.Node)).ToList();
        var others = uses.Where(use => WantsHalf(use) != home && (use.Node is not null || value.Producer is not null)).ToList();
        if (others.Count == 0)
        {
            return home;
        }

        var (suffix, to) = home ? ("_float", DataType.Float) : ("_half", DataType.Float16);
        if (!others.Any(use => use.Node is null && use.Body == Graph.Main))
        {
            var cast = Graph.Names.Next(value.Name + suffix);
            value.Body.Nodes.Add(NodeAttributes.Node("Cast", [value.Name], [cast]).Set("to", (long)to));
            others.ForEach(use => Redirect(use, cast));
            return home;
        }

        // The name of an output must not change: it goes to the cast, and the node that made it makes another value.
        var inner = Graph.Names.Next(value.Name + (home ? "_half" : "_float"));
        value.Producer!.Output[value.OutputIndex] = inner;
        value.Body.Nodes.Add(NodeAttributes.Node("Cast", [inner], [value.Name]).Set("to", (long)to));
        foreach (var use in value.Uses.Except(others))
        {
            Redirect(use, inner);
        }

        return !home;
    }

    private bool IsHalf(OnnxValue value) => value.Producer is { } producer
        ? converted.Contains(producer) && !HalfOperators.OutputStaysFloat(producer, value.OutputIndex)
        : value is { Origin: ValueOrigin.Input, Initializer: null } && value.Body == Graph.Main && !Graph.Request.KeepInputsAndOutputs;

    private bool WantsHalf(ValueUse use) => use.Node is { } node
        ? converted.Contains(node) && !HalfOperators.StaysFloat(node, use.Index)
        : use.Body == Graph.Main && !Graph.Request.KeepInputsAndOutputs;

    private static void Redirect(ValueUse use, string name)
    {
        if (use.Node is { } node)
        {
            node.Input[use.Index] = name;
        }
        else
        {
            use.Body.Graph!.Output[use.Index].Name = name;
        }
    }

    // Tails of a Softmax and the like: they do no harm where they are small beside others, so that nothing stays FP32 for them; but it is said.
    private void NoteFlushed()
    {
        var names = Measurable.Where(value => IsHalf(value) && Ranges!.TryGetValue(value.Name, out var range) && range.SmallestNonZero is > 0 and < Flushed)
            .Select(value => value.Name).Order(StringComparer.Ordinal).ToArray();
        if (names.Length > 0)
        {
            Notes.Add($"In calibration these values held numbers below 2^-25, which are zero as half floats: {string.Join(", ", names)}.");
        }
    }

    // What is not known of values does not keep them FP32, as without calibration; but it is said.
    private void SayUnmeasured()
    {
        foreach (var group in Graph.Bodies.GroupBy(InnerValues.ReasonAgainst).Where(group => group.Key.Length > 0))
        {
            Notes.Add($"Nodes of {string.Join(", ", group)} are made FP16 unmeasured: {group.Key}.");
        }

        if (Ranges is { Count: > 0 })
        {
            var unreached = Measurable.Where(value => value.Body.Kind != BodyKind.Main).GroupBy(value => value.Body).Where(body => !body.Any(value => Ranges.ContainsKey(value.Name))).Select(body => body.Key.Path).ToArray();
            if (unreached.Length > 0)
            {
                Warnings.Add(Diagnose.BodyUnreached(Graph.Model.Path, Graph.Request.Precision.Name, unreached, "its nodes are made FP16 all the same"));
            }
        }
    }

    private void NoteEdges(HashSet<OnnxValue> halves)
    {
        string[] edges = [.. Graph.Main.Graph!.Input.Concat(Graph.Main.Graph.Output).Select(info => info.Name).Where(name => halves.Any(value => value.Body == Graph.Main && value.Name == name))];
        if (edges.Length > 0)
        {
            Notes.Add($"Inputs and outputs that are FLOAT16 now: {string.Join(", ", edges)}.");
        }
    }

    private void StateTypes(HashSet<OnnxValue> halves)
    {
        foreach (var body in Graph.Bodies)
        {
            var names = halves.Where(value => value.Body == body).Select(value => value.Name).ToHashSet(StringComparer.Ordinal);
            foreach (var info in body.ValueInfo.Concat(body.Graph!.Input).Concat(body.Graph.Output).Where(info => names.Contains(info.Name)))
            {
                info.Type?.TensorType?.ElemType = DataType.Float16;
            }
        }
    }

    private static OnnxContent ToHalf(WeightStream weight) => OnnxContent.Computed(checked(2 * weight.Count), stream => weight.Visit((values, _) =>
    {
        var codes = ArrayPool<ushort>.Shared.Rent(values.Length);
        Narrow.ToHalf(values, codes);
        stream.Write(MemoryMarshal.AsBytes(codes.AsSpan(0, values.Length)));
        ArrayPool<ushort>.Shared.Return(codes);
    }));
}
