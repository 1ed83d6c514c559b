using ModelPort.Checkpoints;
using ModelPort.Formats.Tokenizers;

namespace ModelPort.Tokenizers;

/// <summary>The vocabulary of a SentencePiece model: from tokenizer.model, or from a tokenizer.json that kept only the merges.</summary>
internal static class SentencePieceVocabulary
{
    private const float GapScore = -10000f;
    private const float AddedScore = -1000f;

    /// <summary>From tokenizer.model, then added_tokens.json, then the added tokens of tokenizer_config.json.</summary>
    public static Vocabulary FromModel(TokenizerFiles files, SentencePieceModel model, long size)
    {
        var slots = new VocabularySlots(files, size, GapScore);
        for (var id = 0; id < model.Pieces.Length; id++)
        {
            var piece = model.Pieces[id];
            slots.Set(id, piece.Text, KindOf(piece.Type), piece.Score);
        }

        foreach (var (token, id) in files.AddedTokens?.Tokens ?? [])
        {
            slots.Set(id, token, TokenKind.UserDefined, AddedScore);
        }

        foreach (var added in files.Config?.AddedTokensDecoder ?? [])
        {
            Add(slots, added);
        }

        return new Vocabulary
        {
            Model = "llama",
            PreTokenizer = "default",
            Tokens = slots.Tokens,
            Kinds = slots.Kinds,
            Scores = slots.Scores,
            AddSpacePrefix = files.Config?.AddPrefixSpace ?? (model.AddDummyPrefix ? null : false),
        };
    }

    /// <summary>
    /// From tokenizer.json. The scores are lost there, but their order is the order of the merges: the score of a piece is minus the rank of the first
    /// merge that makes it. (The reference converter gives every piece the same score, and so loses the order.)
    /// </summary>
    public static Vocabulary FromJson(TokenizerFiles files, TokenizerJson json, long size)
    {
        var slots = new VocabularySlots(files, size, GapScore);
        var ranks = new Dictionary<string, int>(json.Merges.Length, StringComparer.Ordinal);
        for (var rank = 0; rank < json.Merges.Length; rank++)
        {
            ranks.TryAdd(json.Merges[rank].Left + json.Merges[rank].Right, rank);
        }

        foreach (var (token, id) in json.Vocabulary)
        {
            var kind = token == json.UnknownToken ? TokenKind.Unknown : IsByte(token) ? TokenKind.Byte : TokenKind.Normal;
            slots.Set(id, token, kind, ranks.TryGetValue(token, out var rank) ? -rank : kind == TokenKind.Normal ? -json.Merges.Length : 0);
        }

        foreach (var added in json.AddedTokens.Where(a => a.Content != json.UnknownToken))
        {
            Add(slots, added);
        }

        return new Vocabulary
        {
            Model = "llama",
            PreTokenizer = "default",
            Tokens = slots.Tokens,
            Kinds = slots.Kinds,
            Scores = slots.Scores,
            AddSpacePrefix = files.Config?.AddPrefixSpace ?? (PrependsBlank(json) ? null : false),
        };
    }

    private static void Add(VocabularySlots slots, AddedToken added)
    {
        if (added.Special || SpecialLook.IsControl(added.Content))
        {
            slots.Set(added.Id, added.Content, TokenKind.Control, AddedScore);
        }
        else
        {
            slots.Set(added.Id, added.Content.Replace(VocabularySlots.Blank, ' '), TokenKind.UserDefined, AddedScore);
        }
    }

    private static TokenKind KindOf(SentencePieceType type) => type switch
    {
        SentencePieceType.Unknown => TokenKind.Unknown,
        SentencePieceType.Control => TokenKind.Control,
        SentencePieceType.Unused => TokenKind.Unused,
        SentencePieceType.Byte => TokenKind.Byte,
        _ => TokenKind.Normal,
    };

    private static bool IsByte(string token) =>
        token.Length == 6 && token.StartsWith("<0x", StringComparison.Ordinal) && token[5] == '>' && char.IsAsciiHexDigit(token[3]) && char.IsAsciiHexDigit(token[4]);

    private static bool PrependsBlank(TokenizerJson json) =>
        TokenizerStructure.Steps(json.Normalizer, "normalizers").Any(s => TokenizerStructure.TypeOf(s) == "Prepend")
        || TokenizerStructure.Steps(json.PreTokenizer, "pretokenizers").Any(s =>
            TokenizerStructure.TypeOf(s) == "Metaspace" && TokenizerStructure.Text(s, "prepend_scheme") != "never");
}
