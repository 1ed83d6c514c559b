using ModelPort.Checkpoints;
using ModelPort.Diagnostics;
using ModelPort.Formats.Tokenizers;

namespace ModelPort.Tokenizers;

/// <summary>The vocabulary of a byte-level BPE tokenizer.json.</summary>
internal static class ByteLevelBpeVocabulary
{
    // A blank inside a part of a merge would read as the separator; GGUF spells it as the byte-level alphabet does.
    private const char SpelledBlank = '\u0120';

    /// <summary>Reads the vocabulary.</summary>
    /// <param name="files">The tokenizer's files.</param>
    /// <param name="json">tokenizer.json.</param>
    /// <param name="size">Rows of the embedding.</param>
    /// <param name="addsBos">Whether the template begins with BOS.</param>
    /// <param name="preTokenizer">The pre-tokenizer the user asked for, or null.</param>
    /// <exception cref="ModelPortException">MP1021: ids beyond the embedding, or another kind of tokenizer; MP1022: unknown pre-tokenizer.</exception>
    public static Vocabulary Read(TokenizerFiles files, TokenizerJson json, long size, bool addsBos, string? preTokenizer)
    {
        if (json.ModelType != "BPE")
        {
            throw new ModelPortException(Diagnose.TokenizerInvalid(files.Path, $"a tokenizer of type {json.ModelType}", "BPE or SentencePiece"));
        }

        var slots = new VocabularySlots(files, size, 0);
        foreach (var (token, id) in json.Vocabulary)
        {
            slots.Set(id, token, TokenKind.Normal, 0);
        }

        foreach (var added in json.AddedTokens)
        {
            if (added.Special || SpecialLook.IsControl(added.Content))
            {
                slots.Set(added.Id, added.Content, TokenKind.Control, 0);
            }
            else
            {
                slots.Set(added.Id, added.Content.Replace(VocabularySlots.Blank, ' '), TokenKind.UserDefined, 0);
            }
        }

        return new Vocabulary
        {
            Model = "gpt2",
            PreTokenizer = preTokenizer ?? PreTokenizers.Detect(json, addsBos, files.Path),
            Tokens = slots.Tokens,
            Kinds = slots.Kinds,
            Merges = [.. json.Merges.Select(m => $"{m.Left.Replace(' ', SpelledBlank)} {m.Right.Replace(' ', SpelledBlank)}")],
            AddSpacePrefix = files.Config?.AddPrefixSpace,
        };
    }
}
