using System.Text.Json;
using ModelPort.Formats.Tokenizers;
using ModelPort.Tests.Support;
using ModelPort.Tokenizers;

namespace ModelPort.Tests.Tokenizers;

/// <summary>The engine for tokenizer.json against Hugging Face's library, on real tokenizers and those of the fixtures.</summary>
public sealed class SourceTokenizerTests
{
    private static readonly string[] RealModels = ["gpt2", "llama3_1", "qwen3"];
    private static readonly string[] Fixtures = ["wordnet-llama-v1", "llama3-rope", "mistral-spm", "mixtral-moe", "phi3", "qwen2", "qwen3", "gemma2", "gpt2"];

    public static TheoryData<string> FixtureNames => [.. Fixtures];

    [Fact]
    public void The_real_GPT_2_Llama_3_1_and_Qwen_3_tokenizers_give_the_ids_of_Hugging_Face_on_thousands_of_texts() =>
        Compare([.. RealModels.Select(TokenizerOracle.RealTokenizer)], 2500);

    [Fact]
    public void The_fixtures_tokenizers_give_the_ids_of_Hugging_Face() =>
        Compare([.. Fixtures.Select(f => Path.Combine(Repository.Checkpoint(f), "tokenizer.json"))], 1000);

    [Theory]
    [MemberData(nameof(FixtureNames))]
    public void A_fixtures_tokenizer_gives_the_ids_of_its_reference(string model)
    {
        var tokenizer = new HuggingFaceTokenizer(TokenizerJson.Open(Path.Combine(Repository.Checkpoint(model), "tokenizer.json")));
        var reference = Path.Combine(Repository.Fixture(model), "reference", "reference.json");
        using var json = JsonDocument.Parse(File.ReadAllBytes(File.Exists(reference) ? reference : Path.Combine(Repository.Fixture(model), "reference.json")));
        var texts = json.RootElement.GetProperty("tokenization").EnumerateArray().ToArray();
        Assert.True(texts.Length >= 8);
        Assert.All(texts, text =>
        {
            int[] Ids(string name) => [.. text.GetProperty(name).EnumerateArray().Select(id => id.GetInt32())];
            var content = text.GetProperty("text").GetString()!;
            Assert.Equal(Ids("ids_no_special"), tokenizer.Encode(content, addSpecial: false));
            Assert.Equal(Ids("ids"), tokenizer.Encode(content, addSpecial: true));
        });
    }

    [Fact]
    public void Halves_of_surrogate_pairs_count_as_replacement_characters()
    {
        var tokenizer = new HuggingFaceTokenizer(TokenizerJson.Open(Path.Combine(Repository.Checkpoint("qwen2"), "tokenizer.json")));
        Assert.Equal(tokenizer.Encode("a\uFFFDb\uFFFD", addSpecial: true), tokenizer.Encode("a\uD83Db\uDE00", addSpecial: true));
    }

    private static void Compare(string[] paths, int count)
    {
        var tokenizers = paths.Select(p => TokenizerJson.Open(p)).ToArray();
        var texts = tokenizers.Select(t => GeneratedTexts.Make(count, [.. t.AddedTokens.Take(12).Select(a => a.Content)])).ToArray();
        var answers = TokenizerOracle.Ask([.. paths.Zip(texts)]);
        for (var i = 0; i < paths.Length; i++)
        {
            Assert.True(texts[i].Count >= count);
            Compare(new HuggingFaceTokenizer(tokenizers[i]), texts[i], answers[i]);
        }
    }

    private static void Compare(HuggingFaceTokenizer tokenizer, IReadOnlyList<string> texts, OracleAnswer answer)
    {
        for (var i = 0; i < texts.Count; i++)
        {
            var ids = tokenizer.Encode(texts[i], addSpecial: false);
            if (!ids.SequenceEqual(answer.Ids[i]))
            {
                Assert.Fail($"{tokenizer.Path} splits {JsonSerializer.Serialize(texts[i])} into [{string.Join(' ', ids)}], Hugging Face into [{string.Join(' ', answer.Ids[i])}]");
            }

            Assert.Equal(answer.WithSpecial[i], tokenizer.Encode(texts[i], addSpecial: true));
            Assert.Equal(answer.Decoded[i], tokenizer.Decode(ids));
        }
    }
}
