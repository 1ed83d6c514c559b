using System.Text;

namespace ModelPort.Tokenizers;

/// <summary>Text as tokenizers see it.</summary>
internal static class SourceText
{
    /// <summary>A text without halves of surrogate pairs, which UTF-8 does not have: each becomes U+FFFD.</summary>
    public static string Whole(string text) =>
        text.AsSpan().IndexOfAnyInRange('\uD800', '\uDFFF') < 0 ? text : Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text));
}
