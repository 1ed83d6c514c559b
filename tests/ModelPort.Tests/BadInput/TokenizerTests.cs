using System.Text.Json.Nodes;
using ModelPort.Tests.Support;

namespace ModelPort.Tests.BadInput;

/// <summary>Tokenizers that do not belong to the model, or that llama.cpp cannot run.</summary>
public sealed class TokenizerTests : IDisposable
{
    private readonly DamagedCheckpoint _checkpoint = new();

    public void Dispose() => _checkpoint.Dispose();

    [Fact]
    public void A_token_beyond_the_vocabulary_is_named()
    {
        _checkpoint.EditJson("tokenizer.json", t => t["added_tokens"]!.AsArray().Add(new JsonObject
        {
            ["id"] = 1024,
            ["content"] = "<|late|>",
            ["single_word"] = false,
            ["lstrip"] = false,
            ["rstrip"] = false,
            ["normalized"] = false,
            ["special"] = true,
        }));
        _checkpoint.Refused("MP1021", _checkpoint["tokenizer.json"], "'<|late|>' has id 1024", "1024");
    }

    [Fact]
    public void A_SentencePiece_model_with_more_pieces_than_the_embedding_has_rows_is_refused()
    {
        using var checkpoint = new DamagedCheckpoint("mistral-spm");
        long rows = 0;
        checkpoint.EditTensors(t =>
        {
            foreach (var name in new[] { "model.embed_tokens.weight", "lm_head.weight" }.Where(t.Names.Contains))
            {
                t.Change(name, e => e with { Shape = [e.Shape[0] - 1, e.Shape[1]], Bytes = e.Bytes[..^(e.Bytes.Length / (int)e.Shape[0])] });
                rows = t[name].Shape[0];
            }
        });
        checkpoint.EditConfig(c => c["vocab_size"] = rows);
        checkpoint.Refused("MP1021", checkpoint["tokenizer.model"], $"has id {rows}");
    }

    [Fact]
    public void An_unknown_pre_tokenizer_is_refused_with_the_known()
    {
        _checkpoint.EditJson("tokenizer.json", t => t["pre_tokenizer"] = new JsonObject { ["type"] = "WhitespaceSplit" });
        _checkpoint.Refused("MP1022", _checkpoint["tokenizer.json"], "WhitespaceSplit", "llama-bpe", "qwen2", "PreTokenizer");
    }

    [Fact]
    public void A_tokenizer_that_does_not_split_is_refused()
    {
        _checkpoint.EditJson("tokenizer.json", t => t["pre_tokenizer"] = null);
        _checkpoint.Refused("MP1022", _checkpoint["tokenizer.json"], "does not split at all");
    }

    [Fact]
    public void A_tokenizer_of_another_kind_is_refused()
    {
        _checkpoint.EditJson("tokenizer.json", t => t["model"] = new JsonObject { ["type"] = "WordLevel", ["vocab"] = new JsonObject { ["a"] = 0 }, ["unk_token"] = "a" });
        var error = _checkpoint.Refused();
        Assert.Equal(_checkpoint["tokenizer.json"], error.File);
        Assert.Contains("WordLevel", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("tokenizer.json", "{")]
    [InlineData("tokenizer.json", "{}")]
    [InlineData("tokenizer_config.json", "[1]")]
    [InlineData("generation_config.json", "nonsense")]
    public void A_side_file_that_is_damaged_is_named(string name, string text)
    {
        File.WriteAllText(_checkpoint[name], text);
        _checkpoint.Refused("MP1005", _checkpoint[name]);
    }

    [Fact]
    public void A_SentencePiece_model_that_is_damaged_is_named()
    {
        using var checkpoint = new DamagedCheckpoint("mistral-spm");
        File.WriteAllBytes(checkpoint["tokenizer.model"], [0xFF, 0xFF, 0xFF, 0xFF, 0xFF]);
        Assert.Equal(checkpoint["tokenizer.model"], checkpoint.Refused().File);
    }
}
