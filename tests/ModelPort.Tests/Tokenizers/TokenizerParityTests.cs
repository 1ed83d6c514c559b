using System.Text.Json;
using System.Text.Json.Nodes;
using ModelPort.Architectures;
using ModelPort.Checkpoints;
using ModelPort.Engines.LlamaCpp;
using ModelPort.Formats.Gguf;
using ModelPort.Parity;
using ModelPort.Parity.Tokenizers;
using ModelPort.Tests.Support;
using ModelPort.Tokenizers;

namespace ModelPort.Tests.Tokenizers;

/// <summary>The tokenizers of ports, run by llama.cpp, against those of their sources: as they are made, and spoilt.</summary>
public sealed class TokenizerParityTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("wordnet-llama-v1")]
    [InlineData("llama3-rope")]
    [InlineData("mistral-spm")]
    [InlineData("mixtral-moe")]
    [InlineData("qwen2")]
    [InlineData("qwen3")]
    public void A_port_as_it_is_made_splits_every_text_as_its_source(string model)
    {
        var comparison = Compare(Repository.Checkpoint(model), Port(model));
        Assert.Equal((null, 100, comparison.Texts), (comparison.NotChecked, comparison.Agreement, comparison.Equal));
        Assert.True(comparison.Texts >= 500);
        Assert.Equal([], comparison.Differences);
        Assert.Equal(["bos", "eos"], comparison.Roles.Select(r => r.Role).Order(StringComparer.Ordinal));
        Assert.All(comparison.Roles, r => Assert.True(r.IsEqual));
        Assert.All(comparison.Classes, c => Assert.Equal(c.Texts, c.Equal));
        Assert.Superset(new HashSet<string>(HardTexts.All.Select(t => t.Class)) { "added", "evaluation" }, comparison.Classes.Select(c => c.Class).ToHashSet());
        // llama.cpp does not compose accents, as these two tokenizers do.
        Assert.Equal(model.StartsWith("qwen", StringComparison.Ordinal), comparison.AgreementAsWritten is > 90 and < 100);
    }

    [Theory]
    [InlineData("gpt2", "gpt-2")]
    [InlineData("llama3_1", "llama-bpe")]
    [InlineData("qwen3", "qwen2")]
    public void A_port_of_a_real_tokenizer_splits_every_text_as_its_source(string model, string preTokenizer)
    {
        var (checkpoint, port) = RealPort(model, preTokenizer);
        var comparison = Compare(checkpoint, port);
        Assert.Equal((null, 100.0, "[]"), (comparison.NotChecked, comparison.Agreement, JsonSerializer.Serialize(comparison.Differences)));
        Assert.True(comparison.Texts > 490);
        // Where "</s>" is an ordinary token, it is none to llama.cpp: that is said, and no fault of the port.
        Assert.All(comparison.Explained, e => Assert.Contains("by its spelling", e.Reason, StringComparison.Ordinal));
        Assert.Equal(model == "qwen3" ? 1 : 0, comparison.Explained.Count);
    }

    [Fact]
    public void A_wrong_pre_tokenizer_is_seen()
    {
        var comparison = Spoilt("llama3-rope", m => m.Set("tokenizer.ggml.pre", "gpt-2"));
        Assert.InRange(comparison.Agreement!.Value, 1, 70);
        Assert.Equal(comparison.Classes.Count(c => c.Texts != c.Equal), comparison.Differences.Count);
    }

    [Fact]
    public void A_pre_tokenizer_that_only_takes_digits_otherwise_is_seen()
    {
        var comparison = Spoilt("wordnet-llama-v1", m => m.Set("tokenizer.ggml.pre", "qwen2"));
        Assert.True(comparison.Agreement < 99.5);
        var numbers = comparison.Differences.Single(d => d.Class == "numbers");
        Assert.Contains(numbers.Text, HardTexts.All.Where(t => t.Class == "numbers").Select(t => t.Text));
        Assert.NotEqual(numbers.Expected[numbers.At - numbers.From], numbers.Found[numbers.At - numbers.From]);
        Assert.Equal(numbers.Expected.Take(numbers.At - numbers.From), numbers.Found.Take(numbers.At - numbers.From));
    }

    [Fact]
    public void A_lost_BOS_is_seen() => Assert.Equal(0, Spoilt("llama3-rope", m => m.Set("tokenizer.ggml.add_bos_token", false)).Agreement);

    [Fact]
    public void A_doubled_BOS_is_seen() => Assert.Equal(0, Spoilt("qwen3", m => m.Set("tokenizer.ggml.add_bos_token", true)).Agreement);

    [Fact]
    public void A_wrong_EOS_is_seen() =>
        Assert.Equal([new("bos", 1019, 1019), new("eos", 1020, 1022)], Spoilt("llama3-rope", m => m.Set("tokenizer.ggml.eos_token_id", 1022u)).Roles);

    [Fact]
    public void A_lost_blank_before_the_text_is_seen() => Assert.InRange(Spoilt("mistral-spm", m => m.Set("tokenizer.ggml.add_space_prefix", false)).Agreement!.Value, 0, 70);

    [Fact]
    public void Merges_in_another_order_are_seen() => Assert.InRange(
        Spoilt("llama3-rope", m =>
        {
            Assert.True(m.TryGetArray<string>("tokenizer.ggml.merges", out var merges));
            m.Set("tokenizer.ggml.merges", merges.ToArray().Reverse().ToArray());
        }).Agreement!.Value,
        0,
        90);

    [Fact]
    public void An_added_token_that_became_text_is_seen()
    {
        var comparison = Spoilt("llama3-rope", m => GgufEdit.SetElement(m, "tokenizer.ggml.token_type", 1021, (int)TokenKind.Normal, m.Set));
        Assert.Contains(comparison.Classes, c => c.Class == "added" && c.Equal < c.Texts);
        Assert.Equal([], comparison.Explained);
    }

    [Fact]
    public void A_checkpoint_with_only_a_tokenizer_model_is_compared_with_SentencePiece()
    {
        using var checkpoint = new DamagedCheckpoint("mistral-spm");
        checkpoint.Delete("tokenizer.json");
        var comparison = Compare(checkpoint.Model, Ports.Make(checkpoint.Model, "F16", _folder.Path)["F16"]);
        Assert.Equal(("tokenizer.model", null, 100), (comparison.Source, comparison.NotChecked, comparison.Agreement));
        Assert.DoesNotContain(comparison.Classes, c => c.Class == "added");
    }

    [Fact]
    public void A_tokenizer_that_is_not_reproduced_is_not_checked_and_the_part_is_named()
    {
        using var checkpoint = new DamagedCheckpoint();
        var port = Ports.Make(checkpoint.Model, "F16", _folder.Path)["F16"];
        checkpoint.EditJson("tokenizer.json", j => j["normalizer"] = new JsonObject { ["type"] = "Nmt" });
        var comparison = Compare(checkpoint.Model, port);
        Assert.Equal((null, 0), (comparison.Agreement, comparison.Texts));
        Assert.StartsWith("normalizer Nmt: ", comparison.NotChecked, StringComparison.Ordinal);
    }

    [Fact]
    public void What_tokenizer_config_says_about_BOS_counts_more_than_the_template()
    {
        using var checkpoint = new DamagedCheckpoint("qwen2");
        checkpoint.EditJson("tokenizer_config.json", j => j["add_bos_token"] = true);
        var port = Ports.Make(checkpoint.Model, "F16", _folder.Path)["F16"];
        Assert.Equal(100, Compare(checkpoint.Model, port).Agreement);
        Assert.Equal(0, Compare(Repository.Checkpoint("qwen2"), port).Agreement);
    }

    private TokenizerComparison Spoilt(string model, Action<GgufMetadata> spoil) =>
        Compare(Repository.Checkpoint(model), GgufEdit.Copy(Port(model), _folder["spoilt.gguf"], spoil));

    private string Port(string model) => Ports.Make(Repository.Checkpoint(model), "F16", _folder.Path)["F16"];

    /// <summary>A fixture with the tokenizer of a real model, and a port of it that has a header only a vocabulary is read from.</summary>
    private (string Checkpoint, string Port) RealPort(string model, string preTokenizer)
    {
        var tokenizer = TokenizerOracle.RealTokenizer(model);
        var port = Port("llama3-rope");
        var source = _folder["real"];
        Directory.CreateDirectory(source);
        foreach (var name in (string[])["config.json", "model.safetensors"])
        {
            File.Copy(Path.Combine(Repository.Checkpoint("llama3-rope"), name), Path.Combine(source, name));
        }

        File.Copy(tokenizer, Path.Combine(source, "tokenizer.json"));
        File.Copy(Path.Combine(Path.GetDirectoryName(tokenizer)!, "tokenizer_config.json"), Path.Combine(source, "tokenizer_config.json"));
        using var checkpoint = Checkpoint.Open(source);
        var json = checkpoint.Tokenizer.Json!;
        var size = json.Vocabulary.Values.Concat(json.AddedTokens.Select(a => a.Id)).Max() + 1;
        return (source, GgufEdit.Copy(port, _folder["real.gguf"], m =>
        {
            foreach (var key in m.Select(k => k.Key).Where(k => k.StartsWith("tokenizer.", StringComparison.Ordinal)).ToArray())
            {
                m.Remove(key);
            }

            m.Set("llama.vocab_size", (uint)size);
            Assert.Equal(preTokenizer, TokenizerHeader.Write(m, checkpoint, [TokenizerKind.ByteLevelBpe], size, null).PreTokenizer);
        }));
    }

    private static TokenizerComparison Compare(string source, string port)
    {
        using var checkpoint = Checkpoint.Open(source);
        using var loaded = LlamaModel.Load(LlamaRuntime.Load(), port, new LlamaModelOptions { VocabularyOnly = true });
        using var file = GgufShards.Open(port);
        var reference = TokenizerReference.Of(checkpoint, loaded.VocabularySize, EvaluationText.Open(null).Beginning(long.MaxValue), TestContext.Current.CancellationToken);
        return TokenizerParity.Measure(reference, loaded.Vocabulary, file.Metadata, TestContext.Current.CancellationToken);
    }
}
