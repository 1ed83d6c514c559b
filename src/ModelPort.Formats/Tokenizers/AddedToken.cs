namespace ModelPort.Formats.Tokenizers;

/// <summary>A token that is matched in the text before the tokenizer's model runs.</summary>
/// <param name="Id">Token id.</param>
/// <param name="Content">The text that it matches.</param>
/// <param name="Special">Whether it is control information and left out when decoding for people.</param>
/// <param name="LeftStrip">Whether it takes the blanks to its left.</param>
/// <param name="RightStrip">Whether it takes the blanks to its right.</param>
/// <param name="Normalized">Whether it is looked for in the normalised text rather than in the raw one.</param>
/// <param name="SingleWord">Whether it matches whole words only.</param>
public sealed record AddedToken(int Id, string Content, bool Special, bool LeftStrip, bool RightStrip, bool Normalized, bool SingleWord);
