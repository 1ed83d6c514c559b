using ModelPort.Formats.Tokenizers;

namespace ModelPort.Formats.Tests;

public sealed class TokenizerConfigTests
{
    [Fact]
    public void Tokens_flags_and_templates_are_read_in_all_their_forms()
    {
        TokenizerConfig config = Open("""
            {"bos_token": "<s>", "eos_token": {"__type": "AddedToken", "content": "</s>", "lstrip": false}, "unk_token": null,
             "add_bos_token": true, "add_eos_token": false, "add_prefix_space": null, "clean_up_tokenization_spaces": false,
             "tokenizer_class": "LlamaTokenizer", "model_max_length": 1000000000000000019884624838656,
             "chat_template": [{"name": "default", "template": "{{ x }}"}, {"name": "tool_use", "template": "{{ y }}"}],
             "added_tokens_decoder": {"2": {"content": "</s>", "special": true}, "1": {"content": "x", "normalized": true, "lstrip": true}}}
            """);

        Assert.Equal("<s>", config.Token("bos"));
        Assert.Equal("</s>", config.Token("eos"));
        Assert.Null(config.Token("unk"));
        Assert.Null(config.Token("pad"));
        Assert.True(config.AddToken("bos"));
        Assert.False(config.AddToken("eos"));
        Assert.Null(config.AddToken("sep"));
        Assert.Null(config.AddPrefixSpace);
        Assert.False(config.CleanUpTokenizationSpaces);
        Assert.Equal("LlamaTokenizer", config.TokenizerClass);
        Assert.Equal(1e30, config.ModelMaxLength!.Value, 1e15);
        Assert.Equal([new ChatTemplate("default", "{{ x }}"), new ChatTemplate("tool_use", "{{ y }}")], config.ChatTemplates);
        Assert.Equal([new AddedToken(2, "</s>", true, false, false, false, false), new AddedToken(1, "x", false, true, false, true, false)], config.AddedTokensDecoder);
    }

    [Fact]
    public void A_single_template_is_the_default_one() =>
        Assert.Equal([new ChatTemplate("default", "t")], Open("""{"chat_template": "t"}""").ChatTemplates);

    [Fact]
    public void An_empty_object_is_a_config()
    {
        TokenizerConfig config = Open("{}");
        Assert.Empty(config.ChatTemplates);
        Assert.Empty(config.AddedTokensDecoder);
        Assert.Null(config.TokenizerClass);
        Assert.Null(config.ModelMaxLength);
    }

    [Theory]
    [InlineData("""{"chat_template": 1}""", "chat_template")]
    [InlineData("""{"chat_template": [{"name": "x"}]}""", "chat_template[0].template")]
    [InlineData("""{"added_tokens_decoder": {"x": {"content": "a"}}}""", "added_tokens_decoder")]
    [InlineData("""{"added_tokens_decoder": {"-1": {"content": "a"}}}""", "added_tokens_decoder")]
    [InlineData("""{"added_tokens_decoder": {"1": "a"}}""", "added_tokens_decoder.1")]
    [InlineData("""{"added_tokens_decoder": []}""", "added_tokens_decoder")]
    [InlineData("""{"tokenizer_class": []}""", "tokenizer_class")]
    [InlineData("""{"model_max_length": "long"}""", "model_max_length")]
    [InlineData("""{"add_prefix_space": "true"}""", "add_prefix_space")]
    public void Wrong_types_name_their_key(string json, string member) => Faults.Expect(FileFault.Malformed, () => Open(json), member);

    [Fact]
    public void Wrong_tokens_name_their_key()
    {
        TokenizerConfig config = Open("""{"bos_token": 5, "eos_token": {}, "add_bos_token": 1}""");
        Faults.Expect(FileFault.Malformed, () => config.Token("bos"), "bos_token");
        Faults.Expect(FileFault.Malformed, () => config.Token("eos"), "eos_token.content");
        Faults.Expect(FileFault.Malformed, () => config.AddToken("bos"), "add_bos_token");
    }

    [Fact]
    public void Added_tokens_files_map_texts_to_ids()
    {
        using TempFolder folder = new();
        AddedTokensFile file = AddedTokensFile.Open(folder.Write("added_tokens.json", """{"<b>": 32001, "<a>": 32000}"""));
        Assert.Equal([("<b>", 32001), ("<a>", 32000)], file.Tokens);
        string broken = folder.Write("added_tokens.json", """{"<b>": "1"}""");
        Faults.Expect(FileFault.Malformed, () => AddedTokensFile.Open(broken), "<b>");
    }

    [Fact]
    public void Template_files_are_read_with_LF_and_sorted()
    {
        using TempFolder folder = new();
        folder.Write("chat_template.jinja", "a\r\nb\rc\u2028\f");
        folder.Write("chat_template.json", """{"chat_template": "json"}""");
        folder.Write("additional_chat_templates/tool.jinja", "tool");
        string rag = folder.Write("additional_chat_templates/rag.jinja", "rag");

        ChatTemplateFiles files = ChatTemplateFiles.Open(folder.File("."));

        Assert.Equal("a\nb\nc\u2028\f", files.Jinja);
        Assert.Equal([new ChatTemplate("default", "json")], files.Json);
        Assert.Equal([new ChatTemplate("rag", "rag"), new ChatTemplate("tool", "tool")], files.Additional);
        File.WriteAllBytes(rag, [0xFF]);
        Faults.Expect(FileFault.Malformed, () => ChatTemplateFiles.Open(folder.File(".")), null, "rag.jinja");
    }

    [Fact]
    public void A_folder_without_templates_has_none()
    {
        using TempFolder folder = new();
        ChatTemplateFiles files = ChatTemplateFiles.Open(folder.File("."));
        Assert.Null(files.Jinja);
        Assert.Empty(files.Json);
        Assert.Empty(files.Additional);
    }

    [Fact]
    public void Random_damage_is_refused_or_harmless()
    {
        byte[] bytes = File.ReadAllBytes(Fixtures.Sample("tokenizer_config.json"));
        Damage.NeverSurprises(bytes, bytes.Length, path => TokenizerConfig.Open(path).Token("bos"));
    }

    private static TokenizerConfig Open(string json)
    {
        using TempFolder folder = new();
        return TokenizerConfig.Open(folder.Write("tokenizer_config.json", json));
    }
}
