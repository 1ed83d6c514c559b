using System.Text.Json.Nodes;
using ModelPort.Checkpoints;
using ModelPort.Diagnostics;
using ModelPort.Engines.LlamaCpp;
using ModelPort.Formats.Gguf;
using ModelPort.Parity.Behaviour;
using ModelPort.Tests.Support;

namespace ModelPort.Tests.Behaviour;

/// <summary>Ports as they are made, and ports whose headers were spoilt.</summary>
public sealed class BehaviourCheckTests : IDisposable
{
    // llama3-rope: <|begin_of_text|> 1019, <|end_of_text|> 1020, <|start_header_id|> 1021, <|end_header_id|> 1022, <|eot_id|> 1023.
    private const int StartHeader = 1021;
    private const int EndOfTurn = 1023;

    private readonly DamagedCheckpoint _checkpoint = new();

    public void Dispose() => _checkpoint.Dispose();

    [Theory]
    [InlineData("wordnet-llama-v1")]
    [InlineData("llama3-rope")]
    [InlineData("mistral-spm")]
    [InlineData("mixtral-moe")]
    [InlineData("qwen2")]
    [InlineData("qwen3")]
    public void A_port_as_it_is_made_passes(string model)
    {
        using var folder = new TemporaryFolder();
        var findings = Check(Repository.Checkpoint(model), Ports.Make(Repository.Checkpoint(model), "F32", folder.Path)["F32"]);
        Assert.All(findings, f => Assert.Equal(FindingLevel.Pass, f.Level));
        Assert.Equal(["bos", "chatTemplate", "specialTokens", "stopTokens"], findings.Select(f => f.Check).Distinct().Order(StringComparer.Ordinal));
        Assert.All(findings, f => Assert.Null(f.ToDiagnostic("port.gguf")));
    }

    [Fact]
    public void A_pass_says_what_was_looked_at()
    {
        var findings = Check(_checkpoint.Model, Port());
        Assert.Contains("<|begin_of_text|> <|start_header_id|> <|end_header_id|> <|eot_id|>", Text(findings, "specialTokens"), StringComparison.Ordinal);
        Assert.Contains("<|end_of_text|> (1020), <|eot_id|> (1023), as generation_config.json says", Text(findings, "stopTokens"), StringComparison.Ordinal);
        Assert.Contains("writes it too", Text(findings, "bos"), StringComparison.Ordinal);
    }

    [Fact]
    public void Another_template_is_found() =>
        Fails("MP3020", m => m.Set("tokenizer.chat_template", Template(m).Replace("<|eot_id|>", "<|end_of_text|>", StringComparison.Ordinal)), "'nd_of_text|>'", "'ot_id|>'");

    [Fact]
    public void A_template_that_lost_its_end_is_found() =>
        Fails("MP3020", m => m.Set("tokenizer.chat_template", Template(m)[..^1]), "found ''");

    [Fact]
    public void A_lost_template_is_found() => Fails("MP3020", m => m.Remove("tokenizer.chat_template"), "found none");

    [Fact]
    public void A_template_that_the_source_does_not_have_is_found()
    {
        var port = Port();
        _checkpoint.Delete("chat_template.jinja");
        Assert.Equal(["MP3020"], Failures(Check(_checkpoint.Model, port)));
    }

    [Fact]
    public void Each_of_several_templates_is_compared()
    {
        Directory.CreateDirectory(_checkpoint["additional_chat_templates"]);
        File.WriteAllText(_checkpoint[Path.Combine("additional_chat_templates", "tool use.jinja")], "{{ eos_token }}");
        var port = Port();
        Assert.Equal(2, Check(_checkpoint.Model, port).Count(f => f.Check == "chatTemplate"));
        Fails("MP3020", m => m.Set("tokenizer.chat_template.tool_use", "{{ bos_token }}"), "'tool use'", "'bos_token }}'");
    }

    [Fact]
    public void A_special_token_that_is_split_is_found() =>
        Fails("MP3021", m => GgufEdit.SetElement(m, "tokenizer.ggml.token_type", StartHeader, 1, m.Set), "<|start_header_id|>", $"expected [{StartHeader}]");

    [Fact]
    public void An_added_token_that_is_not_special_counts_too()
    {
        _checkpoint.EditJson("tokenizer.json", json => json["added_tokens"]![2]!["special"] = false);
        Assert.Equal([], Failures(Check(_checkpoint.Model, Port())));
        Fails("MP3021", m => GgufEdit.SetElement(m, "tokenizer.ggml.token_type", StartHeader, 1, m.Set), "<|start_header_id|>");
    }

    [Fact]
    public void A_special_token_that_became_another_is_found() =>
        Fails("MP3021", m =>
        {
            GgufEdit.SetElement(m, "tokenizer.ggml.tokens", StartHeader, "<|end_header_id|>", m.Set);
            GgufEdit.SetElement(m, "tokenizer.ggml.tokens", StartHeader + 1, "<|start_header_id|>", m.Set);
        });

    [Fact]
    public void A_lost_BOS_is_found() => Fails("MP3022", m => m.Set("tokenizer.ggml.add_bos_token", false), "BOS is lost", "it puts nothing", "<|begin_of_text|> (1019)");

    [Fact]
    public void Another_BOS_is_found() => Fails("MP3022", m => m.Set("tokenizer.ggml.bos_token_id", (uint)StartHeader), "BOS is another", "<|start_header_id|> (1021)");

    [Fact]
    public void A_BOS_that_is_doubled_by_the_template_is_found()
    {
        // The tokenizer adds none, and the template writes it.
        _checkpoint.EditJson("tokenizer_config.json", json => json["add_bos_token"] = false);
        Assert.Equal([], Failures(Check(_checkpoint.Model, Port())));
        Fails("MP3022", m => m.Set("tokenizer.ggml.add_bos_token", true), "BOS is doubled", "the chat template writes BOS itself");
    }

    [Fact]
    public void An_EOS_after_every_prompt_is_found() => Fails("MP3022", m => m.Set("tokenizer.ggml.add_eos_token", true), "after a text it puts <|end_of_text|> (1020)");

    [Fact]
    public void A_SentencePiece_model_that_lost_its_BOS_is_found()
    {
        using var folder = new TemporaryFolder();
        var source = Repository.Checkpoint("mistral-spm");
        var port = Ports.Make(source, "F32", folder.Path)["F32"];
        var spoilt = GgufEdit.Copy(port, folder["spoilt.gguf"], m => m.Set("tokenizer.ggml.add_bos_token", false));
        Assert.Equal(["MP3022"], Failures(Check(source, spoilt)));
    }

    [Fact]
    public void A_wrong_EOS_is_found() => Fails("MP3023", m => m.Set("tokenizer.ggml.eos_token_id", (uint)StartHeader), "its EOS is <|start_header_id|> (1021)", "<|eot_id|> (1023)");

    [Fact]
    public void A_lost_EOS_is_found() => Fails("MP3023", m => m.Remove("tokenizer.ggml.eos_token_id"), "its EOS is");

    [Fact]
    public void An_end_that_llama_cpp_does_not_know_is_a_warning()
    {
        _checkpoint.EditJson("generation_config.json", json => json["eos_token_id"] = new JsonArray(1020, StartHeader, EndOfTurn));
        var findings = Check(_checkpoint.Model, Port());
        Assert.Equal([], Failures(findings));
        var warning = Assert.Single(findings, f => f.Level == FindingLevel.Warning);
        Assert.Equal(("MP3024", DiagnosticSeverity.Warning), (warning.Code, warning.ToDiagnostic("port.gguf")!.Severity));
        Assert.Contains("<|start_header_id|> (1021)", warning.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Ends_that_only_config_json_lists_count()
    {
        _checkpoint.Delete("generation_config.json");
        _checkpoint.EditConfig(json => json["eos_token_id"] = new JsonArray(1020, StartHeader));
        var findings = Check(_checkpoint.Model, Port());
        Assert.Contains("config.json says", Assert.Single(findings, f => f.Code == "MP3024").Text, StringComparison.Ordinal);
    }

    private string Port()
    {
        Directory.CreateDirectory(_checkpoint.Output);
        return Ports.Make(_checkpoint.Model, "F32", _checkpoint.Output, r => r.With(c => c with { PreTokenizer = "llama-bpe" }))["F32"];
    }

    private void Fails(string code, Action<GgufMetadata> spoil, params string[] texts)
    {
        var path = GgufEdit.Copy(Port(), _checkpoint.Beside("spoilt.gguf"), spoil);
        var findings = Check(_checkpoint.Model, path);
        Assert.Contains(code, Failures(findings));
        var failure = findings.First(f => f.Code == code && f.Level == FindingLevel.Failure);
        Assert.All(texts, text => Assert.Contains(text, failure.Text, StringComparison.Ordinal));
        Assert.Equal(new Diagnostic(code, DiagnosticSeverity.Error, path, failure.Text), failure.ToDiagnostic(path));
    }

    private static string Template(GgufMetadata metadata) => metadata.TryGetString("tokenizer.chat_template", out var text) ? text : throw new KeyNotFoundException();

    private static string[] Failures(IReadOnlyList<BehaviourFinding> findings) => [.. findings.Where(f => f.Level == FindingLevel.Failure).Select(f => f.Code)];

    private static string Text(IReadOnlyList<BehaviourFinding> findings, string check) => findings.First(f => f.Check == check).Text;

    private static IReadOnlyList<BehaviourFinding> Check(string source, string port)
    {
        using var checkpoint = Checkpoint.Open(source);
        using var file = GgufShards.Open(port);
        using var model = LlamaModel.Load(LlamaRuntime.Load(), port, new LlamaModelOptions { VocabularyOnly = true });
        return BehaviourChecks.Make(checkpoint, file.Metadata, model.Vocabulary);
    }
}
