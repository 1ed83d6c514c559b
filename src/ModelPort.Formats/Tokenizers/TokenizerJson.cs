using System.Collections.Immutable;
using System.Text.Json;
using ModelPort.Formats.Json;

namespace ModelPort.Formats.Tokenizers;

/// <summary>One merge rule of a byte-pair encoding; earlier rules win.</summary>
/// <param name="Left">The token on the left.</param>
/// <param name="Right">The token on the right.</param>
public readonly record struct BpeMerge(string Left, string Right);

/// <summary>A piece of a Unigram vocabulary; its index is its id.</summary>
/// <param name="Text">The piece's text.</param>
/// <param name="Score">Its log-probability.</param>
public readonly record struct UnigramPiece(string Text, double Score);

/// <summary>A tokenizer.json of Hugging Face's tokenizers library (the format is that of its serde structures).</summary>
public sealed class TokenizerJson
{
    private const int MaxLength = 512 * 1024 * 1024;

    internal TokenizerJson(string path) => Path = path;

    /// <summary>The path that was opened.</summary>
    public string Path { get; }

    /// <summary>"BPE", "Unigram", "WordPiece" or "WordLevel"; inferred from the fields where the file does not say.</summary>
    public string ModelType { get; internal set; } = "";

    /// <summary>Token text to id, without added tokens that are not also in the model's vocabulary.</summary>
    public IReadOnlyDictionary<string, int> Vocabulary { get; internal set; } = ImmutableDictionary<string, int>.Empty;

    /// <summary>BPE: the merges in order of rank. Each part and each result is in <see cref="Vocabulary"/>.</summary>
    public ImmutableArray<BpeMerge> Merges { get; internal set; } = [];

    /// <summary>Unigram: the pieces with their scores, by id.</summary>
    public ImmutableArray<UnigramPiece> UnigramPieces { get; internal set; } = [];

    /// <summary>Whether characters outside the vocabulary become tokens like &lt;0x0A&gt;.</summary>
    public bool ByteFallback { get; internal set; }

    /// <summary>BPE: whether a word that is itself a token is taken before any merge.</summary>
    public bool IgnoreMerges { get; internal set; }

    /// <summary>BPE: the probability with which a merge is left out at random; 0 for none.</summary>
    public double Dropout { get; internal set; }

    /// <summary>The token for what the vocabulary lacks.</summary>
    public string? UnknownToken { get; internal set; }

    /// <summary>BPE: whether neighbouring unknown characters become one unknown token.</summary>
    public bool FuseUnknown { get; internal set; }

    /// <summary>BPE and WordPiece: what marks a token inside a word, for example "##".</summary>
    public string? ContinuingSubwordPrefix { get; internal set; }

    /// <summary>BPE: what marks the last token of a word.</summary>
    public string? EndOfWordSuffix { get; internal set; }

    /// <summary>The added tokens in file order.</summary>
    public ImmutableArray<AddedToken> AddedTokens { get; internal set; } = [];

    /// <summary>The "normalizer" object, or null.</summary>
    public JsonElement? Normalizer { get; internal set; }

    /// <summary>The "pre_tokenizer" object, or null.</summary>
    public JsonElement? PreTokenizer { get; internal set; }

    /// <summary>The "post_processor" object, or null.</summary>
    public JsonElement? PostProcessor { get; internal set; }

    /// <summary>The "decoder" object, or null.</summary>
    public JsonElement? Decoder { get; internal set; }

    /// <summary>Reads a tokenizer.json.</summary>
    /// <exception cref="InvalidModelFileException">The file cannot be read or is no tokenizer.json.</exception>
    public static TokenizerJson Open(string path) => new TokenizerJsonReader(JsonInput.Load(path, MaxLength)).Read();
}
