using ModelPort.Manifests;
using ModelPort.Parity;

namespace ModelPort.Onnx.Parity;

/// <summary>The limits that hold for ports of ONNX models when the user gives none.</summary>
internal static class OnnxBudgets
{
    /// <summary>The limits of a port: how near its outputs stay, and, with labels, how many answers it may lose.</summary>
    public static IEnumerable<Budget> Defaults(OutputRecord output) => Defaults(output.Precision, output.Tasks.Count > 0);

    /// <summary>The limits of a precision.</summary>
    /// <param name="precision">Its name.</param>
    /// <param name="hasLabels">Whether there are answers to lose.</param>
    public static IEnumerable<Budget> Defaults(string precision, bool hasLabels)
    {
        var (similarity, drop) = Of(precision);
        yield return new Budget(Kind("MinCosineSimilarity"), similarity, true);
        if (hasLabels)
        {
            yield return new Budget(Kind("MaxAccuracyDrop"), drop, true);
        }
    }

    /// <summary>The least cosine similarity, and the largest drop of accuracy in points, of a precision. docs/onnx.md has the measurements behind them.</summary>
    public static (double Similarity, double Drop) Of(string precision) => precision switch
    {
        "FP32" => (0.99999, 0),
        "FP16" => (0.999, 0.5),
        "INT8-Weight" => (0.995, 0.5),
        "INT8" or "INT8-Dynamic" or "FP8" => (0.98, 1),
        _ => (0.95, 2),
    };

    private static BudgetKind Kind(string name) => BudgetKind.OfOnnx.First(k => k.Name == name);
}
