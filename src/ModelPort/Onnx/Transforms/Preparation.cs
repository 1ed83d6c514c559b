using System.Collections.Immutable;
using ModelPort.Formats.Onnx;
using ModelPort.Onnx.Opsets;

namespace ModelPort.Onnx.Transforms;

/// <summary>
/// Brings a model into the form that precisions are decided on, without changing what it computes: nodes in order, functions expanded, weights as
/// initialisers that nobody outside can replace, names that mean one value in the whole model, and operators of the version that the precision needs.
/// </summary>
internal static class Preparation
{
    public static (OnnxModel Model, OpsetRaise? Raise, ImmutableArray<string> Notes) Prepare(OnnxModel source, OnnxTransformRequest request)
    {
        var model = source.Copy();
        var notes = ImmutableArray.CreateBuilder<string>();
        if (request.Precision == OnnxPrecision.FP32)
        {
            return (model, null, []);
        }

        if (model.Proto.TrainingInfo.Count > 0)
        {
            model.Proto.TrainingInfo.Clear();
            notes.Add("The training graphs were left out, as a port is for inference.");
        }

        foreach (var body in model.Bodies())
        {
            NodeOrder.Sort(body);
        }

        if (model.Proto.IrVersion < 4)
        {
            MakeConstant(model);
        }

        var raise = Raise(model, request.Precision);
        if (FunctionExpansion.Run(model) is > 0 and var calls)
        {
            notes.Add(FormattableString.Invariant($"{calls} calls of functions were expanded."));
        }

        HoistConstants(model);
        Renaming.MakeUnique(model);
        notes.AddRange(SparseWeights.Run(model, request));
        if (request.Precision != OnnxPrecision.FP16 && ConstantMoves.Run(model, request) is > 0 and var moved)
        {
            notes.Add(FormattableString.Invariant($"{moved} nodes that only cut, joined or turned weights were carried out beforehand."));
        }

        if (request.Precision == OnnxPrecision.INT8Static || request.Precision == OnnxPrecision.INT8Dynamic || request.Precision == OnnxPrecision.FP8)
        {
            if (BatchNormalizationMerge.Run(model, request) is > 0 and var merged)
            {
                notes.Add(FormattableString.Invariant($"{merged} BatchNormalization were merged into the convolutions before them."));
            }
        }

        return (model, raise, notes.ToImmutable());
    }

    // Before version 4 of the format every initialiser had to be an input too, and was a constant all the same.
    private static void MakeConstant(OnnxModel model)
    {
        var constants = model.Proto.Graph.Initializer.Select(tensor => tensor.Name).ToHashSet(StringComparer.Ordinal);
        foreach (var input in model.Proto.Graph.Input.Where(input => constants.Contains(input.Name)).ToList())
        {
            model.Proto.Graph.Input.Remove(input);
        }

        model.Proto.IrVersion = 4;
    }

    // Functions may be of other versions than the graph; where they are expanded, all must be of one.
    private static OpsetRaise? Raise(OnnxModel model, OnnxPrecision precision)
    {
        var versions = model.Bodies().Where(body => body.Kind is BodyKind.Main or BodyKind.Function && body.OpsetImports.Count > 0).Select(body => body.Opset(Domains.Standard)).OfType<long>().ToList();
        if (versions.Count == 0)
        {
            return null;
        }

        var (lowest, highest) = (versions.Min(), versions.Max());
        var to = lowest < precision.LowestOpset ? Math.Max(highest, precision.RaisedOpset) : highest;
        if (lowest == to)
        {
            return null;
        }

        OpsetUpgrade.Run(model, to);
        return new OpsetRaise(lowest, to);
    }

    // A Constant is an initialiser written as a node. One that is an output of its body stays, as not every runtime takes an initialiser there.
    private static void HoistConstants(OnnxModel model)
    {
        var weights = model.Weights().Where(weight => weight is { Place: WeightPlace.Constant, Body.Graph: not null, Attribute.RefAttrName: "" }).ToList();
        foreach (var weight in weights.Where(weight => weight.Type != DataType.String && !weight.Body.Outputs.Contains(weight.Name)))
        {
            var tensor = model.NewTensor(weight.Name, weight.Type, weight.Shape.AsSpan(), weight.Content);
            weight.Body.Nodes.Remove(weight.Node!);
            weight.Body.Graph!.Initializer.Add(tensor);
        }
    }
}
