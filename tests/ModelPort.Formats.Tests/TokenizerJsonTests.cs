using ModelPort.Formats.Tokenizers;

namespace ModelPort.Formats.Tests;

public sealed class TokenizerJsonTests
{
    private const string Vocabulary = """{"a":0,"b":1,"ab":2," ":3,"a ":4}""";

    [Fact]
    public void Merges_are_read_in_both_forms()
    {
        TokenizerJson strings = OpenModel($$"""{"type":"BPE","vocab":{{Vocabulary}},"merges":["a b"]}""");
        TokenizerJson pairs = OpenModel($$"""{"type":"BPE","merges":[["a","b"],["a"," "]],"vocab":{{Vocabulary}}}""");

        Assert.Equal([new BpeMerge("a", "b")], strings.Merges);
        Assert.Equal([new BpeMerge("a", "b"), new BpeMerge("a", " ")], pairs.Merges);
        Assert.Same(pairs.Merges[0].Left, pairs.Merges[1].Left);
        Assert.Equal(5, pairs.Vocabulary.Count);
    }

    [Fact]
    public void All_fields_are_read()
    {
        using TempFolder folder = new();
        TokenizerJson tokenizer = TokenizerJson.Open(folder.Write("tokenizer.json", """
            {"version":"1.0","truncation":null,"padding":{"x":[1,{}]},
             "added_tokens":[{"id":7,"content":"<s>","special":true,"lstrip":true,"rstrip":false,"normalized":true,"single_word":true},{"id":8,"content":"x"}],
             "normalizer":{"type":"NFC"},"pre_tokenizer":null,"post_processor":{"type":"ByteLevel"},"decoder":{"type":"ByteLevel"},
             "model":{"type":"BPE","dropout":0.25,"unk_token":"<unk>","continuing_subword_prefix":"##","end_of_word_suffix":"</w>","fuse_unk":true,
                      "byte_fallback":true,"ignore_merges":true,"vocab":{"<unk>":0,"a":1,"##b":2,"ab":3},"merges":["a ##b"]}}
            """));

        Assert.Equal("BPE", tokenizer.ModelType);
        Assert.Equal([new AddedToken(7, "<s>", true, true, false, true, true), new AddedToken(8, "x", false, false, false, true, false)], tokenizer.AddedTokens);
        Assert.Equal("NFC", tokenizer.Normalizer!.Value.GetProperty("type").GetString());
        Assert.Null(tokenizer.PreTokenizer);
        Assert.NotNull(tokenizer.PostProcessor);
        Assert.NotNull(tokenizer.Decoder);
        Assert.True(tokenizer.ByteFallback && tokenizer.IgnoreMerges && tokenizer.FuseUnknown);
        Assert.Equal(("<unk>", "##", "</w>"), (tokenizer.UnknownToken, tokenizer.ContinuingSubwordPrefix, tokenizer.EndOfWordSuffix));
        Assert.Equal([new BpeMerge("a", "##b")], tokenizer.Merges);
        Assert.Equal(0.25, tokenizer.Dropout);
    }

    [Fact]
    public void Unigram_pieces_have_their_index_as_id()
    {
        TokenizerJson tokenizer = OpenModel("""{"type":"Unigram","unk_id":1,"vocab":[["▁a",-1.5],["<unk>",0]],"byte_fallback":false}""");

        Assert.Equal([new UnigramPiece("▁a", -1.5), new UnigramPiece("<unk>", 0)], tokenizer.UnigramPieces);
        Assert.Equal(1, tokenizer.Vocabulary["<unk>"]);
        Assert.Equal("<unk>", tokenizer.UnknownToken);
    }

    [Theory]
    [InlineData("""{"vocab":{"a":0},"merges":[]}""", "BPE")]
    [InlineData("""{"vocab":[["a",0]],"unk_id":0}""", "Unigram")]
    [InlineData("""{"vocab":{"a":0},"unk_token":"a","continuing_subword_prefix":"##","max_input_chars_per_word":100}""", "WordPiece")]
    [InlineData("""{"vocab":{"a":0},"unk_token":"a"}""", "WordLevel")]
    public void A_missing_type_is_inferred_as_the_reference_does(string model, string type) => Assert.Equal(type, OpenModel(model).ModelType);

    [Theory]
    [InlineData("""{"type":"BPE","vocab":{"a":0,"a":1},"merges":[]}""", FileFault.Duplicate, "model.vocab")]
    [InlineData("""{"type":"BPE","vocab":{"a":-1},"merges":[]}""", FileFault.Malformed, "model.vocab.a")]
    [InlineData("""{"type":"BPE","vocab":{"a":1.5},"merges":[]}""", FileFault.Malformed, "model.vocab.a")]
    [InlineData("""{"type":"BPE","vocab":{"a":4294967296},"merges":[]}""", FileFault.Malformed, "model.vocab.a")]
    [InlineData("""{"type":"BPE","vocab":{"a":"0"},"merges":[]}""", FileFault.Malformed, "model.vocab.a")]
    [InlineData("""{"type":"BPE","vocab":{"a":{}},"merges":[]}""", FileFault.Malformed, "model.vocab.a")]
    [InlineData("""{"type":"BPE","vocab":7,"merges":[]}""", FileFault.Malformed, "model.vocab")]
    [InlineData("""{"type":"BPE","merges":[]}""", FileFault.Malformed, "model.vocab")]
    [InlineData("""{"type":"BPE","vocab":{"a":0}}""", FileFault.Malformed, "model.merges")]
    [InlineData("""{"type":"BPE","vocab":{"a":0},"merges":{}}""", FileFault.Malformed, "model.merges[0]")]
    [InlineData("""{"type":"BPE","vocab":{"a":0},"merges":[7]}""", FileFault.Malformed, "model.merges[0]")]
    [InlineData("""{"type":"BPE","vocab":{"a":0},"merges":["a"]}""", FileFault.Malformed, "model.merges[0]")]
    [InlineData("""{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},"merges":["a b","a b a"]}""", FileFault.Malformed, "model.merges[1]")]
    [InlineData("""{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},"merges":[["a","b","a"]]}""", FileFault.Malformed, "model.merges[0]")]
    [InlineData("""{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},"merges":[["a"]]}""", FileFault.Malformed, "model.merges[0]")]
    [InlineData("""{"type":"BPE","vocab":{"a":0,"b":1},"merges":["a b"]}""", FileFault.Inconsistent, "model.merges[0]")]
    [InlineData("""{"type":"BPE","vocab":{"a":0},"merges":["a c"]}""", FileFault.Inconsistent, "model.merges[0]")]
    [InlineData("""{"type":"BPE","vocab":[["a",0]],"merges":[]}""", FileFault.Inconsistent, "model.vocab")]
    [InlineData("""{"type":"Unigram","vocab":{"a":0}}""", FileFault.Inconsistent, "model.vocab")]
    [InlineData("""{"type":"Unigram","vocab":[["a",0],["a",0]]}""", FileFault.Duplicate, "model.vocab")]
    [InlineData("""{"type":"Unigram","vocab":[["a"]]}""", FileFault.Malformed, "model.vocab[0]")]
    [InlineData("""{"type":"Unigram","vocab":[["a",0,0]]}""", FileFault.Malformed, "model.vocab[0]")]
    [InlineData("""{"type":"Unigram","vocab":[["a","0"]]}""", FileFault.Malformed, "model.vocab[0]")]
    [InlineData("""{"type":"Unigram","vocab":[["a",0]],"unk_id":1}""", FileFault.Inconsistent, "model.unk_id")]
    [InlineData("""{"type":"Morse","vocab":{"a":0}}""", FileFault.UnknownType, "model.type")]
    [InlineData("""{"type":"BPE","vocab":{},"merges":[],"byte_fallback":"yes"}""", FileFault.Malformed, "model.byte_fallback")]
    [InlineData("""{"type":"BPE","type":"BPE","vocab":{},"merges":[]}""", FileFault.Duplicate, "model.type")]
    [InlineData("""[]""", FileFault.Malformed, "model")]
    public void Models_that_break_a_rule_are_refused(string model, FileFault fault, string member) => Faults.Expect(fault, () => OpenModel(model), member);

    [Theory]
    [InlineData("""[]""", null)]
    [InlineData("""{"model":{"vocab":{},"merges":[]},"added_tokens":[{"id":1}]}""", "added_tokens[0].content")]
    [InlineData("""{"model":{"vocab":{},"merges":[]},"added_tokens":[{"content":"a"}]}""", "added_tokens[0].id")]
    [InlineData("""{"model":{"vocab":{},"merges":[]},"added_tokens":[{"id":-1,"content":"a"}]}""", "added_tokens[0].id")]
    [InlineData("""{"model":{"vocab":{},"merges":[]},"added_tokens":[{"id":1,"content":"a","special":1}]}""", "added_tokens[0].special")]
    [InlineData("""{"model":{"vocab":{},"merges":[]},"added_tokens":[1]}""", "added_tokens[0]")]
    [InlineData("""{"model":{"vocab":{},"merges":[]},"normalizer":"NFC"}""", "normalizer")]
    [InlineData("""{"model":{"vocab":{"\ud83d":1},"merges":[]}}""", null)]
    [InlineData("""{"model":{"vocab":{},"merges":[]}""", null)]
    [InlineData("", null)]
    public void Files_that_break_a_rule_are_refused(string json, string? member)
    {
        using TempFolder folder = new();
        string path = folder.Write("tokenizer.json", json);
        Assert.Equal(member, Faults.Expect(FileFault.Malformed, () => TokenizerJson.Open(path)).Member);
    }

    [Fact]
    public void Faults_name_the_line()
    {
        using TempFolder folder = new();
        string path = folder.Write("tokenizer.json", "{\n\"model\": {\"vocab\": {\n\"a\": 0,\n  \"a\": 1}}}");
        Faults.Expect(FileFault.Duplicate, () => TokenizerJson.Open(path), null, "line 4");
        path = folder.Write("tokenizer.json", "{\n\"model\": {\"vocab\": {\"a\": 0},\n\"merges\": [\n\"a a\"]}}");
        Faults.Expect(FileFault.Inconsistent, () => TokenizerJson.Open(path), null, "line 4");
        path = folder.Write("tokenizer.json", "{\n\n  oops}");
        Faults.Expect(FileFault.Malformed, () => TokenizerJson.Open(path), null, "line 3, byte 3");
    }

    [Fact]
    public void Random_damage_is_refused_or_harmless()
    {
        byte[] tokenizer = File.ReadAllBytes(Fixtures.Model("gpt2", "tokenizer.json"));
        Damage.NeverSurprises(tokenizer, tokenizer.Length, path => TokenizerJson.Open(path), 500);
    }

    private static TokenizerJson OpenModel(string model)
    {
        using TempFolder folder = new();
        return TokenizerJson.Open(folder.Write("tokenizer.json", $$"""{"model":{{model}} }"""));
    }
}
