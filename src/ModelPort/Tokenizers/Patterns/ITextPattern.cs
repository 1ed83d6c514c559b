namespace ModelPort.Tokenizers.Patterns;

/// <summary>Something that is looked for in a text.</summary>
internal interface ITextPattern
{
    /// <summary>Adds the matches in a text, from left to right and without overlap; none is empty.</summary>
    /// <exception cref="TokenizerUncheckedException">The search takes too long.</exception>
    void Find(ReadOnlySpan<char> text, List<(int Start, int End)> matches);
}
