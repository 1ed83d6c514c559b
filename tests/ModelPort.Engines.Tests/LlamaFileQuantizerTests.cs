using System.Runtime.InteropServices;
using System.Security.Cryptography;
using ModelPort.Engines.LlamaCpp;
using ModelPort.Formats.Gguf;

namespace ModelPort.Engines.Tests;

public sealed class LlamaFileQuantizerTests(TinyModelFixture tiny) : IClassFixture<TinyModelFixture>
{
    private const int Q8_0 = 7;
    private const int Q4_K_M = 15;
    private const int IQ2_XXS = 19;

    [Theory]
    [InlineData(Q8_0)]
    [InlineData(2)]
    [InlineData(12)]
    [InlineData(Q4_K_M)]
    [InlineData(18)]
    [InlineData(30)]
    [InlineData(1)]
    [InlineData(32)]
    public void The_file_holds_what_the_row_quantiser_makes_of_each_tensor(int fileType)
    {
        using var folder = new TemporaryFolder();
        LlamaFileQuantizer.Quantize(tiny.Path, folder["ö.gguf"], fileType);

        using var source = GgufFile.Open(tiny.Path);
        using var port = GgufFile.Open(folder["ö.gguf"]);
        Assert.Equal(source.Tensors.Length, port.Tensors.Length);
        Assert.Contains(port.Tensors, tensor => tensor.Type != GgmlType.F32);
        foreach (var tensor in port.Tensors)
        {
            var expected = new byte[tensor.ByteLength];
            GgmlQuantizer.Quantize((int)tensor.Type, MemoryMarshal.Cast<byte, float>(Read(source, tensor.Name)), expected, tensor.Shape[0]);
            Assert.Equal(expected, Read(port, tensor.Name));
        }
    }

    [Fact]
    public void The_result_loads_and_decodes()
    {
        using var folder = new TemporaryFolder();
        LlamaFileQuantizer.Quantize(tiny.Path, folder["a.gguf"], Q4_K_M);

        using var model = LlamaModel.Load(LlamaRuntime.Load(), folder["a.gguf"], new LlamaModelOptions { CheckTensors = true });
        using var context = new LlamaContext(model, new LlamaContextOptions());
        using var batch = new LlamaBatch(1);
        batch.Add(TinyModel.Bos, 0, 0, wantLogits: true);
        context.Decode(batch, TestContext.Current.CancellationToken);

        Assert.DoesNotContain(context.Logits(0).ToArray(), float.IsNaN);
        Assert.Contains("Q4_K", model.Description, StringComparison.Ordinal);
    }

    [Fact]
    public void The_number_of_threads_does_not_show()
    {
        using var folder = new TemporaryFolder();
        LlamaFileQuantizer.Quantize(tiny.Path, folder["1.gguf"], Q4_K_M, new LlamaFileQuantizerOptions { Threads = 1 });
        LlamaFileQuantizer.Quantize(tiny.Path, folder["3.gguf"], Q4_K_M, new LlamaFileQuantizerOptions { Threads = 3 });

        Assert.Equal(SHA256.HashData(File.ReadAllBytes(folder["1.gguf"])), SHA256.HashData(File.ReadAllBytes(folder["3.gguf"])));
    }

    [Fact]
    public void Types_can_be_chosen_by_tensor()
    {
        using var folder = new TemporaryFolder();
        LlamaFileQuantizer.Quantize(tiny.Path, folder["a.gguf"], Q4_K_M, new LlamaFileQuantizerOptions
        {
            Pure = true,
            EmbeddingType = (int)GgmlType.Q5_0,
            TensorTypes = [(@"blk\.1\.ffn_.*", (int)GgmlType.Q8_0), ("attn_k", (int)GgmlType.Q6_K)],
        });

        using var port = GgufFile.Open(folder["a.gguf"]);
        Assert.Equal(GgmlType.Q5_0, TypeOf(port, "token_embd.weight"));
        Assert.Equal(GgmlType.Q8_0, TypeOf(port, "blk.1.ffn_down.weight"));
        Assert.Equal(GgmlType.Q6_K, TypeOf(port, "blk.0.attn_k.weight"));
        Assert.Equal(GgmlType.Q4_K, TypeOf(port, "blk.0.attn_v.weight"));
        Assert.Equal(GgmlType.F32, TypeOf(port, "blk.0.attn_norm.weight"));
    }

    [Fact]
    public void Importance_reaches_the_rows()
    {
        using var folder = new TemporaryFolder();
        using var source = GgufFile.Open(tiny.Path);
        var importance = source.Tensors.Where(tensor => tensor.Shape.Length == 2)
            .ToDictionary(tensor => tensor.Name, tensor => Enumerable.Range(0, (int)tensor.Shape[0]).Select(i => 0.1f + (i % 3)).ToArray());
        LlamaFileQuantizer.Quantize(tiny.Path, folder["a.gguf"], Q4_K_M, new LlamaFileQuantizerOptions { Importance = importance });

        using var port = GgufFile.Open(folder["a.gguf"]);
        var quantised = port.Tensors.Where(tensor => tensor.Type is GgmlType.Q4_K or GgmlType.Q6_K).ToList();
        Assert.NotEmpty(quantised);
        foreach (var tensor in quantised)
        {
            var expected = new byte[tensor.ByteLength];
            GgmlQuantizer.Quantize((int)tensor.Type, MemoryMarshal.Cast<byte, float>(Read(source, tensor.Name)), expected, tensor.Shape[0], importance[tensor.Name]);
            Assert.Equal(expected, Read(port, tensor.Name));
        }
    }

    [Fact]
    public void Refusals_carry_the_native_log_and_leave_nothing_behind()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder["cut.gguf"], File.ReadAllBytes(tiny.Path)[..100_000]);
        LlamaFileQuantizer.Quantize(tiny.Path, folder["q8.gguf"], Q8_0);
        var before = Directory.GetFiles(folder.Path);

        Refused(folder["absent.gguf"], Q8_0);
        Refused(folder["cut.gguf"], Q8_0);
        Refused(folder["q8.gguf"], Q4_K_M);
        Refused(tiny.Path, 12345);
        Refused(tiny.Path, IQ2_XXS);
        Refused(tiny.Path, Q8_0, new LlamaFileQuantizerOptions { TensorTypes = [("(", 8)] });
        Refused(tiny.Path, Q8_0, new LlamaFileQuantizerOptions { Importance = new Dictionary<string, float[]> { ["blk.0.attn_q.weight"] = [float.NaN] } });
        Refused(tiny.Path, Q8_0, new LlamaFileQuantizerOptions { Importance = new Dictionary<string, float[]> { ["blk.0.attn_q.weight"] = [1, 2, 3] } });

        Assert.Equal(before.Order(), Directory.GetFiles(folder.Path).Order());

        void Refused(string input, int fileType, LlamaFileQuantizerOptions? options = null)
        {
            var error = Assert.Throws<EngineException>(() => LlamaFileQuantizer.Quantize(input, folder["out.gguf"], fileType, options));
            Assert.Equal(EngineFault.QuantizeFailed, error.Fault);
            Assert.NotEmpty(error.NativeLog);
        }
    }

    [Fact]
    public void A_chosen_type_that_does_not_fit_the_rows_is_refused()
    {
        using var folder = new TemporaryFolder();
        TinyModel.Write(folder["narrow.gguf"], embedding: 224);

        LlamaFileQuantizer.Quantize(folder["narrow.gguf"], folder["out.gguf"], Q4_K_M);
        var error = Assert.Throws<EngineException>(() => LlamaFileQuantizer.Quantize(
            folder["narrow.gguf"], folder["out.gguf"], Q4_K_M, new LlamaFileQuantizerOptions { EmbeddingType = (int)GgmlType.Q4_K }));

        Assert.Equal(EngineFault.QuantizeFailed, error.Fault);
        Assert.Contains("224", error.Found, StringComparison.Ordinal);
    }

    [Fact]
    public void A_quantised_source_is_taken_on_request()
    {
        using var folder = new TemporaryFolder();
        LlamaFileQuantizer.Quantize(tiny.Path, folder["q8.gguf"], Q8_0);

        LlamaFileQuantizer.Quantize(folder["q8.gguf"], folder["q4.gguf"], Q4_K_M, new LlamaFileQuantizerOptions { AllowRequantize = true });

        Assert.True(File.Exists(folder["q4.gguf"]));
    }

    [Fact]
    public void Options_that_the_library_would_assert_on_are_refused()
    {
        foreach (var options in new[]
        {
            new LlamaFileQuantizerOptions { Threads = 0 },
            new LlamaFileQuantizerOptions { OutputType = 9 },
            new LlamaFileQuantizerOptions { EmbeddingType = 1000 },
            new LlamaFileQuantizerOptions { TensorTypes = [("attn", 26)] },
        })
        {
            Assert.Throws<ArgumentOutOfRangeException>(() => LlamaFileQuantizer.Quantize(tiny.Path, tiny.Folder["x.gguf"], Q8_0, options));
        }
    }

    private static GgmlType TypeOf(GgufFile file, string name) => file.Tensors.Single(tensor => tensor.Name == name).Type;

    private static byte[] Read(GgufFile file, string name)
    {
        var tensor = file.Tensors.Single(tensor => tensor.Name == name);
        var bytes = new byte[tensor.ByteLength];
        file.Read(tensor, 0, bytes);
        return bytes;
    }
}
