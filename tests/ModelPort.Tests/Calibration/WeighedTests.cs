using System.Runtime.InteropServices;
using ModelPort.Engines.LlamaCpp;
using ModelPort.Formats.Gguf;
using ModelPort.Formats.Importance;
using ModelPort.Formats.Safetensors;
using ModelPort.Planning;
using ModelPort.Tests.Support;

namespace ModelPort.Tests.Calibration;

/// <summary>Files quantised with an importance matrix against llama.cpp's own quantiser, given our F32 file and the same matrix: every tensor's type and every byte.</summary>
public sealed class WeighedTests
{
    private static readonly string[] Lowest = ["IQ3_M", "IQ3_S", "IQ3_XS", "IQ3_XXS", "IQ2_M", "IQ2_S", "IQ2_XS", "IQ2_XXS", "IQ1_M", "IQ1_S"];
    private static readonly string[] Different = ["Q6_K", "Q5_K_M", "Q4_0", "Q4_K_M", "Q3_K_M", "Q2_K_S", "IQ4_XS", "TQ1_0"];

    // ggml searches the grids of the lowest types at a few hundred thousand values a second: with all precisions on all fixtures these tests take minutes.
    private static readonly bool Every = Environment.GetEnvironmentVariable("MODELPORT_TEST_EVERY_PRECISION") == "1";

    public static TheoryData<string> Fixtures() => [.. Repository.Fixtures];

    [Theory]
    [MemberData(nameof(Fixtures))]
    public void A_port_with_a_matrix_equals_what_llama_cpp_makes_of_our_F32_file_with_it(string model) =>
        Equal(Repository.Checkpoint(model), Precision.All.Where(p => Every ? p.IsQuantised : Different.Contains(p.Name)));

    [Theory]
    [InlineData("llama3-rope")]
    [InlineData("mistral-spm")]
    public void So_does_one_of_any_precision_whose_rows_do_not_fill_its_blocks(string model) =>
        Equal(Repository.Checkpoint(model), Precision.All.Where(p => p.IsQuantised && !Different.Contains(p.Name)));

    [Fact]
    public void So_does_one_whose_rows_fill_the_blocks_of_the_lowest_precisions()
    {
        using var checkpoint = Wide();
        Equal(checkpoint.Model, Precision.All.Where(p => Lowest.Contains(p.Name)));
    }

    [Fact]
    public void Bytes_do_not_depend_on_threads_or_memory()
    {
        using var folder = new TemporaryFolder();
        using var plain = new TemporaryFolder();
        var matrix = Matrices.Save(Matrices.Random(Repository.Fixture("mixtral-moe")), folder["matrix.gguf"]);
        var expected = Ports.Make(Repository.Fixture("mixtral-moe"), "Q4_0", plain.Path, r => r with { Calibration = matrix, Threads = 1, MemoryBudget = 1 << 20 });
        var actual = Ports.Make(Repository.Fixture("mixtral-moe"), "Q4_0", folder.Path, r => r with { Calibration = matrix, Threads = 5 });
        Assert.Equal(File.ReadAllBytes(expected["Q4_0"]), File.ReadAllBytes(actual["Q4_0"]));
    }

    [Fact]
    public void The_header_says_which_matrix_it_was()
    {
        using var folder = new TemporaryFolder();
        var matrix = Matrices.Random(Repository.Sample) with { Datasets = ["/home/somebody/texts/" + new string('ä', 100) + ".txt", "other"], ChunkCount = 77 };
        var path = Matrices.Save(matrix, folder["matrix.gguf"]);
        var files = Ports.Make(Repository.Sample, "Q4_K_M;Q8_0", folder.Path, r => r with { Calibration = path });
        using var weighed = GgufShards.Open(files["Q4_K_M"]);
        Assert.Equal(
            ["quantize.imatrix.file", "quantize.imatrix.dataset", "quantize.imatrix.entries_count", "quantize.imatrix.chunks_count"],
            weighed.Metadata.Select(m => m.Key).TakeLast(4));
        Assert.Equal("matrix.gguf", weighed.Metadata["quantize.imatrix.file"].ToString());
        Assert.Equal(new string('ä', 63), weighed.Metadata["quantize.imatrix.dataset"].ToString());
        Assert.Equal(GgufValue.From((uint)matrix.Entries.Count), weighed.Metadata["quantize.imatrix.entries_count"]);
        Assert.Equal(GgufValue.From(77u), weighed.Metadata["quantize.imatrix.chunks_count"]);

        // Nothing in Q8_0 is weighed.
        using var plain = GgufShards.Open(files["Q8_0"]);
        Assert.DoesNotContain(plain.Metadata, m => m.Key.StartsWith("quantize.", StringComparison.Ordinal));
    }

    private static void Equal(string source, IEnumerable<Precision> precisions)
    {
        using var folder = new TemporaryFolder();
        var path = Matrices.Save(Matrices.Random(source), folder["matrix.gguf"]);
        var all = precisions.ToArray();
        var files = Ports.Make(source, $"F32;{string.Join(';', all.Select(p => p.Name))}", folder.Path, r => r with { Calibration = path });
        var options = new LlamaFileQuantizerOptions { Importance = ImportanceMatrix.Read(path).ToWeights() };
        Assert.NotEmpty(all);
        foreach (var precision in all)
        {
            LlamaFileQuantizer.Quantize(files["F32"], folder["theirs.gguf"], (int)precision.FileType, options);
            GgufFiles.EqualTensors(folder["theirs.gguf"], files[precision.Name]);
        }
    }

    /// <summary>A checkpoint of one block whose matrices have rows of 256, with an output matrix of its own and weights from nowhere.</summary>
    private static DamagedCheckpoint Wide()
    {
        var checkpoint = new DamagedCheckpoint("mistral-spm");
        checkpoint.EditConfig(config =>
        {
            config["hidden_size"] = 256;
            config["intermediate_size"] = 256;
            config["num_attention_heads"] = 4;
            config["num_key_value_heads"] = 2;
            config["head_dim"] = 32;
            config["num_hidden_layers"] = 1;
        });
        checkpoint.EditTensors(tensors =>
        {
            var random = new Random(9);
            foreach (var name in tensors.Names.ToArray())
            {
                if (name.Contains("layers.", StringComparison.Ordinal) && !name.Contains("layers.0.", StringComparison.Ordinal))
                {
                    tensors.Remove(name);
                    continue;
                }

                long[] shape = name.Split('.')[^2] switch
                {
                    "embed_tokens" or "lm_head" => [tensors[name].Shape[0], 256],
                    "q_proj" => [128, 256],
                    "k_proj" or "v_proj" => [64, 256],
                    "o_proj" => [256, 128],
                    "gate_proj" or "up_proj" or "down_proj" => [256, 256],
                    _ => [256],
                };
                var values = new ushort[shape.Aggregate(1L, (a, b) => a * b)];
                for (var i = 0; i < values.Length; i++)
                {
                    values[i] = (ushort)(BitConverter.SingleToUInt32Bits((float)((random.NextDouble() + random.NextDouble() - 1) / 8)) >> 16);
                }

                tensors.Change(name, e => e with { Type = SafetensorsType.BF16, Shape = [.. shape], Bytes = MemoryMarshal.AsBytes<ushort>(values).ToArray() });
            }
        });
        return checkpoint;
    }
}
