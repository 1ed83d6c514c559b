using System.Text;
using ModelPort.Formats.Gguf;
using ModelPort.Formats.Importance;
using ModelPort.Planning;

namespace ModelPort.Calibration;

/// <summary>An importance matrix on its way into ported files.</summary>
/// <param name="FileName">The name of the matrix's file, without a folder.</param>
/// <param name="Matrix">The matrix.</param>
public sealed record Importance(string FileName, ImportanceMatrix Matrix)
{
    // llama-quantize keeps no more of a text (struct llama_model_kv_override).
    private const int LongestText = 127;

    /// <summary>The entry that weighs a tensor's columns, one for each column of each of its matrices.</summary>
    /// <returns>The entry; null when there is none, or one of another length.</returns>
    public ImportanceEntry? EntryOf(TensorPlan tensor) =>
        Matrix.Entries.TryGetValue(tensor.Name, out var entry) && entry.Sums.Length == LengthFor(tensor) ? entry : null;

    /// <summary>How many values an entry needs for a tensor.</summary>
    public static long LengthFor(TensorPlan tensor) => checked(tensor.RowLength * MatricesOf(tensor));

    /// <summary>The matrices in a tensor: its experts, or 1.</summary>
    public static long MatricesOf(TensorPlan tensor) => tensor.Shape.Length > 2 ? tensor.Shape[2] : 1;

    /// <summary>Writes the keys by which llama-quantize records a matrix. Until it is computed its numbers are 0, which keeps the header's length.</summary>
    /// <param name="metadata">The header.</param>
    /// <param name="request">The request, whose Calibration is set.</param>
    /// <param name="importance">The matrix, when there is one already.</param>
    public static void WriteHeader(GgufMetadata metadata, PortRequest request, Importance? importance)
    {
        metadata.Set("quantize.imatrix.file", Cut(importance?.FileName ?? CalibrationStage.FileNameOf(request)));
        if ((importance is null ? request.Calibration : importance.Matrix.Datasets.FirstOrDefault()) is { } dataset)
        {
            metadata.Set("quantize.imatrix.dataset", Cut(dataset));
        }

        metadata.Set("quantize.imatrix.entries_count", checked((uint)(importance?.Matrix.Entries.Count ?? 0)));
        metadata.Set("quantize.imatrix.chunks_count", checked((uint)(importance?.Matrix.ChunkCount ?? 0)));
    }

    // Of a path only the name is written: which folder somebody kept a text in is nobody's business.
    private static string Cut(string text)
    {
        var name = text[(text.LastIndexOfAny(['/', '\\']) + 1)..];
        while (Encoding.UTF8.GetByteCount(name) > LongestText)
        {
            name = name[..^(char.IsLowSurrogate(name[^1]) ? 2 : 1)];
        }

        return name;
    }
}
