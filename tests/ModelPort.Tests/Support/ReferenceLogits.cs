using System.Runtime.InteropServices;
using ModelPort.Engines.LlamaCpp;
using ModelPort.Formats.Safetensors;

namespace ModelPort.Tests.Support;

/// <summary>A port, run by llama.cpp, against logits that PyTorch computed in double precision.</summary>
internal static class ReferenceLogits
{
    /// <summary>The largest difference over all positions; where the reference's first choice is clear, the port's must be the same.</summary>
    /// <param name="path">The GGUF file.</param>
    /// <param name="reference">A safetensors file with input_ids and logits.</param>
    public static float LargestDifference(string path, string reference)
    {
        using var expectedFile = SafetensorsFile.Open(reference);
        var ids = MemoryMarshal.Cast<byte, int>(ReadAll(expectedFile, "input_ids")).ToArray();
        var logits = MemoryMarshal.Cast<byte, float>(ReadAll(expectedFile, "logits")).ToArray();
        using var port = LlamaModel.Load(LlamaRuntime.Load(), path);
        var length = ids.Length / 2;
        using var context = new LlamaContext(port, new LlamaContextOptions { ContextLength = length, Threads = 1, CacheType = LlamaCacheType.F32 });
        using var batch = new LlamaBatch(length);
        var largest = 0f;
        for (var row = 0; row < 2; row++)
        {
            context.Clear();
            batch.Clear();
            for (var i = 0; i < length; i++)
            {
                batch.Add(ids[row * length + i], i, 0, wantLogits: true);
            }

            context.Decode(batch, TestContext.Current.CancellationToken);
            for (var i = 0; i < length; i++)
            {
                var expected = logits.AsSpan((row * length + i) * port.VocabularySize, port.VocabularySize);
                var actual = context.Logits(i);
                for (var token = 0; token < expected.Length; token++)
                {
                    largest = Math.Max(largest, Math.Abs(expected[token] - actual[token]));
                }

                if (Margin(expected) > 0.01f)
                {
                    Assert.Equal(System.Numerics.Tensors.TensorPrimitives.IndexOfMax<float>(expected), System.Numerics.Tensors.TensorPrimitives.IndexOfMax(actual));
                }
            }
        }

        return largest;
    }

    private static float Margin(ReadOnlySpan<float> logits)
    {
        var (first, second) = (float.NegativeInfinity, float.NegativeInfinity);
        foreach (var logit in logits)
        {
            (first, second) = logit > first ? (logit, first) : (first, Math.Max(second, logit));
        }

        return first - second;
    }

    private static byte[] ReadAll(SafetensorsFile file, string name)
    {
        Assert.True(file.TryGet(name, out var tensor));
        var bytes = new byte[tensor.ByteLength];
        file.Read(tensor, 0, bytes);
        return bytes;
    }
}
