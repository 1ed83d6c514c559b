using CsCheck;
using ModelPort.Engines.LlamaCpp;

namespace ModelPort.Engines.Tests;

public sealed class LlamaVocabularyTests(TinyModelFixture tiny) : IClassFixture<TinyModelFixture>
{
    private readonly LlamaVocabulary _vocabulary = tiny.Model.Vocabulary;

    [Fact]
    public void Text_becomes_the_longest_merges()
    {
        int[] expected = [TinyModel.Id("▁the"), TinyModel.Id("▁cat"), TinyModel.Id("猫")];

        Assert.Equal(expected, _vocabulary.Tokenize("the cat猫", addSpecial: false, parseSpecial: false));
        Assert.Equal([TinyModel.Bos, .. expected], _vocabulary.Tokenize("the cat猫", addSpecial: true, parseSpecial: false));
    }

    [Fact]
    public void A_control_token_is_read_only_on_request()
    {
        Assert.Contains(TinyModel.Control, _vocabulary.Tokenize("a<|note|>", addSpecial: false, parseSpecial: true));
        Assert.DoesNotContain(TinyModel.Control, _vocabulary.Tokenize("a<|note|>", addSpecial: false, parseSpecial: false));
        Assert.Equal("a<|note|>", _vocabulary.Detokenize(_vocabulary.Tokenize("a<|note|>", false, true), unparseSpecial: true));
        Assert.DoesNotContain("note", _vocabulary.Detokenize(_vocabulary.Tokenize("a<|note|>", false, true)), StringComparison.Ordinal);
    }

    [Fact]
    public void Text_survives_the_round_trip() =>
        Gen.String.Where(text => !text.Contains('\0', StringComparison.Ordinal) && IsWellFormed(text)).Sample(
            text => _vocabulary.Detokenize(_vocabulary.Tokenize(text, addSpecial: false, parseSpecial: false)) == (text.Length == 0 ? "" : text),
            iter: 200);

    [Fact]
    public void Long_text_is_tokenised_whole()
    {
        var tokens = _vocabulary.Tokenize(string.Concat(Enumerable.Repeat("ß", 50_000)), addSpecial: false, parseSpecial: false);

        Assert.Equal(100_001, tokens.Length);
    }

    [Fact]
    public void Empty_text_has_no_tokens_but_the_special_ones()
    {
        Assert.Empty(_vocabulary.Tokenize("", addSpecial: false, parseSpecial: false));
        Assert.Equal([TinyModel.Bos], _vocabulary.Tokenize("", addSpecial: true, parseSpecial: false));
        Assert.Equal("", _vocabulary.Detokenize([]));
    }

    [Fact]
    public void Tokens_tell_what_they_are()
    {
        Assert.Equal(TinyModel.Bos, _vocabulary.Bos);
        Assert.Equal(TinyModel.Eos, _vocabulary.Eos);
        Assert.Equal(-1, _vocabulary.Eot);
        Assert.True(_vocabulary.AddBos);
        Assert.False(_vocabulary.AddEos);
        Assert.True(_vocabulary.IsEndOfGeneration(TinyModel.Eos));
        Assert.False(_vocabulary.IsEndOfGeneration(TinyModel.Bos));
        Assert.Equal(LlamaTokenAttributes.Unknown, _vocabulary.TokenAttributes(TinyModel.Unknown));
        Assert.Equal(LlamaTokenAttributes.Control, _vocabulary.TokenAttributes(TinyModel.Control));
        Assert.Equal(LlamaTokenAttributes.Byte, _vocabulary.TokenAttributes(TinyModel.FirstByte));
        Assert.Equal(LlamaTokenAttributes.Normal, _vocabulary.TokenAttributes(TinyModel.Id("▁the")));
        Assert.Equal("▁the", _vocabulary.TokenText(TinyModel.Id("▁the")));
        Assert.Equal(-TinyModel.Id("▁the"), _vocabulary.TokenScore(TinyModel.Id("▁the")));
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(int.MinValue)]
    [InlineData(1_000_000)]
    public void An_id_outside_the_vocabulary_is_refused(int token)
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => _vocabulary.TokenText(token));
        Assert.Throws<ArgumentOutOfRangeException>(() => _vocabulary.TokenScore(token));
        Assert.Throws<ArgumentOutOfRangeException>(() => _vocabulary.TokenAttributes(token));
        Assert.Throws<ArgumentOutOfRangeException>(() => _vocabulary.IsEndOfGeneration(token));
        Assert.Throws<ArgumentOutOfRangeException>(() => _vocabulary.Detokenize([TinyModel.Bos, token]));
    }

    [Fact]
    public void Text_that_a_vocabulary_without_byte_tokens_cannot_spell_is_refused()
    {
        using var model = LoadVocabulary([.. TinyModel.Tokens.Where(token => !token.StartsWith("<0x", StringComparison.Ordinal))]);

        Assert.Equal(2, model.Vocabulary.Tokenize("the cat", addSpecial: false, parseSpecial: false).Length);
        var error = Assert.Throws<EngineException>(() => model.Vocabulary.Tokenize("the dog", addSpecial: false, parseSpecial: false));
        Assert.Equal(EngineFault.TokenizeFailed, error.Fault);
        Assert.Contains("U+0064", error.Found, StringComparison.Ordinal);
    }

    [Fact]
    public void A_begin_token_that_does_not_exist_is_not_added()
    {
        using var model = LoadVocabulary(TinyModel.Tokens, ("tokenizer.ggml.bos_token_id", uint.MaxValue));

        Assert.Contains(model.Vocabulary.Bos, new[] { TinyModel.Bos, -1 });
        if (model.Vocabulary.Bos < 0)
        {
            Assert.Throws<EngineException>(() => model.Vocabulary.Tokenize("the cat", addSpecial: true, parseSpecial: false));
        }
    }

    [Fact]
    public void A_model_without_a_tokeniser_says_so()
    {
        using var folder = new TemporaryFolder();
        TinyModel.Write(folder["a.gguf"], metadata =>
        {
            metadata.Set("tokenizer.ggml.model", "none");
            metadata.Set("llama.vocab_size", (uint)TinyModel.Tokens.Length);
        });
        using var model = LlamaModel.Load(LlamaRuntime.Load(), folder["a.gguf"], new LlamaModelOptions { VocabularyOnly = true });

        Assert.Throws<EngineException>(() => model.Vocabulary.Tokenize("a", addSpecial: false, parseSpecial: false));
        Assert.Throws<EngineException>(() => model.Vocabulary.Detokenize([0]));
        Assert.Throws<EngineException>(() => model.Vocabulary.TokenText(0));
        Assert.Throws<EngineException>(() => model.Vocabulary.TokenAttributes(0));
    }

    private static bool IsWellFormed(string text)
    {
        foreach (var rune in text.EnumerateRunes())
        {
            if (rune.Value == 0xFFFD)
            {
                return false;
            }
        }

        return true;
    }

    private static LlamaModel LoadVocabulary(string[] tokens, params (string Key, uint Value)[] more)
    {
        using var folder = new TemporaryFolder();
        TinyModel.Write(folder["a.gguf"], metadata =>
        {
            metadata.Set("tokenizer.ggml.tokens", tokens);
            metadata.Set("tokenizer.ggml.scores", [.. tokens.Select((_, id) => -(float)id)]);
            metadata.Set("tokenizer.ggml.token_type", [.. tokens.Select((token, id) => id switch { 0 => 2, < 4 => 3, _ => token.StartsWith("<0x", StringComparison.Ordinal) ? 6 : 1 })]);
            foreach (var (key, value) in more)
            {
                metadata.Set(key, value);
            }
        });
        return LlamaModel.Load(LlamaRuntime.Load(), folder["a.gguf"], new LlamaModelOptions { VocabularyOnly = true });
    }
}
