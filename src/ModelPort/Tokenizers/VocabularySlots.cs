using System.Globalization;
using ModelPort.Checkpoints;
using ModelPort.Diagnostics;

namespace ModelPort.Tokenizers;

/// <summary>The ids of a model's embedding while its vocabulary is filled in: what stays empty becomes an unused token.</summary>
internal sealed class VocabularySlots
{
    /// <summary>The blank of SentencePiece, U+2581.</summary>
    public const char Blank = '\u2581';

    private readonly TokenizerFiles _files;
    private readonly string?[] _tokens;
    private readonly TokenKind[] _kinds;
    private readonly float[] _scores;

    /// <summary>Makes empty slots.</summary>
    /// <param name="files">The tokenizer's files, for error messages.</param>
    /// <param name="size">Rows of the embedding.</param>
    /// <param name="unusedScore">The score of what stays empty.</param>
    public VocabularySlots(TokenizerFiles files, long size, float unusedScore)
    {
        _files = files;
        _tokens = new string?[checked((int)size)];
        _kinds = new TokenKind[size];
        _scores = new float[size];
        Array.Fill(_kinds, TokenKind.Unused);
        Array.Fill(_scores, unusedScore);
    }

    /// <summary>The kinds by id.</summary>
    public TokenKind[] Kinds => _kinds;

    /// <summary>The scores by id.</summary>
    public float[] Scores => _scores;

    /// <summary>The tokens by id; gaps are spelled [PADn].</summary>
    public string[] Tokens => [.. _tokens.Select((t, id) => t ?? string.Create(CultureInfo.InvariantCulture, $"[PAD{id}]"))];

    /// <summary>Puts a token on its id, replacing what was there.</summary>
    /// <exception cref="ModelPortException">MP1021: the id is not a row of the embedding.</exception>
    public void Set(int id, string token, TokenKind kind, float score)
    {
        if (id < 0 || id >= _tokens.Length)
        {
            throw new ModelPortException(Diagnose.TokenizerInvalid(
                _files.Path,
                string.Create(CultureInfo.InvariantCulture, $"token '{token}' has id {id}"),
                string.Create(CultureInfo.InvariantCulture, $"ids below the vocab_size of config.json, {_tokens.Length}")));
        }

        (_tokens[id], _kinds[id], _scores[id]) = (token, kind, score);
    }

    /// <summary>The token on an id, or null.</summary>
    public string? this[int id] => id >= 0 && id < _tokens.Length ? _tokens[id] : null;
}
