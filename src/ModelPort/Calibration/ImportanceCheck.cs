using ModelPort.Diagnostics;
using ModelPort.Formats.Gguf;
using ModelPort.Planning;

namespace ModelPort.Calibration;

/// <summary>Compares a matrix with the tensors that it is to weigh: what llama-quantize refuses is refused, and what it passes over is said.</summary>
internal static class ImportanceCheck
{
    /// <summary>Whether quantising to a type takes importance into account.</summary>
    public static bool Weighs(GgmlType type) =>
        GgmlTypes.BlockElements(type) > 1 && type is not (GgmlType.Q8_0 or GgmlType.MXFP4 or GgmlType.NVFP4 or GgmlType.TQ1_0 or GgmlType.TQ2_0);

    /// <summary>Whether an output has a type that takes importance into account, or may get one.</summary>
    public static bool Weighs(OutputPlan output) => output.IsOpen || output.Types.Any(t => Weighs(t.Type));

    /// <summary>Compares a matrix with the outputs of a plan.</summary>
    /// <param name="request">The request.</param>
    /// <param name="importance">The matrix; null when there is none, or none yet.</param>
    /// <param name="outputs">The outputs.</param>
    /// <param name="tensors">The tensors, in the order of the outputs' types.</param>
    /// <returns>What the user should know.</returns>
    /// <exception cref="ModelPortException">MP1027: a type needs importance, and there is no Calibration; MP2022: an entry has the wrong length, or is missing where a type needs one.</exception>
    public static IReadOnlyList<Diagnostic> Run(PortRequest request, Importance? importance, IReadOnlyList<OutputPlan> outputs, IReadOnlyList<TensorPlan> tensors)
    {
        if (request.Calibration is not { } path)
        {
            RequireNoNeed(request, outputs);
            return [];
        }

        if (!outputs.Any(Weighs))
        {
            return [Diagnose.ChoiceWithoutEffect(request.OptionsFile, "Calibration", $"no tensor of {string.Join(", ", outputs.Select(o => o.Precision))} has a type that weighs its columns")];
        }

        return importance is null ? [] : [.. Compare(path, importance, outputs, tensors)];
    }

    private static void RequireNoNeed(PortRequest request, IReadOnlyList<OutputPlan> outputs)
    {
        if (outputs.FirstOrDefault(o => o.Precision.NeedsImportance) is { Precision.Name: var name })
        {
            throw new ModelPortException(Diagnose.ImportanceNeeded(request.OptionsFile, $"Precision '{name}'", Precision.All.Where(p => !p.NeedsImportance).Select(p => p.Name)));
        }

        var byHand = outputs.SelectMany(o => o.Types).Select(t => t.Type).FirstOrDefault(t => TensorTypes.NeedingImportance.Contains(t));
        if (byHand != default)
        {
            throw new ModelPortException(Diagnose.ImportanceNeeded(request.OptionsFile, $"Type '{GgmlTypes.Name(byHand)}'", TensorTypes.All.Except(TensorTypes.NeedingImportance).Select(GgmlTypes.Name)));
        }
    }

    private static IEnumerable<Diagnostic> Compare(string path, Importance importance, IReadOnlyList<OutputPlan> outputs, IReadOnlyList<TensorPlan> tensors)
    {
        var missing = new SortedSet<string>(StringComparer.Ordinal);
        foreach (var output in outputs)
        {
            for (var i = 0; i < tensors.Count; i++)
            {
                var (tensor, type) = (tensors[i], output.Types[i].Type);
                if (!Weighs(type) || importance.EntryOf(tensor) is not null)
                {
                    continue;
                }

                // Neither is among the weights of the blocks, which alone are collected.
                var isOutside = TensorRoles.Of(tensor.Name) is TensorRole.Embedding or TensorRole.Output;
                RequireLength(path, importance, tensor);
                if (TensorTypes.NeedingImportance.Contains(type) || (output.Precision.NeedsImportance && type == GgmlType.Q2_K && output.Precision.BaseType == type && !isOutside))
                {
                    throw new ModelPortException(Diagnose.MatrixMismatch(path, $"no values for '{tensor.Name}', which {output.Precision} makes {GgmlTypes.Name(type)}", "values for every tensor that has too few bits without them"));
                }

                if (!isOutside)
                {
                    missing.Add(tensor.Name);
                }
            }
        }

        if (missing.Count > 0)
        {
            yield return Diagnose.NotWeighed(path, missing);
        }

        var names = tensors.Select(t => t.Name).ToHashSet(StringComparer.Ordinal);
        var sparse = Coverage.Of(importance.Matrix).Where(c => c.Sparse is not null && names.Contains(c.Tensor)).ToArray();
        if (sparse.Length > 0)
        {
            yield return Diagnose.FewActivations(path, sparse.Select(c => c.Tensor), sparse.Min(c => c.Fewest), Coverage.FewestActivations);
        }
    }

    // Some tools write an entry for the embedding that cannot be used; llama-quantize passes it over.
    private static void RequireLength(string path, Importance importance, TensorPlan tensor)
    {
        if (importance.Matrix.Entries.TryGetValue(tensor.Name, out var entry) && TensorRoles.Of(tensor.Name) != TensorRole.Embedding)
        {
            throw new ModelPortException(Diagnose.MatrixMismatch(path, $"{entry.Sums.Length} values for '{tensor.Name}'", $"{Importance.LengthFor(tensor)}, one for each column of each of its matrices"));
        }
    }
}
