using System.Collections.Immutable;
using System.Runtime.InteropServices;
using ModelPort.Formats.Safetensors;

namespace ModelPort.Benchmarks;

/// <summary>Samples for <see cref="SyntheticOnnx"/>, written a piece at a time so that their number is no matter.</summary>
internal static class SyntheticSamples
{
    /// <summary>Images of values about as often as in a normal distribution.</summary>
    internal static string Images(string path, int count, int side, int seed)
    {
        var random = new Random(seed);
        return Write(path, [("image", SafetensorsType.F32, [count, 3, side, side])], (_, _) =>
        {
            var values = new float[3 * side * side];
            for (int i = 0; i < values.Length; i++)
            {
                values[i] = (float)(random.NextDouble() + random.NextDouble() + random.NextDouble() - 1.5) * 2;
            }

            return MemoryMarshal.AsBytes<float>(values).ToArray();
        });
    }

    /// <summary>Texts of random words; the last quarter of every second one is masked.</summary>
    internal static string Texts(string path, int count, int seed)
    {
        var random = new Random(seed);
        return Write(
            path,
            [("attention_mask", SafetensorsType.I64, [count, SyntheticOnnx.Tokens]), ("input_ids", SafetensorsType.I64, [count, SyntheticOnnx.Tokens])],
            (tensor, sample) => MemoryMarshal.AsBytes<long>([.. Enumerable.Range(0, SyntheticOnnx.Tokens).Select(i => tensor == "input_ids" ? random.Next(SyntheticOnnx.Vocabulary) : sample % 2 == 1 && i >= SyntheticOnnx.Tokens * 3 / 4 ? 0L : 1)]).ToArray());
    }

    private static string Write(string path, (string Name, SafetensorsType Type, ImmutableArray<long> Shape)[] tensors, Func<string, int, byte[]> sample)
    {
        using var writer = SafetensorsWriter.Create(path, tensors);
        foreach (var (name, _, shape) in tensors)
        {
            for (int i = 0; i < shape[0]; i++)
            {
                writer.Write(name, sample(name, i));
            }
        }

        writer.Complete();
        return path;
    }
}
