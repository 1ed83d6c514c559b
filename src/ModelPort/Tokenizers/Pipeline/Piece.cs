namespace ModelPort.Tokenizers.Pipeline;

/// <summary>A stretch of a text on its way through a tokenizer: still text, or an added token already.</summary>
/// <param name="Text">The text.</param>
/// <param name="Token">The added token's id, or -1.</param>
/// <param name="StartsText">Whether the stretch begins where the whole text begins.</param>
internal readonly record struct Piece(ReadOnlyMemory<char> Text, int Token, bool StartsText)
{
    /// <summary>Whether this is an added token, which nothing splits any further.</summary>
    public bool IsToken => Token >= 0;

    /// <summary>A part of this piece.</summary>
    public Piece Slice(int start, int end) => new(Text[start..end], -1, StartsText && start == 0);
}
