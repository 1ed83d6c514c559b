using System.Runtime.InteropServices;
using ModelPort.Diagnostics;
using ModelPort.Engines.LlamaCpp;
using ModelPort.Formats.Safetensors;
using ModelPort.Kernels;

namespace ModelPort.Parity;

/// <summary>Logits that the framework of origin computed: a safetensors file with <c>input_ids</c> [rows, length] and <c>logits</c> [rows, length, vocabulary].</summary>
public static class ReferenceOutputs
{
    /// <summary>Compares source and ports with reference outputs; cache and attention are kept in F32, so that only weights and kernels differ.</summary>
    /// <returns>One result for each port.</returns>
    /// <exception cref="ModelPortException">MP3004: the file does not fit the model.</exception>
    internal static IReadOnlyList<ReferenceParity> Compare(
        LlamaRuntime runtime,
        string path,
        string sourcePath,
        IReadOnlyList<string> portPaths,
        int threads,
        CancellationToken cancellation)
    {
        using var file = SafetensorsFile.Open(path);
        var ids = Ids(file);
        var logits = Tensor(file, "logits", 3);
        if (logits.Type != SafetensorsType.F32 || logits.Shape[0] != ids.GetLength(0) || logits.Shape[1] != ids.GetLength(1))
        {
            throw Mismatch(file, $"logits {logits.Type} [{string.Join(", ", logits.Shape)}]", $"F32 [{ids.GetLength(0)}, {ids.GetLength(1)}, vocabulary]");
        }

        var source = Measure(runtime, file, logits, ids, sourcePath, threads, cancellation);
        return [.. portPaths.Select(p => new ReferenceParity(source, Measure(runtime, file, logits, ids, p, threads, cancellation)))];
    }

    private static ParityMetrics Measure(
        LlamaRuntime runtime,
        SafetensorsFile file,
        SafetensorsTensor logits,
        int[,] ids,
        string modelPath,
        int threads,
        CancellationToken cancellation)
    {
        var length = ids.GetLength(1);
        using var evaluator = new Evaluator(runtime, modelPath, threads, length, exact: true, cancellation);
        var size = evaluator.Model.VocabularySize;
        if (logits.Shape[2] != size)
        {
            throw Mismatch(file, $"logits over {logits.Shape[2]} tokens", $"{size}, the size of the model's vocabulary");
        }

        var statistics = new List<PositionStatistics>();
        var expected = new float[size];
        var scratch = new float[2 * size];
        for (var row = 0; row < ids.GetLength(0); row++)
        {
            var window = new int[length];
            Buffer.BlockCopy(ids, row * length * sizeof(int), window, 0, length * sizeof(int));
            if (window.Any(t => t < 0 || t >= size))
            {
                throw Mismatch(file, $"a token id outside the vocabulary in row {row}", $"ids from 0 to {size - 1}");
            }

            evaluator.Decode(window, 0, cancellation);
            for (var position = 0; position < length; position++)
            {
                file.Read(logits, ((long)row * length + position) * size * sizeof(float), MemoryMarshal.AsBytes(expected.AsSpan()));
                if (Finite.IndexOfNonFinite(expected) >= 0)
                {
                    throw Mismatch(file, $"NaN or infinity among the logits of row {row}, position {position}", "finite logits");
                }

                statistics.Add(PositionStatistics.Compare(expected, evaluator.Logits(position), position + 1 < length ? window[position + 1] : -1, scratch));
            }
        }

        return ParityMetrics.Of(statistics);
    }

    private static int[,] Ids(SafetensorsFile file)
    {
        var tensor = Tensor(file, "input_ids", 2);
        if (tensor.Type is not (SafetensorsType.I32 or SafetensorsType.I64) || tensor.Shape[1] < 2 || tensor.Shape[0] < 1 || tensor.ElementCount > 1 << 24)
        {
            throw Mismatch(file, $"input_ids {tensor.Type} [{string.Join(", ", tensor.Shape)}]", "I32 or I64 [rows, length] with a length of 2 or more");
        }

        var ids = new int[tensor.Shape[0], tensor.Shape[1]];
        var bytes = new byte[tensor.ByteLength];
        file.Read(tensor, 0, bytes);
        for (var i = 0; i < tensor.ElementCount; i++)
        {
            var id = tensor.Type == SafetensorsType.I32 ? MemoryMarshal.Cast<byte, int>(bytes)[i] : MemoryMarshal.Cast<byte, long>(bytes)[i];
            ids[i / tensor.Shape[1], i % tensor.Shape[1]] = id is >= 0 and <= int.MaxValue ? (int)id : -1;
        }

        return ids;
    }

    private static SafetensorsTensor Tensor(SafetensorsFile file, string name, int dimensions) =>
        file.TryGet(name, out var tensor) && tensor.Shape.Length == dimensions
            ? tensor
            : throw Mismatch(file, $"no tensor '{name}' with {dimensions} dimensions", "input_ids [rows, length] and logits [rows, length, vocabulary]");

    private static ModelPortException Mismatch(SafetensorsFile file, string found, string expected) =>
        new(Diagnose.ReferenceMismatch(file.Path, found, expected));
}
