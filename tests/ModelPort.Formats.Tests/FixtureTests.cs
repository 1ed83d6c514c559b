using System.Collections.Immutable;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using ModelPort.Formats.Cards;
using ModelPort.Formats.Safetensors;
using ModelPort.Formats.Tokenizers;

namespace ModelPort.Formats.Tests;

/// <summary>Real checkpoints, compared with what the reference converter made of them (golden/*.json).</summary>
public sealed class FixtureTests
{
    [Theory]
    [InlineData("wordnet-llama-v1")]
    [InlineData("llama3-rope")]
    [InlineData("mistral-spm")]
    [InlineData("phi3")]
    [InlineData("qwen2")]
    [InlineData("gemma2")]
    [InlineData("gpt2")]
    public void Tokenizer_json_holds_the_tokens_and_merges_of_the_golden_file(string model)
    {
        TokenizerJson tokenizer = TokenizerJson.Open(Path(model, "tokenizer.json"));
        JsonElement golden = Golden(model);

        Assert.Equal("BPE", tokenizer.ModelType);
        int expected = golden.GetProperty("tokenizer.ggml.tokens").GetProperty("value").GetProperty("len").GetInt32();
        int size = tokenizer.Vocabulary.Values.Concat(tokenizer.AddedTokens.Select(token => token.Id)).Max() + 1;
        // Qwen 2 pads its embedding beyond the tokenizer.
        Assert.InRange(size, expected - (model == "qwen2" ? 128 : 0), expected);
        if (golden.TryGetProperty("tokenizer.ggml.merges", out JsonElement merges))
        {
            Assert.Equal(Sha256(merges), Sha256(PythonList(tokenizer.Merges.Select(merge => $"{merge.Left} {merge.Right}"))));
        }

        if (size == expected)
        {
            string[] tokens = new string[size];
            foreach ((string token, int id) in tokenizer.Vocabulary.Concat(tokenizer.AddedTokens.Select(token => KeyValuePair.Create(token.Content, token.Id))))
            {
                tokens[id] = token;
            }

            Assert.Equal(Sha256(golden.GetProperty("tokenizer.ggml.tokens")), Sha256(PythonList(tokens)));
        }
    }

    [Theory]
    [InlineData("mistral-spm")]
    [InlineData("gemma2")]
    public void Tokenizer_model_holds_the_pieces_types_and_ids_of_the_golden_file(string model)
    {
        SentencePieceModel tokenizer = SentencePieceModel.Open(Path(model, "tokenizer.model"));
        JsonElement golden = Golden(model);

        Assert.Equal(SentencePieceAlgorithm.Bpe, tokenizer.ModelType);
        Assert.True(tokenizer.ByteFallback);
        Assert.Equal(Sha256(golden.GetProperty("tokenizer.ggml.tokens")), Sha256(PythonList(tokenizer.Pieces.Select(piece => piece.Text))));
        Assert.Equal(
            golden.GetProperty("tokenizer.ggml.scores").GetProperty("value").GetProperty("len").GetInt32(), tokenizer.Pieces.Length);
        // The converter writes user-defined pieces as ordinary ones.
        IEnumerable<int> types = tokenizer.Pieces.Select(piece => (int)(piece.Type == SentencePieceType.UserDefined ? SentencePieceType.Normal : piece.Type));
        Assert.Equal(Sha256(golden.GetProperty("tokenizer.ggml.token_type")), Sha256($"[{string.Join(", ", types)}]"));
        Assert.Equal(Number(golden, "tokenizer.ggml.bos_token_id"), tokenizer.BosId);
        Assert.Equal(Number(golden, "tokenizer.ggml.eos_token_id"), tokenizer.EosId);
        Assert.Equal(Number(golden, "tokenizer.ggml.unknown_token_id"), tokenizer.UnknownId);
    }

    [Theory]
    [InlineData("wordnet-llama-v1")]
    [InlineData("llama3-rope")]
    [InlineData("mistral-spm")]
    public void Safetensors_files_open_and_cover_themselves(string model)
    {
        using SafetensorsFile file = SafetensorsFile.Open(Path(model, "model.safetensors"));
        Assert.Equal("pt", file.Metadata["format"]);
        Assert.Equal(file.FileLength, file.Tensors[^1].Offset + file.Tensors[^1].ByteLength);
        Assert.All(file.Tensors, tensor => Assert.Equal(SafetensorsType.BF16, tensor.Type));
        Assert.True(file.TryGet("model.embed_tokens.weight", out SafetensorsTensor? embedding));
        ModelConfig config = ModelConfig.Open(Path(model, "config.json"));
        Assert.True(config.TryGetInt64(out long vocabulary, "vocab_size"));
        Assert.True(config.TryGetInt64(out long hidden, "hidden_size"));
        Assert.Equal([vocabulary, hidden], embedding.Shape);

        using SafetensorsFile logits = SafetensorsFile.Open(Fixtures.Model(model, "reference/logits.safetensors"));
        Assert.True(logits.TryGet("logits", out SafetensorsTensor? tensor));
        Assert.Equal([2, 48, vocabulary], tensor.Shape);
    }

    [Fact]
    public void A_tensor_of_a_real_file_has_the_bytes_of_the_golden_file()
    {
        using SafetensorsFile file = SafetensorsFile.Open(Fixtures.Sample("model.safetensors"));
        using JsonDocument golden = JsonDocument.Parse(File.ReadAllBytes(Fixtures.Model("wordnet-llama-v1", "golden/bf16.json")));
        Assert.True(file.TryGet("model.embed_tokens.weight", out SafetensorsTensor? embedding));
        byte[] bytes = new byte[embedding.ByteLength];
        // Two reads in the wrong order: reading is by position.
        int half = bytes.Length / 2;
        file.Read(embedding, half, bytes.AsSpan(half));
        file.Read(embedding, 0, bytes.AsSpan(0, half));

        JsonElement expected = golden.RootElement.GetProperty("tensors").EnumerateArray().Single(t => t.GetProperty("name").GetString() == "token_embd.weight");
        Assert.Equal(expected.GetProperty("sha256").GetString(), Convert.ToHexStringLower(SHA256.HashData(bytes)));
    }

    [Fact]
    public void Configurations_templates_and_the_card_of_the_sample_open()
    {
        TokenizerConfig config = TokenizerConfig.Open(Fixtures.Sample("tokenizer_config.json"));
        Assert.Equal("<|begin_of_text|>", config.Token("bos"));
        Assert.Equal(["LlamaForCausalLM"], ModelConfig.Open(Fixtures.Sample("config.json")).Architectures);
        ImmutableArray<long> ends = GenerationConfig.Open(Fixtures.Sample("generation_config.json")).EosTokenIds;
        Assert.Equal([2044], ends);
        string? template = ChatTemplateFiles.Open(System.IO.Path.GetDirectoryName(Fixtures.Sample("config.json"))!).Jinja;
        Assert.Equal(Golden("wordnet-llama-v1").GetProperty("tokenizer.chat_template").GetProperty("value").GetString(), template);
        Assert.NotEmpty(ModelCard.Open(Fixtures.Sample("README.md")).Licenses);
    }

    // The weights and tokenizer of this model are the sample's.
    private static string Path(string model, string file) => model == "wordnet-llama-v1" ? Fixtures.Sample(file) : Fixtures.Model(model, file);

    private static JsonElement Golden(string model) =>
        JsonElement.Parse(File.ReadAllBytes(Fixtures.Model(model, "golden/bf16.json"))).GetProperty("metadata");

    private static int Number(JsonElement golden, string key) => golden.GetProperty(key).GetProperty("value").GetInt32();

    private static string Sha256(JsonElement array) => array.GetProperty("value").GetProperty("sha256").GetString()!;

    private static string Sha256(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));

    // json.dumps(list, ensure_ascii=False)
    private static string PythonList(IEnumerable<string> items)
    {
        StringBuilder text = new("[");
        foreach (string item in items)
        {
            text.Append(text.Length > 1 ? ", \"" : "\"");
            foreach (char c in item)
            {
                text.Append(c switch
                {
                    '"' => "\\\"",
                    '\\' => "\\\\",
                    '\n' => "\\n",
                    '\r' => "\\r",
                    '\t' => "\\t",
                    '\b' => "\\b",
                    '\f' => "\\f",
                    < ' ' => string.Create(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}"),
                    _ => c.ToString(),
                });
            }

            text.Append('"');
        }

        return text.Append(']').ToString();
    }
}
