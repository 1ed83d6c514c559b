using System.Runtime.InteropServices;
using System.Text.Json;
using ModelPort.Engines.LlamaCpp;
using ModelPort.Formats.Safetensors;
using ModelPort.Tests.Support;

namespace ModelPort.Tests;

/// <summary>Our F32 files, run by llama.cpp, against what PyTorch computed in double precision from the same checkpoints.</summary>
public sealed class ReferenceTests
{
    [Theory]
    [InlineData("wordnet-llama-v1")]
    [InlineData("llama3-rope")]
    [InlineData("mistral-spm")]
    public void Logits_of_the_F32_port_equal_PyTorchs(string model)
    {
        using var folder = new TemporaryFolder();
        var path = Ports.Make(Repository.Checkpoint(model), "F32", folder.Path)["F32"];
        using var reference = SafetensorsFile.Open(Path.Combine(Repository.Fixture(model), "reference", "logits.safetensors"));
        var ids = MemoryMarshal.Cast<byte, int>(ReadAll(reference, "input_ids")).ToArray();
        var logits = MemoryMarshal.Cast<byte, float>(ReadAll(reference, "logits")).ToArray();
        using var port = LlamaModel.Load(LlamaRuntime.Load(), path);
        var length = ids.Length / 2;
        using var context = new LlamaContext(port, new LlamaContextOptions { ContextLength = length, Threads = 2, CacheType = LlamaCacheType.F32 });
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

        Assert.InRange(largest, 0, 2e-4f);
    }

    [Theory]
    [InlineData("wordnet-llama-v1")]
    [InlineData("llama3-rope")]
    [InlineData("mistral-spm")]
    public void Token_ids_of_the_port_equal_those_of_the_checkpoints_own_tokenizer(string model)
    {
        using var folder = new TemporaryFolder();
        var path = Ports.Make(Repository.Checkpoint(model), "BF16", folder.Path)["BF16"];
        using var port = LlamaModel.Load(LlamaRuntime.Load(), path, new LlamaModelOptions { VocabularyOnly = true });
        using var reference = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Repository.Fixture(model), "reference", "reference.json")));
        foreach (var entry in reference.RootElement.GetProperty("tokenization").EnumerateArray())
        {
            var text = entry.GetProperty("text").GetString()!;
            int[] Ids(string name) => [.. entry.GetProperty(name).EnumerateArray().Select(i => i.GetInt32())];
            Assert.Equal(Ids("ids"), port.Vocabulary.Tokenize(text, addSpecial: true, parseSpecial: true));
            Assert.Equal(Ids("ids_no_special"), port.Vocabulary.Tokenize(text, addSpecial: false, parseSpecial: true));
        }
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
