using System.Security.Cryptography;
using System.Text;
using ModelPort.Parity;

namespace ModelPort.Choosing;

/// <summary>The text that sensitivities are measured on.</summary>
/// <param name="Name">The file's name, or "default".</param>
/// <param name="Path">The file, for messages; empty for the text that ships with ModelPort.</param>
/// <param name="Sha256">SHA-256 of the text.</param>
/// <param name="Text">The text.</param>
internal sealed record SensitivityInput(string Name, string Path, string Sha256, string Text)
{
    // The evaluation reads the text from its beginning and stops long before: a mix must not be chosen on what it is judged by.
    private const int DefaultCharacters = 12_000;

    /// <summary>The last pages of the text that ships with ModelPort.</summary>
    public static SensitivityInput Default()
    {
        var text = EvaluationText.Open(null).Beginning(long.MaxValue)[^DefaultCharacters..];
        text = text[(text.IndexOf('\n', StringComparison.Ordinal) + 1)..];
        return new SensitivityInput(EvaluationText.DefaultName, "", Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text))), text);
    }
}
