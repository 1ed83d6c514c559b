using ModelPort.Diagnostics;
using ModelPort.Formats.Gguf;
using ModelPort.Formats.Importance;
using ModelPort.Planning;

namespace ModelPort.Calibration;

/// <summary>Compares a matrix with the tensors that it is to weigh: what llama-quantize refuses is refused, and what it passes over is said.</summary>
internal static class ImportanceCheck
{
    /// <summary>Whether quantising to a type takes importance into account.</summary>
    public static bool Weighs(GgmlType type) =>
        GgmlTypes.BlockElements(type) > 1 && type is not (GgmlType.Q8_0 or GgmlType.MXFP4 or GgmlType.NVFP4 or GgmlType.TQ1_0 or GgmlType.TQ2_0);

    /// <summary>Compares a matrix with the outputs of a plan.</summary>
    /// <param name="path">The matrix's file, or the text it comes from.</param>
    /// <param name="importance">The matrix.</param>
    /// <param name="outputs">The outputs.</param>
    /// <param name="tensors">The tensors, in the order of the outputs' layouts.</param>
    /// <returns>What the user should know.</returns>
    /// <exception cref="ModelPortException">MP2022: an entry has the wrong length, or is missing where a type needs one.</exception>
    public static IEnumerable<Diagnostic> Run(string path, Importance importance, IReadOnlyList<OutputPlan> outputs, IReadOnlyList<TensorPlan> tensors)
    {
        var missing = new SortedSet<string>(StringComparer.Ordinal);
        foreach (var output in outputs.Where(o => o.Precision.UsesRecipe))
        {
            for (var i = 0; i < tensors.Count; i++)
            {
                var type = output.Layout.Tensors[i].Type;
                if (Weighs(type) && importance.EntryOf(tensors[i]) is null && TensorRoles.Of(tensors[i].Name) != TensorRole.Embedding)
                {
                    RequireNone(path, importance.Matrix, tensors[i], type, output.Precision);
                    missing.Add(tensors[i].Name);
                }
            }
        }

        // llama-imatrix passes the output matrix over, as it would take more time than it is worth.
        missing.RemoveWhere(name => TensorRoles.Of(name) == TensorRole.Output);
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

    private static void RequireNone(string path, ImportanceMatrix matrix, TensorPlan tensor, GgmlType type, Precision precision)
    {
        if (matrix.Entries.TryGetValue(tensor.Name, out var entry))
        {
            throw new ModelPortException(Diagnose.MatrixMismatch(path, $"{entry.Sums.Length} values for '{tensor.Name}'", $"{Importance.LengthFor(tensor)}, one for each column of each of its matrices"));
        }

        if (precision.NeedsImportanceFor(type))
        {
            throw new ModelPortException(Diagnose.MatrixMismatch(path, $"no values for '{tensor.Name}', which {precision} makes {GgmlTypes.Name(type)}", "values for every tensor that has too few bits without them"));
        }
    }
}
