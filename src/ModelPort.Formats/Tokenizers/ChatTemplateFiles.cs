using System.Collections.Immutable;
using ModelPort.Formats.Json;

namespace ModelPort.Formats.Tokenizers;

/// <summary>
/// The chat templates that stand in files of their own beside a tokenizer. Which of the sources counts is not decided here.
/// </summary>
public sealed class ChatTemplateFiles
{
    private const int MaxLength = 16 * 1024 * 1024;

    private ChatTemplateFiles(string? jinja, ImmutableArray<ChatTemplate> json, ImmutableArray<ChatTemplate> additional)
    {
        Jinja = jinja;
        Json = json;
        Additional = additional;
    }

    /// <summary>The text of chat_template.jinja, or null if there is no such file. Line ends are LF, as Python reads them.</summary>
    public string? Jinja { get; }

    /// <summary>The templates of chat_template.json; none if there is no such file.</summary>
    public ImmutableArray<ChatTemplate> Json { get; }

    /// <summary>The templates of additional_chat_templates/*.jinja, sorted by name.</summary>
    public ImmutableArray<ChatTemplate> Additional { get; }

    /// <summary>Reads the files that exist in a folder.</summary>
    /// <exception cref="InvalidModelFileException">A file that exists cannot be read, or chat_template.json is malformed.</exception>
    public static ChatTemplateFiles Open(string folder)
    {
        string jinja = Path.Combine(folder, "chat_template.jinja");
        string json = Path.Combine(folder, "chat_template.json");
        string additional = Path.Combine(folder, "additional_chat_templates");
        return new ChatTemplateFiles(
            File.Exists(jinja) ? ReadText(jinja) : null,
            File.Exists(json) ? ChatTemplate.Read(JsonInput.Load(json, MaxLength).Parse().AsObject()) : [],
            Directory.Exists(additional) ? ReadFolder(additional) : []);
    }

    private static ImmutableArray<ChatTemplate> ReadFolder(string folder)
    {
        string[] paths;
        try
        {
            paths = Directory.GetFiles(folder, "*.jinja");
        }
        catch (Exception e) when (SourceFile.IsFileError(e))
        {
            throw SourceFile.Fault(folder, e, null);
        }

        Array.Sort(paths, StringComparer.Ordinal);
        return [.. paths.Select(path => new ChatTemplate(Path.GetFileNameWithoutExtension(path), ReadText(path)))];
    }

    private static string ReadText(string path) => Utf8Text.ReadFile(path, MaxLength);
}
