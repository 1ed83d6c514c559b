using System.Text.RegularExpressions;
using ModelPort.Architectures;
using ModelPort.Checkpoints;
using ModelPort.Diagnostics;
using ModelPort.Formats.Gguf;
using ModelPort.Formats.Tokenizers;

namespace ModelPort.Tokenizers;

/// <summary>Writes a checkpoint's tokenizer into a GGUF header.</summary>
public static partial class TokenizerHeader
{
    // The names are the format's own, the misspelling of the separator included.
    private static readonly Dictionary<string, string> IdKeys = new(StringComparer.Ordinal)
    {
        ["bos"] = "tokenizer.ggml.bos_token_id",
        ["eos"] = "tokenizer.ggml.eos_token_id",
        ["unk"] = "tokenizer.ggml.unknown_token_id",
        ["sep"] = "tokenizer.ggml.seperator_token_id",
        ["pad"] = "tokenizer.ggml.padding_token_id",
        ["mask"] = "tokenizer.ggml.mask_token_id",
        ["eot"] = "tokenizer.ggml.eot_token_id",
    };

    private static readonly string[] AddableRoles = ["bos", "eos", "sep"];

    /// <summary>Writes the vocabulary, the special tokens and the chat templates.</summary>
    /// <param name="metadata">The header.</param>
    /// <param name="checkpoint">The source.</param>
    /// <param name="kinds">The kinds of tokenizer the family looks for, in order.</param>
    /// <param name="size">Rows of the embedding.</param>
    /// <param name="preTokenizer">The pre-tokenizer the user asked for, or null.</param>
    /// <returns>The vocabulary that was written.</returns>
    /// <exception cref="ModelPortException">MP1021 or MP1022: the tokenizer cannot be carried over.</exception>
    public static Vocabulary Write(GgufMetadata metadata, Checkpoint checkpoint, IReadOnlyList<TokenizerKind> kinds, long size, string? preTokenizer)
    {
        var special = SpecialTokens.Read(checkpoint, size);
        var vocabulary = kinds.Select(k => Read(k, checkpoint.Tokenizer, size, special.AddsBos, preTokenizer)).FirstOrDefault(v => v is not null)
            ?? throw new ModelPortException(Diagnose.TokenizerInvalid(checkpoint.Tokenizer.Path, "no tokenizer of a kind that this family uses", "tokenizer.model, or tokenizer.json with BPE"));
        if (vocabulary.AddSpacePrefix is { } addSpace)
        {
            metadata.Set("tokenizer.ggml.add_space_prefix", addSpace);
        }

        metadata.Set("tokenizer.ggml.model", vocabulary.Model);
        metadata.Set("tokenizer.ggml.pre", vocabulary.PreTokenizer);
        metadata.Set("tokenizer.ggml.tokens", vocabulary.Tokens);
        if (vocabulary.Scores is not null)
        {
            metadata.Set("tokenizer.ggml.scores", vocabulary.Scores);
        }

        metadata.Set("tokenizer.ggml.token_type", Array.ConvertAll(vocabulary.Kinds, k => (int)k));
        if (vocabulary.Merges is { Length: > 0 })
        {
            metadata.Set("tokenizer.ggml.merges", vocabulary.Merges);
        }

        foreach (var (role, id) in special.Ids.Where(i => IdKeys.ContainsKey(i.Role)))
        {
            metadata.Set(IdKeys[role], (uint)id);
        }

        foreach (var (role, add) in special.Added.Where(a => AddableRoles.Contains(a.Role)))
        {
            metadata.Set($"tokenizer.ggml.add_{role}_token", add);
        }

        WriteTemplates(metadata, checkpoint.Tokenizer);
        return vocabulary;
    }

    private static Vocabulary? Read(TokenizerKind kind, TokenizerFiles files, long size, bool addsBos, string? preTokenizer) => kind switch
    {
        TokenizerKind.SentencePiece when files.SentencePiece is { } model => SentencePieceVocabulary.FromModel(files, model, size),
        TokenizerKind.SentencePieceFromJson when files.Json is { ModelType: "BPE", ByteFallback: true } json => SentencePieceVocabulary.FromJson(files, json, size),
        TokenizerKind.ByteLevelBpe when files.Json is { } json => ByteLevelBpeVocabulary.Read(files, json, size, addsBos, preTokenizer),
        _ => null,
    };

    private static void WriteTemplates(GgufMetadata metadata, TokenizerFiles files)
    {
        var named = files.ChatTemplates.Where(t => t.Name != ChatTemplate.DefaultName).ToArray();
        foreach (var template in named)
        {
            metadata.Set(TemplateKey(template.Name), template.Text);
        }

        if (named.Length > 0)
        {
            metadata.Set("tokenizer.chat_templates", named.Select(t => KeyName(t.Name)).ToArray());
        }

        if (files.ChatTemplates.FirstOrDefault(t => t.Name == ChatTemplate.DefaultName) is { } main)
        {
            metadata.Set(TemplateKey(main.Name), main.Text);
        }
    }

    /// <summary>The key of a chat template.</summary>
    /// <param name="name">The template's name in the checkpoint.</param>
    internal static string TemplateKey(string name) => name == ChatTemplate.DefaultName ? "tokenizer.chat_template" : $"tokenizer.chat_template.{KeyName(name)}";

    private static string KeyName(string name) => NotInKeys().Replace(name, "_");

    [GeneratedRegex("[^A-Za-z0-9_]")]
    private static partial Regex NotInKeys();
}
