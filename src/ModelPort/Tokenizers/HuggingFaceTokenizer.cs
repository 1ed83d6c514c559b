using System.Globalization;
using System.Text;
using ModelPort.Formats.Tokenizers;
using ModelPort.Tokenizers.Pipeline;

namespace ModelPort.Tokenizers;

/// <summary>
/// Runs a tokenizer.json as Hugging Face's tokenizers library does: added tokens are cut out, what is between them is normalised, split into words,
/// merged by byte-pair encoding and framed by the template. Gives the very same ids or refuses. Truncation and padding are ignored, as transformers does
/// unless it is asked for them.
/// </summary>
public sealed class HuggingFaceTokenizer : ISourceTokenizer
{
    private readonly Normalizer[] _normalizers;
    private readonly PreTokenizer[] _preTokenizers;
    private readonly TextTemplate _template;
    private readonly BytePairModel _model;
    private readonly AddedTokenMatcher? _rawTokens;
    private readonly AddedTokenMatcher? _normalizedTokens;
    private readonly Dictionary<int, string> _spellings = [];
    private readonly TokenizerJson _json;
    private readonly Lazy<TokenDecoder[]> _decoders;

    /// <summary>Takes a tokenizer.json.</summary>
    /// <exception cref="TokenizerUncheckedException">A part of it is not reproduced exactly.</exception>
    public HuggingFaceTokenizer(TokenizerJson json)
    {
        _json = json;
        _model = new BytePairModel(json);
        _normalizers = ComponentReader.Normalizers(json.Normalizer);
        _preTokenizers = ComponentReader.PreTokenizers(json.PreTokenizer);
        _template = ComponentReader.Template(json.PostProcessor);
        _decoders = new(() => ComponentReader.Decoders(json.Decoder));
        RequireKnownStart();
        foreach (var (token, id) in json.Vocabulary)
        {
            _spellings[id] = token;
        }

        var added = AddedTokens();
        _rawTokens = Matcher(added.Where(t => !t.Normalized).Select(t => (t, t.Content)));
        _normalizedTokens = Matcher(added.Where(t => t.Normalized).Select(t => (t, Normalize(t.Content))));
    }

    /// <inheritdoc/>
    public string Path => _json.Path;

    /// <inheritdoc/>
    public NormalizationForm? NormalForm => _normalizers.OfType<Normalizer.Unicode>().FirstOrDefault()?.Form;

    /// <inheritdoc/>
    public int[] Encode(string text, bool addSpecial)
    {
        var pieces = new List<Piece> { new(Whole(text).AsMemory(), -1, true) };
        if (_rawTokens is not null)
        {
            pieces = Split(pieces, _rawTokens.Split);
        }

        pieces = Split(pieces, Normalize);
        if (_normalizedTokens is not null)
        {
            pieces = Split(pieces, _normalizedTokens.Split);
        }

        foreach (var step in _preTokenizers)
        {
            pieces = Split(pieces, step.Split);
        }

        var ids = new List<int>();
        var workspace = new BytePairModel.Workspace();
        foreach (var piece in pieces)
        {
            if (piece.IsToken)
            {
                ids.Add(piece.Token);
            }
            else
            {
                _model.Encode(piece.Text.Span, ids, workspace);
            }
        }

        return _template.Apply(ids, addSpecial);
    }

    /// <inheritdoc/>
    public string Decode(IReadOnlyList<int> ids)
    {
        IReadOnlyList<string> tokens = [.. ids.Select(Spell).OfType<string>()];
        if (_json.Decoder is null)
        {
            return string.Join(' ', tokens);
        }

        return string.Concat(_decoders.Value.Aggregate(tokens, (t, step) => step.Apply(t)));
    }

    /// <inheritdoc/>
    public string? Spell(int id) => _spellings.GetValueOrDefault(id);

    private static List<Piece> Split(List<Piece> pieces, Action<Piece, List<Piece>> split)
    {
        var parts = new List<Piece>(pieces.Count);
        foreach (var piece in pieces)
        {
            if (piece.IsToken)
            {
                parts.Add(piece);
            }
            else
            {
                split(piece, parts);
            }
        }

        return parts;
    }

    private void Normalize(Piece piece, List<Piece> parts)
    {
        if (Normalize(piece.Text.ToString()) is { Length: > 0 } text)
        {
            parts.Add(piece with { Text = text.AsMemory() });
        }
    }

    private string Normalize(string text) => Normalizer.Apply(_normalizers, text);

    // UTF-8, which the library works on, has no halves of surrogate pairs.
    private static string Whole(string text) => text.AsSpan().IndexOfAnyInRange('\uD800', '\uDFFF') < 0 ? text : Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text));

    private static AddedTokenMatcher? Matcher(IEnumerable<(AddedToken Token, string Content)> tokens)
    {
        var list = tokens.ToArray();
        return list.FirstOrDefault(t => t.Content.Length == 0) is { Token: { } empty }
            ? throw new TokenizerUncheckedException($"added token {empty.Id}", "the normalizer leaves nothing of its text")
            : list.Length == 0 ? null : new AddedTokenMatcher(list);
    }

    /// <summary>The added tokens that count, the last of each text. The library gives them ids of its own, and a file whose ids differ is loaded wrongly there.</summary>
    private AddedToken[] AddedTokens()
    {
        var size = _json.Vocabulary.Count;
        var byContent = new Dictionary<string, AddedToken>(StringComparer.Ordinal);
        foreach (var token in _json.AddedTokens.Where(t => t.Content.Length > 0))
        {
            var id = _json.Vocabulary.TryGetValue(token.Content, out var own) ? own : byContent.TryGetValue(token.Content, out var earlier) ? earlier.Id : size++;
            if (token.Id != id)
            {
                throw new TokenizerUncheckedException(
                    $"added token '{token.Content}'",
                    string.Create(CultureInfo.InvariantCulture, $"it has the id {token.Id} in the file, and Hugging Face's library gives it {id}"));
            }

            byContent[token.Content] = token;
            _spellings[id] = token.Normalized && _normalizers.Length > 0 ? Normalize(token.Content) : token.Content;
        }

        return [.. byContent.Values];
    }

    /// <summary>Where the text begins is known for sure only when nothing is cut off or put before it before Metaspace asks for it.</summary>
    private void RequireKnownStart()
    {
        var first = Array.FindIndex(_preTokenizers, p => p is PreTokenizer.Metaspace { NeedsStart: true });
        if (first > 0 || (first == 0 && _normalizers.Any(n => !n.KeepsStart)))
        {
            throw new TokenizerUncheckedException("pre_tokenizer Metaspace", "prepend_scheme 'first' is not reproduced behind steps that move the start of the text");
        }
    }
}
