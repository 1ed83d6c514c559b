using ModelPort.Diagnostics;
using ModelPort.Formats.Onnx;

namespace ModelPort.Onnx.Opsets;

/// <summary>
/// Takes a model to a newer version of the format's own operator set, one version at a time, in all its graphs and functions. Every operator in use must be
/// known here: one that is not might mean something else in the newer version.
/// </summary>
public static class OpsetUpgrade
{
    /// <summary>The oldest version that models are taken from.</summary>
    public const long Oldest = 9;

    /// <summary>The newest version that models are taken to.</summary>
    public const long Newest = 21;

    /// <summary>Upgrades a model in place. Operators of other domains stay as they are, and so does a model that is at this version or beyond.</summary>
    /// <param name="model">The model.</param>
    /// <param name="target">The version, at most <see cref="Newest"/>.</param>
    /// <exception cref="ModelPortException">MP2070: an operator, or a use of it, for which there is no rule; the model may be half upgraded then.</exception>
    public static void Run(OnnxModel model, long target)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(target, Newest);
        UniqueNames names = new(model);
        foreach (var import in model.Proto.Functions.SelectMany(function => function.OpsetImport).Concat(model.Proto.OpsetImport).Where(IsStandard))
        {
            if (import.Version >= target)
            {
                continue;
            }

            if (import.Version < Oldest)
            {
                throw new ModelPortException(Diagnose.OpsetTooOld(model.Path, import.Version, Oldest));
            }

            var bodies = model.Bodies().Where(body => ReferenceEquals(body.OpsetImports.FirstOrDefault(IsStandard), import)).ToArray();
            while (import.Version < target)
            {
                Step(model, bodies, import.Version + 1, target, names);
                import.Version++;
            }

            model.Proto.IrVersion = Math.Max(model.Proto.IrVersion, IrVersionOf(target));
        }
    }

    private static bool IsStandard(OperatorSetIdProto import) => Domains.Normal(import.Domain) == Domains.Standard;

    private static void Step(OnnxModel model, OnnxBody[] bodies, long version, long target, UniqueNames names)
    {
        var index = model.Index();
        foreach (var body in bodies)
        {
            foreach (var node in body.Nodes.Where(node => Domains.Normal(node.Domain) == Domains.Standard).ToArray())
            {
                if (!OpsetRules.IsKnown(node.OpType))
                {
                    throw new ModelPortException(Diagnose.OperatorNotUpgraded(model.Path, node.OpType, NodeOrder.Label(node), target, "there is no rule for it"));
                }

                OpsetRules.Find(node.OpType, version)?.Invoke(new UpgradeSite(model, body, node, target, index, names));
            }
        }
    }

    // The version of the format that came with an operator set.
    private static long IrVersionOf(long opset) => opset switch
    {
        >= 21 => 10,
        >= 19 => 9,
        >= 15 => 8,
        >= 12 => 7,
        11 => 6,
        10 => 5,
        _ => 4,
    };
}
