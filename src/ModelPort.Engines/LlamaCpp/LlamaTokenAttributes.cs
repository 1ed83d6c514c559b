namespace ModelPort.Engines.LlamaCpp;

/// <summary>What a token is (enum llama_token_attr of llama.h).</summary>
[Flags]
public enum LlamaTokenAttributes
{
    /// <summary>Nothing is known.</summary>
    None = 0,

    /// <summary>Stands for what the vocabulary cannot spell.</summary>
    Unknown = 1 << 0,

    /// <summary>Fills a gap in the vocabulary.</summary>
    Unused = 1 << 1,

    /// <summary>Ordinary text.</summary>
    Normal = 1 << 2,

    /// <summary>Steers the model and is no text.</summary>
    Control = 1 << 3,

    /// <summary>Added by the user; matched before ordinary text.</summary>
    UserDefined = 1 << 4,

    /// <summary>One raw byte.</summary>
    Byte = 1 << 5,

    /// <summary>Matched in normalised text.</summary>
    Normalized = 1 << 6,

    /// <summary>Takes the blanks before it.</summary>
    StripLeft = 1 << 7,

    /// <summary>Takes the blanks after it.</summary>
    StripRight = 1 << 8,

    /// <summary>Matched as a whole word only.</summary>
    SingleWord = 1 << 9,
}
