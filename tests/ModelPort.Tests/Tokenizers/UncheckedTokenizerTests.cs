using System.Diagnostics;
using System.Text.Json.Nodes;
using ModelPort.Tokenizers;
using ModelPort.Tokenizers.Patterns;

namespace ModelPort.Tests.Tokenizers;

/// <summary>What the engine does not reproduce is refused by its name; what is made to be slow or large is refused in time.</summary>
public sealed class UncheckedTokenizerTests
{
    [Theory]
    [InlineData("normalizer", """{"type":"Precompiled","precompiled_charsmap":"AAAA"}""", "normalizer Precompiled")]
    [InlineData("normalizer", """{"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"Nmt"}]}""", "normalizer Nmt")]
    [InlineData("normalizer", """{"type":"BertNormalizer"}""", "normalizer BertNormalizer")]
    [InlineData("normalizer", """{"type":"Sequence"}""", "normalizer Sequence")]
    [InlineData("normalizer", """{"type":"Replace","pattern":{"String":""},"content":"x"}""", "normalizer Replace")]
    [InlineData("normalizer", """{"type":"Replace","pattern":{"Regex":"a*"},"content":"x"}""", "normalizer Replace")]
    [InlineData("normalizer", """{"type":"Replace","pattern":{"String":"a"}}""", "normalizer Replace")]
    [InlineData("normalizer", """{"prepend":"a"}""", "normalizer")]
    [InlineData("pre_tokenizer", """{"type":"UnicodeScripts"}""", "pre_tokenizer UnicodeScripts")]
    [InlineData("pre_tokenizer", """{"type":"Whitespace"}""", "pre_tokenizer Whitespace")]
    [InlineData("pre_tokenizer", """{"type":"Split","pattern":{"Regex":"\\p{Han}+"},"behavior":"Isolated","invert":false}""", "pre_tokenizer Split")]
    [InlineData("pre_tokenizer", """{"type":"Split","pattern":{"Regex":"a"},"behavior":"Sideways","invert":false}""", "pre_tokenizer Split")]
    [InlineData("pre_tokenizer", """{"type":"ByteLevel","add_prefix_space":1}""", "pre_tokenizer ByteLevel")]
    [InlineData("pre_tokenizer", """{"type":"Metaspace","replacement":"__"}""", "pre_tokenizer Metaspace")]
    [InlineData("pre_tokenizer", """{"type":"Sequence","pretokenizers":[{"type":"WhitespaceSplit"},{"type":"Metaspace","replacement":"_","prepend_scheme":"first"}]}""", "pre_tokenizer Metaspace")]
    [InlineData("post_processor", """{"type":"Sequence","processors":[{"type":"BertProcessing","sep":["a",1],"cls":["b",2]},{"type":"BertProcessing","sep":["a",1],"cls":["b",2]}]}""", "post_processor Sequence")]
    [InlineData("post_processor", """{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>","type_id":0}}],"special_tokens":{}}""", "post_processor TemplateProcessing")]
    [InlineData("post_processor", """{"type":"TemplateProcessing","single":[{"Sequence":{"id":"B","type_id":0}}],"special_tokens":{}}""", "post_processor TemplateProcessing")]
    [InlineData("added_tokens", """[{"id":999,"content":"<t>","special":true}]""", "added token '<t>'")]
    [InlineData("model", """{"type":"WordLevel","vocab":{"a":0},"unk_token":"a"}""", "model WordLevel")]
    [InlineData("model", """{"type":"BPE","dropout":0.1,"vocab":{"a":0},"merges":[]}""", "model BPE")]
    public void A_part_that_is_not_reproduced_is_named(string member, string value, string component)
    {
        var error = Assert.Throws<TokenizerUncheckedException>(() => SyntheticTokenizer.Open(SyntheticTokenizer.With(member, value)));
        Assert.Equal(component, error.Component);
        Assert.NotEmpty(error.Reason);
    }

    [Theory]
    [InlineData(@"\p{Han}")]
    [InlineData(@"\bword")]
    [InlineData(@"(a)\1")]
    [InlineData(@"(?<name>a)")]
    [InlineData(@"(?m)a")]
    [InlineData(@"(?i:[a-z])")]
    [InlineData(@"(?i:ss)")]
    [InlineData(@"(?i:ü)")]
    [InlineData(@"[[:alpha:]]")]
    [InlineData(@"[a-\d]")]
    [InlineData(@"[z-a]")]
    [InlineData(@"[a")]
    [InlineData(@"(a")]
    [InlineData(@"a)")]
    [InlineData(@"a**")]
    [InlineData(@"(a*)+b")]
    [InlineData(@"a{2}?")]
    [InlineData(@"a{2,1}")]
    [InlineData(@"a{999999}")]
    [InlineData(@"(?<=a+)b")]
    [InlineData(@"a|")]
    [InlineData(@"\Ga")]
    [InlineData(@"\xFF")]
    [InlineData(@"a\")]
    public void A_regular_expression_that_is_not_reproduced_is_refused(string pattern) => Assert.Throws<TokenizerUncheckedException>(() => new RegexPattern(pattern));

    [Fact]
    public void Groups_and_classes_nested_without_end_are_refused()
    {
        foreach (var (open, close) in new[] { ("(", ")"), ("[", "]") })
        {
            var pattern = string.Concat(Enumerable.Repeat(open, 50_000)) + "a" + string.Concat(Enumerable.Repeat(close, 50_000));
            Assert.Throws<TokenizerUncheckedException>(() => new RegexPattern(pattern));
        }
    }

    [Fact]
    public void A_search_without_end_is_ended()
    {
        var pattern = new RegexPattern("(?:a|aa)+(?=b)", TimeSpan.FromMilliseconds(100));
        var error = Assert.Throws<TokenizerUncheckedException>(() => pattern.Find(new string('a', 100), []));
        Assert.Contains("longer than 0.1 s", error.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Replacements_that_double_a_text_again_and_again_are_ended()
    {
        var steps = new JsonArray([.. Enumerable.Repeat(0, 60).Select(_ => JsonNode.Parse("""{"type":"Replace","pattern":{"String":"a"},"content":"aa"}"""))]);
        var tokenizer = SyntheticTokenizer.Open(SyntheticTokenizer.Json(j => j["normalizer"] = new JsonObject { ["type"] = "Sequence", ["normalizers"] = steps }));
        Assert.Equal("normalizer Replace", Assert.Throws<TokenizerUncheckedException>(() => tokenizer.Encode("a", false)).Component);
    }

    [Fact]
    public void A_missing_unknown_token_is_named_when_it_is_needed()
    {
        var tokenizer = SyntheticTokenizer.Open(SyntheticTokenizer.Json(j =>
        {
            j["model"]!["byte_fallback"] = false;
            j["model"]!["unk_token"] = "<none>";
        }));
        Assert.Single(tokenizer.Encode("abc", false));
        Assert.Contains("<none>", Assert.Throws<TokenizerUncheckedException>(() => tokenizer.Encode("?", false)).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void A_word_of_a_million_characters_takes_no_quadratic_time()
    {
        var tokenizer = SyntheticTokenizer.Open(SyntheticTokenizer.Json());
        tokenizer.Encode("abc", false);
        double Milliseconds(int length)
        {
            var text = string.Concat(Enumerable.Repeat("ab", length / 2));
            var start = Stopwatch.GetTimestamp();
            Assert.Equal(length / 2, tokenizer.Encode(text, false).Length);
            return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        }

        // Quadratic time would take 256 times as long for 16 times the length.
        var small = Enumerable.Range(0, 3).Min(_ => Milliseconds(1 << 16));
        Assert.InRange(Milliseconds(1 << 20) / small, 0, 100);
    }
}
