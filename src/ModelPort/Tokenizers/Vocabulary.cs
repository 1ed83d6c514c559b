namespace ModelPort.Tokenizers;

/// <summary>What a token is, as GGUF numbers it in <c>tokenizer.ggml.token_type</c>.</summary>
public enum TokenKind
{
    /// <summary>Ordinary text.</summary>
    Normal = 1,

    /// <summary>Stands for what the vocabulary cannot spell.</summary>
    Unknown = 2,

    /// <summary>Steers the model; never part of the text.</summary>
    Control = 3,

    /// <summary>Added by the model's makers and matched before anything else.</summary>
    UserDefined = 4,

    /// <summary>A gap in the ids.</summary>
    Unused = 5,

    /// <summary>One byte, for text that the pieces cannot spell.</summary>
    Byte = 6,
}

/// <summary>A vocabulary as GGUF stores it.</summary>
public sealed record Vocabulary
{
    /// <summary>The value of <c>tokenizer.ggml.model</c>: <c>llama</c> (SentencePiece) or <c>gpt2</c> (byte-level BPE).</summary>
    public required string Model { get; init; }

    /// <summary>The value of <c>tokenizer.ggml.pre</c>.</summary>
    public required string PreTokenizer { get; init; }

    /// <summary>The tokens by id.</summary>
    public required string[] Tokens { get; init; }

    /// <summary>The kind of each token.</summary>
    public required TokenKind[] Kinds { get; init; }

    /// <summary>The score of each token, for SentencePiece.</summary>
    public float[]? Scores { get; init; }

    /// <summary>The merges in order of rank, each as two parts with a blank between, for BPE.</summary>
    public string[]? Merges { get; init; }

    /// <summary>Whether a blank is put before the text; null when the loader's default (it is, for SentencePiece) is right.</summary>
    public bool? AddSpacePrefix { get; init; }
}
