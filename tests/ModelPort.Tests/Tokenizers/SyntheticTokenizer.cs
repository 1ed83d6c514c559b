using System.Text.Json;
using System.Text.Json.Nodes;
using ModelPort.Formats.Tokenizers;
using ModelPort.Tests.Support;
using ModelPort.Tokenizers;

namespace ModelPort.Tests.Tokenizers;

/// <summary>A tokenizer.json made for one test: the steps given, around a byte-pair model that spells every byte.</summary>
internal static class SyntheticTokenizer
{
    /// <summary>The text of a tokenizer.json.</summary>
    /// <param name="change">Adds the steps under test.</param>
    public static JsonObject Json(Action<JsonObject>? change = null)
    {
        var vocabulary = new JsonObject();
        for (var value = 0; value < 256; value++)
        {
            vocabulary[$"<0x{value:X2}>"] = value;
        }

        foreach (var token in (string[])["a", "b", "c", "x", "▁", "ab", "bc", "abc", "aa", "▁a", "<unk>"])
        {
            vocabulary[token] = vocabulary.Count;
        }

        var json = new JsonObject
        {
            ["version"] = "1.0",
            ["truncation"] = null,
            ["padding"] = null,
            ["added_tokens"] = new JsonArray(),
            ["normalizer"] = null,
            ["pre_tokenizer"] = null,
            ["post_processor"] = null,
            ["decoder"] = null,
            ["model"] = new JsonObject
            {
                ["type"] = "BPE",
                ["dropout"] = null,
                ["unk_token"] = null,
                ["continuing_subword_prefix"] = null,
                ["end_of_word_suffix"] = null,
                ["fuse_unk"] = false,
                ["byte_fallback"] = true,
                ["ignore_merges"] = false,
                ["vocab"] = vocabulary,
                ["merges"] = new JsonArray("a b", "b c", "ab c", "a a", "▁ a"),
            },
        };
        change?.Invoke(json);
        return json;
    }

    /// <summary>A tokenizer.json whose member is a text of JSON.</summary>
    public static JsonObject With(string member, string value) => Json(j => j[member] = JsonNode.Parse(value));

    /// <summary>A step that cuts out what a regular expression matches.</summary>
    public static JsonObject Without(string regex) => With("pre_tokenizer", $$"""{"type":"Split","pattern":{"Regex":{{JsonSerializer.Serialize(regex)}}},"behavior":"Removed","invert":false}""");

    /// <summary>An added token.</summary>
    public static JsonObject Added(int id, string content, bool special = false, bool lstrip = false, bool rstrip = false, bool normalized = false, bool singleWord = false) => new()
    {
        ["id"] = id,
        ["content"] = content,
        ["single_word"] = singleWord,
        ["lstrip"] = lstrip,
        ["rstrip"] = rstrip,
        ["normalized"] = normalized,
        ["special"] = special,
    };

    /// <summary>Reads a tokenizer.json.</summary>
    public static HuggingFaceTokenizer Open(JsonObject json)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["tokenizer.json"], json.ToJsonString());
        return new HuggingFaceTokenizer(TokenizerJson.Open(folder["tokenizer.json"]));
    }

    /// <summary>Compares engine and Hugging Face's library; each case has a name for messages.</summary>
    public static void CompareWithOracle(IReadOnlyList<(string Name, JsonObject Json, IReadOnlyList<string> Texts)> cases)
    {
        using var folder = new TemporaryFolder();
        for (var i = 0; i < cases.Count; i++)
        {
            File.WriteAllText(folder[$"{i}.json"], cases[i].Json.ToJsonString());
        }

        var answers = TokenizerOracle.Ask([.. cases.Select((c, i) => (folder[$"{i}.json"], c.Texts))]);
        for (var i = 0; i < cases.Count; i++)
        {
            var tokenizer = new HuggingFaceTokenizer(TokenizerJson.Open(folder[$"{i}.json"]));
            for (var text = 0; text < cases[i].Texts.Count; text++)
            {
                var ids = tokenizer.Encode(cases[i].Texts[text], addSpecial: false);
                if (!ids.SequenceEqual(answers[i].Ids[text]))
                {
                    Assert.Fail($"{cases[i].Name} makes of {JsonSerializer.Serialize(cases[i].Texts[text])} [{string.Join(' ', ids)}], Hugging Face makes [{string.Join(' ', answers[i].Ids[text])}]");
                }

                Assert.Equal(answers[i].WithSpecial[text], tokenizer.Encode(cases[i].Texts[text], addSpecial: true));
                Assert.Equal(answers[i].Decoded[text], tokenizer.Decode(ids));
            }
        }
    }
}
