using System.Text.Json;
using ModelPort.Engines.LlamaCpp;
using ModelPort.Tests.Support;

namespace ModelPort.Tests;

/// <summary>Our F32 files, run by llama.cpp, against what PyTorch computed in double precision from the same checkpoints.</summary>
public sealed class ReferenceTests
{
    public static TheoryData<string> Models() => [.. Repository.Fixtures];

    [Theory]
    [MemberData(nameof(Models))]
    public void Logits_of_the_F32_port_equal_PyTorchs(string model)
    {
        using var folder = new TemporaryFolder();
        var path = Ports.Make(Repository.Checkpoint(model), "F32", folder.Path)["F32"];
        Assert.InRange(ReferenceLogits.LargestDifference(path, Path.Combine(Repository.Fixture(model), "reference", "logits.safetensors")), 0, 2e-4f);
    }

    [Theory]
    [MemberData(nameof(Models))]
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
}
