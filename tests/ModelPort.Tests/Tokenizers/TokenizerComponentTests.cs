using System.Text.Json.Nodes;

namespace ModelPort.Tests.Tokenizers;

/// <summary>Each step of a tokenizer.json by itself, against Hugging Face's library.</summary>
public sealed class TokenizerComponentTests
{
    // Every character of Unicode but for samples of its large uniform blocks, many in a text, with one between that nothing touches.
    private static readonly Lazy<string[]> EveryCharacter = new(() =>
    [
        .. Enumerable.Range(0, 0x110000)
            .Where(c => c is < 0xD800 or > 0xDFFF && (!IsUniform(c) || c % 97 == 0))
            .Chunk(512)
            .Select(chunk => string.Concat(chunk.Select(c => char.ConvertFromUtf32(c) + "x"))),
    ]);

    private static readonly string[] Texts =
    [
        "", " ", "a", "  a  b  ", "a b c", " abc abc", "aaaa aaa aa a", "A, b; c! (abc)", "a1b22c333 4 ²½Ⅳ", "x  \n\n y\t", "\u3000a\u00A0b\u2003", "a\u0301\u0323b\u0323\u0301",
        "e\u0301 \u1100\u1161\u11A8 \uAC01 ﬁ Å", "İIıi ΑΣ ς", "▁a▁▁b a▁", "a.b.c...", "--a--b", "😀a👨‍👩‍👧b𝒜", "a\r\nb\rc\n", "\0a\0", "\u0301a\u0300\u0327\u0301b", "  ", "abcabcabc", "it's I'LL 'ſ",
        "q\u1ABF\u0301e\u1ABF\u0301 \U000105D2\u0307",
    ];

    [Fact]
    public void Steps_over_characters_know_each_as_Hugging_Face_does() => SyntheticTokenizer.CompareWithOracle(
    [
        .. ((string[])["NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents"]).Select(t => (t, SyntheticTokenizer.With("normalizer", $$"""{"type":"{{t}}"}"""), (IReadOnlyList<string>)EveryCharacter.Value)),
        ("Punctuation", SyntheticTokenizer.With("pre_tokenizer", """{"type":"Punctuation","behavior":"Removed"}"""), EveryCharacter.Value),
        ("Digits", SyntheticTokenizer.With("pre_tokenizer", """{"type":"Sequence","pretokenizers":[{"type":"Digits","individual_digits":true},{"type":"Punctuation","behavior":"Removed"}]}"""), EveryCharacter.Value),
        ("WhitespaceSplit", SyntheticTokenizer.With("pre_tokenizer", """{"type":"WhitespaceSplit"}"""), EveryCharacter.Value),
        .. ((string[])[@"\s", @"\w", @"\d", @"\p{L}", @"\p{N}", @"[^\s\p{L}\p{N}]", @"\p{Lu}|\p{Lt}|\p{Lm}|\p{Zs}|\p{Cf}", @"[\p{P}&&[^\p{Po}]]|\p{Sc}|\p{M}", @"(?i:k)|(?i:s)|(?i:t)"])
            .Select(r => (r, SyntheticTokenizer.Without(r), (IReadOnlyList<string>)EveryCharacter.Value)),
    ]);

    [Fact]
    public void Normalisers_give_the_ids_of_Hugging_Face() => Compare("normalizer",
        """{"type":"Sequence","normalizers":[{"type":"NFD"},{"type":"StripAccents"},{"type":"Lowercase"}]}""",
        """{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},{"type":"Replace","pattern":{"String":" "},"content":"▁"}]}""",
        """{"type":"Replace","pattern":{"String":"aa"},"content":""}""",
        """{"type":"Replace","pattern":{"Regex":"\\s+"},"content":" "}""",
        """{"type":"Replace","pattern":{"Regex":" {2,}|[\\n\\t]"},"content":"▁"}""",
        """{"type":"Strip","strip_left":true,"strip_right":false}""",
        """{"type":"Strip","strip_left":false,"strip_right":true}""",
        """{"type":"Strip","strip_left":true,"strip_right":true}""",
        """{"type":"NFKC"}""",
        """{"type":"ByteLevel"}""");

    [Fact]
    public void Pre_tokenizers_give_the_ids_of_Hugging_Face()
    {
        string[] behaviors = ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"];
        Compare("pre_tokenizer",
        [
            .. from behavior in behaviors
               from invert in (string[])["true", "false"]
               from pattern in (string[])["""{"String":" "}""", """{"String":"ab"}""", """{"Regex":"\\s+|[.,;]"}"""]
               select $$"""{"type":"Split","pattern":{{pattern}},"behavior":"{{behavior}}","invert":{{invert}}}""",
            .. behaviors.Select(b => $$"""{"type":"Punctuation","behavior":"{{b}}"}"""),
            .. from prefix in (string[])["true", "false"]
               from regex in (string[])["true", "false"]
               select $$"""{"type":"ByteLevel","add_prefix_space":{{prefix}},"trim_offsets":true,"use_regex":{{regex}}}""",
            .. from scheme in (string[])["always", "first", "never"]
               from split in (string[])["true", "false"]
               select $$"""{"type":"Metaspace","replacement":"▁","prepend_scheme":"{{scheme}}","split":{{split}}}""",
            """{"type":"Metaspace","replacement":"▁","add_prefix_space":true}""",
            """{"type":"Metaspace","replacement":"▁","add_prefix_space":false,"prepend_scheme":"never"}""",
            """{"type":"Digits","individual_digits":false}""",
            """{"type":"Sequence","pretokenizers":[{"type":"Punctuation","behavior":"Contiguous"},{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true},{"type":"Digits","individual_digits":false},{"type":"Split","pattern":{"Regex":"[0-9][0-9][0-9]"},"behavior":"Isolated","invert":false}]}""",
            """{"type":"Sequence","pretokenizers":[{"type":"WhitespaceSplit"},{"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":true}]}""",
        ]);
    }

    [Fact]
    public void Regular_expressions_of_known_tokenizers_give_the_ids_of_Hugging_Face() => SyntheticTokenizer.CompareWithOracle(
    [
        .. ((string[])
        [
            @"[\r\n]", @"\s?\p{L}+", @"\s?[!-/:-~！-／：-～‘-‟　-。]+", @"\s+$", @"[一-龥ࠀ-一가-퟿]+", @"\p{N}{1,3}", @"[0-9][0-9][0-9]", @" ?[^(\s|[.,!?…。，、।۔،])]+", @"^\s+|\s+$",
            @"[!""#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
            @"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
            @"(?=(\d{3})+(?!\d))\d|\d+?", @"(?<=a)b|(?<!b)c", @"(?>a+)b|a*+b|a++c", @"(?i)'ll|ABC", @"\x41|\u0062|\x{1F600}|\t", @"a{2}|a{1,2}?b|b{2,}", @"[a-c&&[^b]]+", @".", @"(?:ab|abc)c?",
        ]).Select(r => (r, SyntheticTokenizer.Without(r), (IReadOnlyList<string>)[.. Texts, .. GeneratedTexts.Make(500)])),
    ]);

    [Fact]
    public void Post_processors_give_the_ids_of_Hugging_Face() => Compare("post_processor",
        """{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>","type_id":0}},{"Sequence":{"id":"A","type_id":0}},{"SpecialToken":{"id":"</s>","type_id":0}}],"pair":[{"Sequence":{"id":"A","type_id":0}},{"Sequence":{"id":"B","type_id":1}}],"special_tokens":{"<s>":{"id":"<s>","ids":[7],"tokens":["<s>"]},"</s>":{"id":"</s>","ids":[8,9],"tokens":["</s>","x"]}}}""",
        """{"type":"Sequence","processors":[{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":false,"use_regex":true},{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],"pair":[{"Sequence":{"id":"A","type_id":0}},{"Sequence":{"id":"B","type_id":1}}],"special_tokens":{"<s>":{"id":"<s>","ids":[7],"tokens":["<s>"]}}}]}""",
        """{"type":"RobertaProcessing","sep":["</s>",2],"cls":["<s>",0],"trim_offsets":true,"add_prefix_space":false}""",
        """{"type":"BertProcessing","sep":["[SEP]",5],"cls":["[CLS]",6]}""",
        """{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true}""");

    [Fact]
    public void Decoders_give_the_text_of_Hugging_Face() => Compare("decoder",
        """{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0}]}""",
        """{"type":"Sequence","decoders":[{"type":"ByteFallback"},{"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":true}]}""",
        """{"type":"Metaspace","replacement":"▁","prepend_scheme":"never","split":false}""",
        """{"type":"Sequence","decoders":[{"type":"ByteFallback"},{"type":"Fuse"},{"type":"Replace","pattern":{"Regex":"[ab]+"},"content":"-"}]}""",
        """{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true}""",
        """{"type":"Fuse"}""");

    [Fact]
    public void Added_tokens_give_the_ids_of_Hugging_Face()
    {
        string[] texts =
        [
            "<t>", "a<t>b", " <t> ", "a <t> <t> b", "<t><t>", "a\u3000<t>\n\nb", "<T>", "<t", "wordb", "word", "a word b", "a,word,b", "éword", "word\u0301", "word\u200D", "word word", "wordword", "<tt>", "a<t> <tt>b", "Ab aB", "ab", "  ab  ",
            "x<t>\u00A0\u2003 y", " \t<t>\t word \t<t>", "²word", "_word", "",
        ];
        bool[] flags = [false, true];
        SyntheticTokenizer.CompareWithOracle(
        [
            .. from left in flags
               from right in flags
               from single in flags
               from normalized in flags
               from normalizer in (string[])["null", """{"type":"Lowercase"}""", """{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},{"type":"Replace","pattern":{"String":" "},"content":"▁"}]}"""]
               select ($"added tokens (lstrip {left}, rstrip {right}, single_word {single}, normalized {normalized}) behind {normalizer}", SyntheticTokenizer.Json(j =>
               {
                   j["normalizer"] = JsonNode.Parse(normalizer);
                   j["added_tokens"] = new JsonArray(
                       SyntheticTokenizer.Added(263, "abc"),
                       SyntheticTokenizer.Added(267, "<t>", true, left, right, normalized, single),
                       SyntheticTokenizer.Added(268, "word", false, left, right, normalized, single),
                       SyntheticTokenizer.Added(269, "<tt>"),
                       SyntheticTokenizer.Added(270, "<t> ", true));
               }), (IReadOnlyList<string>)[.. texts, .. Texts]),
        ]);
    }

    [Fact]
    public void Models_give_the_ids_of_Hugging_Face()
    {
        (string Name, Action<JsonObject> Change)[] models =
        [
            ("unk", m => { m["byte_fallback"] = false; m["unk_token"] = "<unk>"; }),
            ("fused unk", m => { m["byte_fallback"] = false; m["unk_token"] = "<unk>"; m["fuse_unk"] = true; }),
            ("nothing for unknown characters", m => m["byte_fallback"] = false),
            ("some bytes", m => { m["unk_token"] = "<unk>"; m["vocab"]!.AsObject().Remove("<0xC3>"); m["vocab"]!.AsObject().Remove("<0x20>"); }),
            ("some bytes, fused unk", m => { m["unk_token"] = "<unk>"; m["fuse_unk"] = true; m["vocab"]!.AsObject().Remove("<0x20>"); m["vocab"]!.AsObject().Remove("<0x2E>"); }),
            ("ignored merges", m => { m["ignore_merges"] = true; m["vocab"]!["a b c"] = 267; m["vocab"]!["aaaa aaa aa a"] = 268; }),
            ("suffix", m => { m["end_of_word_suffix"] = "</w>"; m["vocab"]!["c</w>"] = 267; m["vocab"]!["bc</w>"] = 268; m["merges"] = new JsonArray("b c</w>", "a b"); }),
            ("prefix", m => { m["continuing_subword_prefix"] = "##"; m["vocab"]!["##b"] = 267; m["vocab"]!["##c"] = 268; m["vocab"]!["##bc"] = 269; m["merges"] = new JsonArray("##b ##c", "a ##b", "ab ##c"); }),
            ("a merge twice", m => m["merges"] = new JsonArray("a b", "b c", "ab c", "a a", "a b")),
            ("overlapping merges", m => { m["vocab"]!["aaa"] = 267; m["vocab"]!["aaaa"] = 268; m["merges"] = new JsonArray("aa a", "a aa", "aa aa", "a a"); }),
            ("merges as pairs", m => m["merges"] = new JsonArray(new JsonArray("a", "b"), new JsonArray("a", "a"))),
        ];
        SyntheticTokenizer.CompareWithOracle([.. models.Select(m => (m.Name, SyntheticTokenizer.Json(j => m.Change(j["model"]!.AsObject())), (IReadOnlyList<string>)[.. Texts, .. GeneratedTexts.Make(400)]))]);
    }

    private static bool IsUniform(int codePoint) => codePoint is
        (>= 0x3400 and < 0xA000) or (>= 0xAC00 and < 0xD7A0) or (>= 0xE000 and < 0xF900) or (>= 0x12500 and < 0x16000) or (>= 0x17000 and < 0x1AF00) or (>= 0x1FC00 and < 0xE0000) or >= 0xE0200;

    private static void Compare(string member, params string[] values) =>
        SyntheticTokenizer.CompareWithOracle([.. values.Select(v => (v, SyntheticTokenizer.With(member, v), (IReadOnlyList<string>)[.. Texts, .. GeneratedTexts.Make(400)]))]);
}
