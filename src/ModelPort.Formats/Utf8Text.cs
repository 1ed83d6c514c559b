using System.Buffers;
using System.Text;
using System.Text.Unicode;

namespace ModelPort.Formats;

/// <summary>Strict UTF-8: bytes that are no text are an error, never a replacement character.</summary>
internal static class Utf8Text
{
    public static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>U+FFFD in UTF-8: what a program leaves behind that took binary data for text.</summary>
    public static ReadOnlySpan<byte> ReplacementCharacter => [0xEF, 0xBF, 0xBD];

    public static bool IsValid(ReadOnlySpan<byte> bytes) => Utf8.IsValid(bytes);

    public static string DescribeInvalid(ReadOnlySpan<byte> bytes)
    {
        int offset = 0;
        while (Rune.DecodeFromUtf8(bytes[offset..], out _, out int length) == OperationStatus.Done)
        {
            offset += length;
        }

        return $"byte 0x{bytes[offset]:X2} at offset {offset}, which is not UTF-8";
    }

    /// <summary>
    /// Reads a text file of at most <paramref name="limit"/> bytes. A byte order mark is dropped, and CR LF and CR become LF as in Python's
    /// text mode; no other character counts as a line end.
    /// </summary>
    public static string ReadFile(string path, int limit)
    {
        ReadOnlySpan<byte> bytes = SourceFile.ReadAll(path, limit);
        if (!IsValid(bytes))
        {
            throw new InvalidModelFileException(path, FileFault.Malformed, DescribeInvalid(bytes), "UTF-8 text");
        }

        return Strict.GetString(bytes.StartsWith("\uFEFF"u8) ? bytes[3..] : bytes)
            .Replace("\r\n", "\n", StringComparison.Ordinal)
            .Replace('\r', '\n');
    }
}
