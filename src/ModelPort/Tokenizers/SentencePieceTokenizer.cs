using System.Globalization;
using System.Text;
using ModelPort.Formats.Tokenizers;
using ModelPort.Tokenizers.Pipeline;

namespace ModelPort.Tokenizers;

/// <summary>
/// Runs a tokenizer.model as SentencePiece does. Gives the very same ids or refuses. SentencePiece has no added tokens, and what transformers does with them
/// beside such a file depends on its version: the spelling of a control token is text here.
/// </summary>
public sealed class SentencePieceTokenizer : ISourceTokenizer
{
    private const char Blank = '\u2581';

    private readonly SentencePieceModel _model;
    private readonly ScoredMerger _merger;
    private readonly int[] _bytes;

    /// <summary>Takes a tokenizer.model.</summary>
    /// <param name="model">The model.</param>
    /// <param name="before">The tokens that the source puts before a text.</param>
    /// <param name="after">The tokens that the source puts after a text.</param>
    /// <exception cref="TokenizerUncheckedException">A part of it is not reproduced exactly.</exception>
    public SentencePieceTokenizer(SentencePieceModel model, IEnumerable<int> before, IEnumerable<int> after)
    {
        if (model.ModelType != SentencePieceAlgorithm.Bpe)
        {
            throw new TokenizerUncheckedException($"SentencePiece model {model.ModelType}", "only BPE is reproduced");
        }

        if (!model.PrecompiledCharsMap.IsEmpty)
        {
            throw new TokenizerUncheckedException("SentencePiece normalizer", "compiled normalisation rules are not reproduced");
        }

        if (model.WhitespaceIsSuffix || !model.EscapeWhitespaces)
        {
            throw new TokenizerUncheckedException("SentencePiece normalizer", "blanks behind words, or not spelled U+2581, are not reproduced");
        }

        if (model.Pieces.Any(p => p.Type == SentencePieceType.UserDefined && p.Text.Contains(' ', StringComparison.Ordinal)))
        {
            throw new TokenizerUncheckedException("SentencePiece model", "user-defined pieces with blanks are not reproduced");
        }

        (_model, Before, After) = (model, [.. before], [.. after]);
        _merger = new ScoredMerger(model);
        var bytes = model.Pieces.Select((p, id) => (p, id)).Where(p => p.p.Type == SentencePieceType.Byte).ToDictionary(p => p.p.Text, p => p.id, StringComparer.Ordinal);
        _bytes = [.. Enumerable.Range(0, 256).Select(b => bytes.GetValueOrDefault(string.Create(CultureInfo.InvariantCulture, $"<0x{b:X2}>"), model.UnknownId))];
    }

    /// <inheritdoc/>
    public string Path => _model.Path;

    /// <inheritdoc/>
    public NormalizationForm? NormalForm => null;

    /// <inheritdoc/>
    public bool ReadsAddedTokens => false;

    /// <inheritdoc/>
    public IReadOnlyList<int> Before { get; }

    /// <inheritdoc/>
    public IReadOnlyList<int> After { get; }

    /// <inheritdoc/>
    public int[] Encode(string text, bool addSpecial)
    {
        var ids = new List<int>(addSpecial ? Before : []);
        var wasUnknown = false;
        foreach (var (piece, id) in _merger.Merge(Normalize(SourceText.Whole(text))))
        {
            if (id >= 0)
            {
                ids.Add(id);
            }
            else if (_model.ByteFallback)
            {
                ids.AddRange(Encoding.UTF8.GetBytes(piece).Select(b => _bytes[b]));
            }
            else if (!wasUnknown)
            {
                // A run of unknown characters is one unknown token.
                ids.Add(_model.UnknownId);
            }

            wasUnknown = id < 0;
        }

        return [.. ids, .. addSpecial ? After : []];
    }

    /// <inheritdoc/>
    public string Decode(IReadOnlyList<int> ids)
    {
        var bytes = new List<byte>();
        foreach (var id in ids.Where(id => id >= 0 && id < _model.Pieces.Length))
        {
            var piece = _model.Pieces[id];
            bytes.AddRange(piece.Type switch
            {
                SentencePieceType.Control => [],
                SentencePieceType.Byte when _bytes.AsSpan().IndexOf(id) is var value and >= 0 => [(byte)value],
                SentencePieceType.Unknown => Encoding.UTF8.GetBytes(" \u2047 "),
                _ => Encoding.UTF8.GetBytes(piece.Text.Replace(Blank, ' ')),
            });
        }

        var text = Encoding.UTF8.GetString([.. bytes]);
        return _model.AddDummyPrefix && text.StartsWith(' ') ? text[1..] : text;
    }

    /// <inheritdoc/>
    public string? Spell(int id) => id >= 0 && id < _model.Pieces.Length ? _model.Pieces[id].Text : null;

    private string Normalize(string text)
    {
        if (_model.RemoveExtraWhitespaces)
        {
            text = string.Join(' ', text.Split(' ', StringSplitOptions.RemoveEmptyEntries));
        }

        var spelled = text.Length == 0 ? text : (_model.AddDummyPrefix ? " " + text : text).Replace(' ', Blank);
        // Blanks that were spelled so before count as well here, and only here.
        return _model.RemoveExtraWhitespaces ? spelled.TrimEnd(Blank) : spelled;
    }
}
