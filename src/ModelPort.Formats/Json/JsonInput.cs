using System.Text.Json;

namespace ModelPort.Formats.Json;

/// <summary>
/// The text of a JSON file, proven well formed: valid UTF-8, valid JSON, no string that UTF-16 cannot hold.
/// What remains for its users is to check types and values.
/// </summary>
internal sealed class JsonInput
{
    private JsonInput(string path, ReadOnlyMemory<byte> utf8)
    {
        Path = path;
        Utf8 = utf8;
    }

    public string Path { get; }

    public ReadOnlyMemory<byte> Utf8 { get; }

    /// <summary>
    /// Loads a file of at most <paramref name="limit"/> bytes. A byte order mark is dropped; Python's NaN literals become strings.
    /// </summary>
    public static JsonInput Load(string path, int limit) => Check(path, SourceFile.ReadAll(path, limit));

    /// <summary>Checks JSON text that stands inside another file.</summary>
    public static JsonInput Check(string path, ReadOnlyMemory<byte> utf8)
    {
        if (utf8.Span.StartsWith("\uFEFF"u8))
        {
            utf8 = utf8[3..];
        }

        if (!Utf8Text.IsValid(utf8.Span))
        {
            throw new InvalidModelFileException(path, FileFault.Malformed, Utf8Text.DescribeInvalid(utf8.Span), "UTF-8 text");
        }

        try
        {
            Walk(path, utf8.Span);
        }
        catch (JsonException e)
        {
            if (!PythonLiterals.TryQuote(utf8.Span, out byte[]? quoted))
            {
                throw Malformed(path, e);
            }

            utf8 = quoted;
            try
            {
                Walk(path, utf8.Span);
            }
            catch (JsonException inner)
            {
                throw Malformed(path, inner);
            }
        }

        return new JsonInput(path, utf8);
    }

    /// <summary>The whole document as elements. An object that holds a name twice is refused.</summary>
    public JsonMember Parse()
    {
        try
        {
            return new JsonMember(Path, "", JsonElement.Parse(Utf8.Span, new JsonDocumentOptions { AllowDuplicateProperties = false }));
        }
        catch (JsonException e)
        {
            // The text is known to be well formed, so a repeated name is all that can be left.
            throw new InvalidModelFileException(Path, FileFault.Duplicate, Summary(e), "each name once in an object", inner: e);
        }
    }

    /// <summary>The line and column, counted from 1, of a byte of the text.</summary>
    public string Place(long offset)
    {
        ReadOnlySpan<byte> before = Utf8.Span[..(int)offset];
        int line = before.Count((byte)'\n') + 1;
        return $"line {line}, byte {before.Length - before.LastIndexOf((byte)'\n')}";
    }

    private static void Walk(string path, ReadOnlySpan<byte> utf8)
    {
        Utf8JsonReader reader = new(utf8);
        while (reader.Read())
        {
            // Only an escape can hide half of a surrogate pair in valid UTF-8.
            if (reader.TokenType is JsonTokenType.String or JsonTokenType.PropertyName && reader.ValueIsEscaped
                && (reader.ValueSpan.IndexOf("\\ud"u8) >= 0 || reader.ValueSpan.IndexOf("\\uD"u8) >= 0))
            {
                try
                {
                    reader.GetString();
                }
                catch (InvalidOperationException e)
                {
                    throw new InvalidModelFileException(
                        path, FileFault.Malformed, $"half of a surrogate pair at byte {reader.TokenStartIndex}", "valid Unicode text", inner: e);
                }
            }
        }
    }

    private static InvalidModelFileException Malformed(string path, JsonException e) =>
        new(path, FileFault.Malformed, $"{Summary(e)} at line {e.LineNumber + 1}, byte {e.BytePositionInLine + 1}", "valid JSON", inner: e);

    // System.Text.Json appends its own zero-based position to the sentence.
    private static string Summary(JsonException e)
    {
        int position = e.Message.IndexOf(" LineNumber:", StringComparison.Ordinal);
        return (position < 0 ? e.Message : e.Message[..position]).TrimEnd('.', ' ');
    }
}
