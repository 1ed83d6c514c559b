using System.Collections.Immutable;
using System.Text.Json;
using ModelPort.Formats.Json;

namespace ModelPort.Formats.Tokenizers;

/// <summary>Reads a tokenizer.json token by token: vocabulary and merges are too large for a tree of elements.</summary>
internal sealed class TokenizerJsonReader(JsonInput input)
{
    private readonly TokenizerJson result = new(input.Path);
    private readonly HashSet<string> seen = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int> vocabulary = new(StringComparer.Ordinal);
    private readonly ImmutableArray<UnigramPiece>.Builder pieces = ImmutableArray.CreateBuilder<UnigramPiece>();
    private Range? merges;
    private int? unknownId;
    private bool vocabularyIsList;

    public TokenizerJson Read()
    {
        Utf8JsonReader reader = new(input.Utf8.Span);
        reader.Read();
        Expect(ref reader, JsonTokenType.StartObject, "an object", null);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string name = Once(reader.GetString()!);
            reader.Read();
            switch (name)
            {
                case "added_tokens":
                    ReadAddedTokens(new JsonMember(input.Path, name, JsonElement.ParseValue(ref reader)));
                    break;
                case "normalizer":
                    result.Normalizer = ReadComponent(ref reader, name);
                    break;
                case "pre_tokenizer":
                    result.PreTokenizer = ReadComponent(ref reader, name);
                    break;
                case "post_processor":
                    result.PostProcessor = ReadComponent(ref reader, name);
                    break;
                case "decoder":
                    result.Decoder = ReadComponent(ref reader, name);
                    break;
                case "model":
                    ReadModel(ref reader);
                    break;
                default:
                    reader.Skip();
                    break;
            }
        }

        Finish();
        return result;
    }

    private void ReadAddedTokens(JsonMember member)
    {
        if (member.Element.ValueKind == JsonValueKind.Null)
        {
            return;
        }

        ImmutableArray<AddedToken>.Builder tokens = ImmutableArray.CreateBuilder<AddedToken>();
        foreach (JsonMember token in member.AsArray())
        {
            tokens.Add(AddedTokenJson.Read(AddedTokenJson.ReadId(token.AsObject().Require("id")), token));
        }

        result.AddedTokens = tokens.ToImmutable();
    }

    private JsonElement? ReadComponent(ref Utf8JsonReader reader, string name)
    {
        JsonMember member = new(input.Path, name, JsonElement.ParseValue(ref reader));
        return member.Element.ValueKind == JsonValueKind.Null ? null : member.AsObject().Element;
    }

    private void ReadModel(ref Utf8JsonReader reader)
    {
        Expect(ref reader, JsonTokenType.StartObject, "an object", "model");
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string name = Once("model." + reader.GetString());
            reader.Read();
            switch (name)
            {
                case "model.vocab" when reader.TokenType == JsonTokenType.StartArray:
                    ReadPieces(ref reader);
                    break;
                case "model.vocab":
                    ReadVocabulary(ref reader);
                    break;
                case "model.merges":
                    // Read last, when the vocabulary is known and its strings can be shared.
                    int start = (int)reader.TokenStartIndex;
                    reader.Skip();
                    merges = start..(int)reader.BytesConsumed;
                    break;
                default:
                    ReadSetting(name, new JsonMember(input.Path, name, JsonElement.ParseValue(ref reader)));
                    break;
            }
        }
    }

    private void ReadSetting(string name, JsonMember value)
    {
        if (value.Element.ValueKind == JsonValueKind.Null)
        {
            return;
        }

        switch (name)
        {
            case "model.type":
                result.ModelType = value.AsString();
                break;
            case "model.unk_token":
                result.UnknownToken = value.AsString();
                break;
            case "model.unk_id":
                unknownId = AddedTokenJson.ReadId(value);
                break;
            case "model.byte_fallback":
                result.ByteFallback = value.AsBool();
                break;
            case "model.ignore_merges":
                result.IgnoreMerges = value.AsBool();
                break;
            case "model.dropout":
                result.Dropout = value.AsDouble();
                break;
            case "model.fuse_unk":
                result.FuseUnknown = value.AsBool();
                break;
            case "model.continuing_subword_prefix":
                result.ContinuingSubwordPrefix = value.AsString();
                break;
            case "model.end_of_word_suffix":
                result.EndOfWordSuffix = value.AsString();
                break;
        }
    }

    private void ReadVocabulary(ref Utf8JsonReader reader)
    {
        Expect(ref reader, JsonTokenType.StartObject, "an object or an array", "model.vocab");
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string token = reader.GetString()!;
            reader.Read();
            if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt32(out int id) || id < 0)
            {
                throw Fault(
                    ref reader, FileFault.Malformed, "a value that is no token id", "an integer from 0 to 2147483647", $"model.vocab.{token}");
            }

            AddToken(ref reader, token, id);
        }
    }

    private void ReadPieces(ref Utf8JsonReader reader)
    {
        vocabularyIsList = true;
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            string member = $"model.vocab[{pieces.Count}]";
            Expect(ref reader, JsonTokenType.StartArray, "a piece and its score", member);
            reader.Read();
            Expect(ref reader, JsonTokenType.String, "a piece", member);
            string text = reader.GetString()!;
            reader.Read();
            Expect(ref reader, JsonTokenType.Number, "a score", member);
            double score = reader.GetDouble();
            reader.Read();
            Expect(ref reader, JsonTokenType.EndArray, "a piece and its score only", member);
            AddToken(ref reader, text, pieces.Count);
            pieces.Add(new UnigramPiece(text, score));
        }
    }

    private void AddToken(ref Utf8JsonReader reader, string token, int id)
    {
        if (!vocabulary.TryAdd(token, id))
        {
            throw Fault(ref reader, FileFault.Duplicate, $"the token \"{token}\" again", "each token once", "model.vocab");
        }
    }

    private void Finish()
    {
        if (!seen.Contains("model.vocab"))
        {
            throw new InvalidModelFileException(input.Path, FileFault.Malformed, "no vocabulary", "an object or an array", "model.vocab");
        }

        if (result.ModelType.Length == 0)
        {
            result.ModelType = InferType();
        }

        bool known = result.ModelType is "BPE" or "Unigram" or "WordPiece" or "WordLevel";
        if (!known || vocabularyIsList != (result.ModelType == "Unigram"))
        {
            throw known
                ? new InvalidModelFileException(
                    input.Path,
                    FileFault.Inconsistent,
                    vocabularyIsList ? "a vocabulary that is a list" : "a vocabulary that is an object",
                    $"the form of {result.ModelType}",
                    "model.vocab")
                : new InvalidModelFileException(
                    input.Path, FileFault.UnknownType, $"\"{result.ModelType}\"", "BPE, Unigram, WordPiece or WordLevel", "model.type");
        }

        if (unknownId is int id && vocabularyIsList)
        {
            result.UnknownToken = id < pieces.Count
                ? pieces[id].Text
                : throw new InvalidModelFileException(
                    input.Path, FileFault.Inconsistent, $"{id}", $"an id below {pieces.Count}", "model.unk_id");
        }

        result.Vocabulary = vocabulary;
        result.UnigramPieces = pieces.ToImmutable();
        if (result.ModelType == "BPE")
        {
            Range range = merges ?? throw new InvalidModelFileException(
                input.Path, FileFault.Malformed, "no merges", "an array", "model.merges");
            result.Merges = new MergeReader(input, range.Start.Value, vocabulary, result.ContinuingSubwordPrefix).Read(input.Utf8.Span[range]);
        }
    }

    // The order in which Hugging Face tries its models when "type" is missing.
    private string InferType() =>
        seen.Contains("model.merges") ? "BPE"
        : vocabularyIsList ? "Unigram"
        : seen.Contains("model.continuing_subword_prefix") && seen.Contains("model.max_input_chars_per_word") ? "WordPiece"
        : "WordLevel";

    private string Once(string name) => seen.Add(name)
        ? name
        : throw new InvalidModelFileException(input.Path, FileFault.Duplicate, "the name a second time", "each name once", name);

    private void Expect(ref Utf8JsonReader reader, JsonTokenType type, string expected, string? member)
    {
        if (reader.TokenType != type)
        {
            throw Fault(ref reader, FileFault.Malformed, $"{reader.TokenType}", expected, member);
        }
    }

    private InvalidModelFileException Fault(ref Utf8JsonReader reader, FileFault fault, string found, string expected, string? member) =>
        new(input.Path, fault, $"{found} at {input.Place(reader.TokenStartIndex)}", expected, member);
}
