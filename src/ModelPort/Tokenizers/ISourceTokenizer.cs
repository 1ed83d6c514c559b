using System.Text;

namespace ModelPort.Tokenizers;

/// <summary>The tokenizer that a model was trained with: the measure of every port's. Implementations are safe to use from any thread.</summary>
public interface ISourceTokenizer
{
    /// <summary>The file that describes it.</summary>
    string Path { get; }

    /// <summary>The normal form of Unicode that it brings text into, or null.</summary>
    NormalizationForm? NormalForm { get; }

    /// <summary>Whether the spelling of an added token is read as that token; else it is text.</summary>
    bool ReadsAddedTokens { get; }

    /// <summary>The tokens that are put before a text.</summary>
    IReadOnlyList<int> Before { get; }

    /// <summary>The tokens that are put behind a text.</summary>
    IReadOnlyList<int> After { get; }

    /// <summary>Turns text into token ids. Halves of surrogate pairs count as U+FFFD.</summary>
    /// <param name="text">The text.</param>
    /// <param name="addSpecial">Whether the tokens of <see cref="Before"/> and <see cref="After"/> are put around it.</param>
    /// <exception cref="TokenizerUncheckedException">The result cannot be computed exactly, or not in bounded time and memory.</exception>
    int[] Encode(string text, bool addSpecial);

    /// <summary>Turns token ids into text. Ids without a token are left out; bytes that are no UTF-8 become U+FFFD.</summary>
    /// <exception cref="TokenizerUncheckedException">The file decodes in a way that is not reproduced.</exception>
    string Decode(IReadOnlyList<int> ids);

    /// <summary>The token as the file spells it ("▁the", "Ġthe", "&lt;0x0A&gt;"), or null when no token has the id.</summary>
    string? Spell(int id);
}
