using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using ModelPort.Formats.Json;

namespace ModelPort.Formats.Tokenizers;

/// <summary>A tokenizer_config.json of the transformers library.</summary>
public sealed class TokenizerConfig
{
    private const int MaxLength = 128 * 1024 * 1024;

    private readonly JsonMember root;

    private TokenizerConfig(JsonMember root)
    {
        this.root = root;
        AddPrefixSpace = Flag("add_prefix_space");
        CleanUpTokenizationSpaces = Flag("clean_up_tokenization_spaces");
        TokenizerClass = root.TryGet("tokenizer_class", out JsonMember name) ? name.AsString() : null;
        ModelMaxLength = root.TryGet("model_max_length", out JsonMember length) ? length.AsDouble() : null;
        ChatTemplates = ChatTemplate.Read(root);
        AddedTokensDecoder = ReadAddedTokens(root);
    }

    /// <summary>The path that was opened.</summary>
    public string Path => root.Path;

    /// <summary>The whole document.</summary>
    public JsonElement Root => root.Element;

    /// <summary>"add_prefix_space".</summary>
    public bool? AddPrefixSpace { get; }

    /// <summary>"clean_up_tokenization_spaces".</summary>
    public bool? CleanUpTokenizationSpaces { get; }

    /// <summary>"tokenizer_class".</summary>
    public string? TokenizerClass { get; }

    /// <summary>"model_max_length" in tokens; transformers writes about 1e30 for "no limit".</summary>
    public double? ModelMaxLength { get; }

    /// <summary>The templates under "chat_template"; a single text has the name "default".</summary>
    public ImmutableArray<ChatTemplate> ChatTemplates { get; }

    /// <summary>The tokens under "added_tokens_decoder" in file order.</summary>
    public ImmutableArray<AddedToken> AddedTokensDecoder { get; }

    /// <summary>Reads a tokenizer_config.json.</summary>
    /// <exception cref="InvalidModelFileException">The file cannot be read, or a value has the wrong type.</exception>
    public static TokenizerConfig Open(string path) => new(JsonInput.Load(path, MaxLength).Parse().AsObject());

    /// <summary>The content of a special token.</summary>
    /// <param name="name">"bos", "eos", "unk", "sep", "pad", "cls" or "mask".</param>
    /// <returns>The content of "{name}_token", given as a string or as an object with "content"; null if it is absent or null.</returns>
    /// <exception cref="InvalidModelFileException">The value is something else.</exception>
    public string? Token(string name)
    {
        if (!root.TryGet($"{name}_token", out JsonMember token))
        {
            return null;
        }

        return token.Element.ValueKind switch
        {
            JsonValueKind.String => token.AsString(),
            JsonValueKind.Object => token.Require("content").AsString(),
            _ => throw token.Mismatch("a string or an object with content"),
        };
    }

    /// <summary>Whether a special token is put around the text: "add_{name}_token", or null if it is absent or null.</summary>
    /// <exception cref="InvalidModelFileException">The value is no boolean.</exception>
    public bool? AddToken(string name) => Flag($"add_{name}_token");

    private bool? Flag(string name) => root.TryGet(name, out JsonMember flag) ? flag.AsBool() : null;

    private static ImmutableArray<AddedToken> ReadAddedTokens(JsonMember root)
    {
        if (!root.TryGet("added_tokens_decoder", out JsonMember decoder))
        {
            return [];
        }

        ImmutableArray<AddedToken>.Builder tokens = ImmutableArray.CreateBuilder<AddedToken>();
        foreach ((string key, JsonMember token) in decoder.Properties())
        {
            tokens.Add(int.TryParse(key, NumberStyles.None, CultureInfo.InvariantCulture, out int id)
                ? AddedTokenJson.Read(id, token)
                : throw new InvalidModelFileException(root.Path, FileFault.Malformed, $"the key \"{key}\"", "a token id", decoder.Name));
        }

        return tokens.ToImmutable();
    }
}
