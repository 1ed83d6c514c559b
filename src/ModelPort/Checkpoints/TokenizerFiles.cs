using System.Collections.Immutable;
using ModelPort.Diagnostics;
using ModelPort.Formats.Tokenizers;

namespace ModelPort.Checkpoints;

/// <summary>The files that describe a checkpoint's tokenizer.</summary>
public sealed record TokenizerFiles
{
    /// <summary>The checkpoint folder.</summary>
    public required string Folder { get; init; }

    /// <summary>tokenizer.json.</summary>
    public TokenizerJson? Json { get; init; }

    /// <summary>tokenizer.model.</summary>
    public SentencePieceModel? SentencePiece { get; init; }

    /// <summary>tokenizer_config.json.</summary>
    public TokenizerConfig? Config { get; init; }

    /// <summary>added_tokens.json.</summary>
    public AddedTokensFile? AddedTokens { get; init; }

    /// <summary>Chat templates by name, from tokenizer_config.json or from files of their own; "default" is the main one.</summary>
    public IReadOnlyList<ChatTemplate> ChatTemplates { get; init; } = [];

    /// <summary>The file an error about the tokenizer points at.</summary>
    public string Path => System.IO.Path.Combine(Folder, SentencePiece is not null ? "tokenizer.model" : "tokenizer.json");

    /// <summary>Opens the tokenizer files of a checkpoint folder.</summary>
    /// <exception cref="ModelPortException">MP1002: neither tokenizer.json nor tokenizer.model is there.</exception>
    public static TokenizerFiles Open(string folder)
    {
        string? Existing(string name)
        {
            var path = System.IO.Path.Combine(folder, name);
            return File.Exists(path) ? path : null;
        }

        var json = Existing("tokenizer.json");
        var sentencePiece = Existing("tokenizer.model");
        if (json is null && sentencePiece is null)
        {
            throw new ModelPortException(Diagnose.FileMissing(System.IO.Path.Combine(folder, "tokenizer.json"), "the tokenizer, as tokenizer.json or tokenizer.model"));
        }

        var config = Existing("tokenizer_config.json") is { } c ? TokenizerConfig.Open(c) : null;
        return new TokenizerFiles
        {
            Folder = folder,
            Json = json is null ? null : TokenizerJson.Open(json),
            SentencePiece = sentencePiece is null ? null : SentencePieceModel.Open(sentencePiece),
            Config = config,
            AddedTokens = Existing("added_tokens.json") is { } a ? AddedTokensFile.Open(a) : null,
            ChatTemplates = config is { ChatTemplates.IsEmpty: false } ? config.ChatTemplates : FromFiles(ChatTemplateFiles.Open(folder)),
        };
    }
    // chat_template.jinja with its additional templates, else chat_template.json.
    private static ImmutableArray<ChatTemplate> FromFiles(ChatTemplateFiles files) =>
        files.Jinja is { } main ? [new ChatTemplate(ChatTemplate.DefaultName, main), .. files.Additional] : files.Json;
}
