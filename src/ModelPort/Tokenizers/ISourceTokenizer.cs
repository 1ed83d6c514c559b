using System.Text;

namespace ModelPort.Tokenizers;

/// <summary>The tokenizer that a model was trained with: the measure of every port's. Implementations are safe to use from any thread.</summary>
public interface ISourceTokenizer
{
    /// <summary>The file that describes it.</summary>
    string Path { get; }

    /// <summary>The normal form of Unicode that it brings text into, or null.</summary>
    NormalizationForm? NormalForm { get; }

    /// <summary>Turns text into token ids. The spelling of an added token is read as that token. Halves of surrogate pairs count as U+FFFD.</summary>
    /// <param name="text">The text.</param>
    /// <param name="addSpecial">Whether the tokens are added that the model wants around a text.</param>
    /// <exception cref="TokenizerUncheckedException">The result cannot be computed exactly, or not in bounded time and memory.</exception>
    int[] Encode(string text, bool addSpecial);

    /// <summary>Turns token ids into text. Ids without a token are left out; bytes that are no UTF-8 become U+FFFD.</summary>
    /// <exception cref="TokenizerUncheckedException">The file decodes in a way that is not reproduced.</exception>
    string Decode(IReadOnlyList<int> ids);

    /// <summary>The token as the file spells it ("▁the", "Ġthe", "&lt;0x0A&gt;"), or null when no token has the id.</summary>
    string? Spell(int id);
}
