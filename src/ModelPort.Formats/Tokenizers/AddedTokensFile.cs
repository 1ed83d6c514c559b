using System.Collections.Immutable;
using ModelPort.Formats.Json;

namespace ModelPort.Formats.Tokenizers;

/// <summary>An added_tokens.json: token texts and their ids.</summary>
public sealed class AddedTokensFile
{
    private const int MaxLength = 128 * 1024 * 1024;

    private AddedTokensFile(string path, ImmutableArray<(string Content, int Id)> tokens)
    {
        Path = path;
        Tokens = tokens;
    }

    /// <summary>The path that was opened.</summary>
    public string Path { get; }

    /// <summary>The tokens in file order.</summary>
    public ImmutableArray<(string Content, int Id)> Tokens { get; }

    /// <summary>Reads an added_tokens.json.</summary>
    /// <exception cref="InvalidModelFileException">The file cannot be read or does not map texts to ids.</exception>
    public static AddedTokensFile Open(string path)
    {
        JsonMember root = JsonInput.Load(path, MaxLength).Parse();
        return new AddedTokensFile(path, [.. root.Properties().Select(token => (token.Name, AddedTokenJson.ReadId(token.Value)))]);
    }
}
