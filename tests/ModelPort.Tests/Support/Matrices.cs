using System.Collections.Immutable;
using ModelPort.Calibration;
using ModelPort.Checkpoints;
using ModelPort.Formats.Importance;
using ModelPort.Planning;

namespace ModelPort.Tests.Support;

/// <summary>Importance matrices for tests.</summary>
internal static class Matrices
{
    /// <summary>A matrix for every weight in the blocks of a checkpoint, whose values lie over eight decades and are zero here and there; one expert of each weight saw nothing.</summary>
    public static ImportanceMatrix Random(string source, int seed = 5)
    {
        using var checkpoint = Checkpoint.Open(source);
        var random = new Random(seed);
        var plan = Planner.Plan(checkpoint, Ports.Request(source, "BF16"));
        return new ImportanceMatrix
        {
            Entries = plan.Tensors.Where(t => TensorNames.BlockOf(t.Name) is not null && t.Shape.Length > 1).ToImmutableSortedDictionary(
                t => t.Name,
                t => new ImportanceEntry(
                    [.. Enumerable.Range(0, (int)Importance.LengthFor(t)).Select(_ => random.Next(16) == 0 ? 0 : (float)Math.Pow(10, 8 * random.NextDouble() - 4))],
                    [.. Enumerable.Range(0, (int)Importance.MatricesOf(t)).Select(m => m == 1 ? 0 : 1000L + m)]),
                StringComparer.Ordinal),
            Datasets = ["random.txt"],
            ChunkCount = 2,
            ChunkSize = 512,
        };
    }

    /// <summary>Writes a matrix to a file.</summary>
    public static string Save(ImportanceMatrix matrix, string path)
    {
        using var stream = File.Create(path);
        matrix.Write(stream);
        return path;
    }

    /// <summary>The values of a matrix as llama.cpp's quantiser takes them.</summary>
    public static IReadOnlyDictionary<string, float[]> ToWeights(this ImportanceMatrix matrix) => matrix.Entries.ToDictionary(e => e.Key, e => e.Value.ToWeights());
}
