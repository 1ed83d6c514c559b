using System.Collections.Immutable;
using System.Text.Json;
using ModelPort.Formats.Json;

namespace ModelPort.Formats.Tokenizers;

/// <summary>
/// Reads the merges of a BPE model in both forms, "a b" and ["a", "b"]. Both parts and their result must be tokens;
/// the strings are those of the vocabulary, so that 150,000 merges cost no text of their own.
/// </summary>
internal sealed class MergeReader
{
    private readonly JsonInput input;
    private readonly int offset;
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> vocabulary;
    private readonly int prefixLength;
    private readonly ImmutableArray<BpeMerge>.Builder merges = ImmutableArray.CreateBuilder<BpeMerge>();
    private char[] text = new char[256];
    private char[] joined = new char[256];

    /// <param name="input">The file.</param>
    /// <param name="offset">Where the merges begin in it, for messages.</param>
    /// <param name="vocabulary">The model's tokens.</param>
    /// <param name="continuingSubwordPrefix">What the right part loses when it is joined to the left one.</param>
    public MergeReader(JsonInput input, int offset, Dictionary<string, int> vocabulary, string? continuingSubwordPrefix)
    {
        this.input = input;
        this.offset = offset;
        this.vocabulary = vocabulary.GetAlternateLookup<ReadOnlySpan<char>>();
        prefixLength = continuingSubwordPrefix?.Length ?? 0;
    }

    public ImmutableArray<BpeMerge> Read(ReadOnlySpan<byte> json)
    {
        Utf8JsonReader reader = new(json);
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            throw Fault(ref reader, $"{reader.TokenType}", "an array");
        }

        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            merges.Add(reader.TokenType switch
            {
                JsonTokenType.String => ReadText(ref reader),
                JsonTokenType.StartArray => ReadPair(ref reader),
                _ => throw Fault(ref reader, $"{reader.TokenType}", "a string or a pair of strings"),
            });
        }

        return merges.ToImmutable();
    }

    private BpeMerge ReadText(scoped ref Utf8JsonReader reader)
    {
        ReadOnlySpan<char> rule = CopyString(ref reader);
        int space = rule.IndexOf(' ');
        return space < 0 || rule[(space + 1)..].Contains(' ')
            ? throw Fault(ref reader, $"\"{rule}\"", "two tokens with one space between them")
            : Join(ref reader, Token(ref reader, rule[..space]), Token(ref reader, rule[(space + 1)..]));
    }

    private BpeMerge ReadPair(scoped ref Utf8JsonReader reader)
    {
        string left = ReadPart(ref reader);
        string right = ReadPart(ref reader);
        reader.Read();
        return reader.TokenType == JsonTokenType.EndArray
            ? Join(ref reader, left, right)
            : throw Fault(ref reader, $"{reader.TokenType}", "two strings only");
    }

    private string ReadPart(scoped ref Utf8JsonReader reader)
    {
        reader.Read();
        return reader.TokenType == JsonTokenType.String
            ? Token(ref reader, CopyString(ref reader))
            : throw Fault(ref reader, $"{reader.TokenType}", "two strings");
    }

    private BpeMerge Join(scoped ref Utf8JsonReader reader, string left, string right)
    {
        ReadOnlySpan<char> tail = right.AsSpan(Math.Min(prefixLength, right.Length));
        int length = left.Length + tail.Length;
        if (joined.Length < length)
        {
            joined = new char[length];
        }

        left.CopyTo(joined);
        tail.CopyTo(joined.AsSpan(left.Length));
        Token(ref reader, joined.AsSpan(0, length));
        return new BpeMerge(left, right);
    }

    private string Token(scoped ref Utf8JsonReader reader, scoped ReadOnlySpan<char> token) => vocabulary.TryGetValue(token, out string? known, out _)
        ? known
        : throw new InvalidModelFileException(
            input.Path, FileFault.Inconsistent, $"\"{token}\" at {Place(ref reader)}", "a token of the vocabulary", Member);

    private ReadOnlySpan<char> CopyString(scoped ref Utf8JsonReader reader)
    {
        // UTF-16 never has more units than UTF-8 has bytes.
        if (text.Length < reader.ValueSpan.Length)
        {
            text = new char[reader.ValueSpan.Length];
        }

        return text.AsSpan(0, reader.CopyString(text));
    }

    private string Member => $"model.merges[{merges.Count}]";

    private string Place(scoped ref Utf8JsonReader reader) => input.Place(offset + reader.TokenStartIndex);

    private InvalidModelFileException Fault(scoped ref Utf8JsonReader reader, string found, string expected) =>
        new(input.Path, FileFault.Malformed, $"{found} at {Place(ref reader)}", expected, Member);
}
