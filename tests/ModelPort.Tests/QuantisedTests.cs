using ModelPort.Engines.LlamaCpp;
using ModelPort.Formats.Gguf;
using ModelPort.Planning;
using ModelPort.Tests.Support;

namespace ModelPort.Tests;

/// <summary>Our quantised files against llama.cpp's own quantiser, given our F32 file: every tensor's type and every byte.</summary>
public sealed class QuantisedTests
{
    public static TheoryData<string, string> Cases()
    {
        var data = new TheoryData<string, string>();
        foreach (var model in Repository.Fixtures)
        {
            foreach (var precision in Precision.All.Where(p => p.IsQuantised && !p.NeedsImportance))
            {
                data.Add(model, precision.Name);
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_quantised_port_equals_what_llama_cpp_makes_of_our_F32_file(string model, string precision)
    {
        using var folder = new TemporaryFolder();
        var files = Ports.Make(Repository.Checkpoint(model), $"F32;{precision}", folder.Path);
        var fileType = (int)Precision.All.First(p => p.Name == precision).FileType;
        LlamaFileQuantizer.Quantize(files["F32"], folder["theirs.gguf"], fileType);

        GgufFiles.EqualTensors(folder["theirs.gguf"], files[precision]);
        using var ours = GgufShards.Open(files[precision]);
        using var theirs = GgufShards.Open(folder["theirs.gguf"]);
        Assert.True(theirs.Metadata.TryGetInt64("general.file_type", out var theirType) && ours.Metadata.TryGetInt64("general.file_type", out var ourType) && theirType == ourType);
    }

    [Fact]
    public void Several_precisions_from_one_read_equal_those_made_alone()
    {
        using var folder = new TemporaryFolder();
        using var alone = new TemporaryFolder();
        var together = Ports.Make(Repository.Fixture("llama3-rope"), "BF16;Q8_0;Q4_K_M;Q4_0", folder.Path);
        foreach (var (precision, path) in together)
        {
            var single = Ports.Make(Repository.Fixture("llama3-rope"), precision, alone.Path)[precision];
            Assert.Equal(File.ReadAllBytes(single), File.ReadAllBytes(path));
        }
    }

    [Theory]
    [InlineData(1, 1L << 20)]
    [InlineData(2, 1L << 21)]
    [InlineData(7, 1L << 30)]
    public void Bytes_do_not_depend_on_threads_or_memory(int threads, long budget)
    {
        using var folder = new TemporaryFolder();
        using var plain = new TemporaryFolder();
        var expected = Ports.Make(Repository.Fixture("mistral-spm"), "Q4_K_M", plain.Path);
        var actual = Ports.Make(Repository.Fixture("mistral-spm"), "Q4_K_M", folder.Path, r => r with { Threads = threads, MemoryBudget = budget });
        Assert.Equal(File.ReadAllBytes(expected["Q4_K_M"]), File.ReadAllBytes(actual["Q4_K_M"]));
    }
}
