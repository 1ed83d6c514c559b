using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;

namespace ModelPort.Formats.Cards;

/// <summary>
/// The YAML front matter of a model's README.md (https://huggingface.co/docs/hub/model-cards#model-card-metadata).
/// A file without front matter gives an empty card; a broken one is a fault.
/// </summary>
public sealed class ModelCard
{
    private const int MaxLength = 16 * 1024 * 1024;
    private const int MaxFrontMatter = 1024 * 1024;
    private const string Mark = "---";

    private ModelCard(string path, CardNode root)
    {
        Path = path;
        Root = root;
        Licenses = Texts("license");
        LicenseName = Text("license_name");
        LicenseLink = Text("license_link");
        Tags = Texts("tags");
        PipelineTag = Text("pipeline_tag");
        LibraryName = Text("library_name");
        Languages = Texts("language", "languages");
        BaseModels = Texts("base_model", "base_models");
        Datasets = Texts("datasets", "dataset");
        ModelName = Text("model_name", "name");
        Author = Text("author", "model_author", "model_creator");
    }

    /// <summary>The path that was opened.</summary>
    public string Path { get; }

    /// <summary>The whole front matter as a mapping, for keys without a property.</summary>
    public CardNode Root { get; }

    /// <summary>"license": identifiers such as "apache-2.0"; usually one.</summary>
    public ImmutableArray<string> Licenses { get; }

    /// <summary>"license_name".</summary>
    public string? LicenseName { get; }

    /// <summary>"license_link".</summary>
    public string? LicenseLink { get; }

    /// <summary>"tags".</summary>
    public ImmutableArray<string> Tags { get; }

    /// <summary>"pipeline_tag", the model's task.</summary>
    public string? PipelineTag { get; }

    /// <summary>"library_name".</summary>
    public string? LibraryName { get; }

    /// <summary>"language": codes such as "en".</summary>
    public ImmutableArray<string> Languages { get; }

    /// <summary>"base_model": names on the hub; entries that are mappings are only in <see cref="Root"/>.</summary>
    public ImmutableArray<string> BaseModels { get; }

    /// <summary>"datasets": names on the hub; entries that are mappings are only in <see cref="Root"/>.</summary>
    public ImmutableArray<string> Datasets { get; }

    /// <summary>"model_name" or "name".</summary>
    public string? ModelName { get; }

    /// <summary>"author", "model_author" or "model_creator".</summary>
    public string? Author { get; }

    /// <summary>Reads a README.md.</summary>
    /// <exception cref="InvalidModelFileException">The file cannot be read, or its front matter is no YAML mapping; the message holds the line.</exception>
    public static ModelCard Open(string path)
    {
        string[] lines = Utf8Text.ReadFile(path, MaxLength).Split('\n');
        if (lines[0].TrimEnd() != Mark)
        {
            return new ModelCard(path, new CardNode(1));
        }

        int end = Array.FindIndex(lines, 1, line => line.TrimEnd() == Mark);
        if (end < 0)
        {
            throw new InvalidModelFileException(
                path, FileFault.Malformed, "front matter that begins at line 1 and never ends", "a line \"---\" after it", "front matter");
        }

        // YAML forbids tabs as indentation, but published cards hold them; every reader of cards replaces them.
        string yaml = string.Join('\n', lines[1..end]).Replace("\t", "  ", StringComparison.Ordinal);
        if (yaml.Length > MaxFrontMatter)
        {
            throw new InvalidModelFileException(
                path, FileFault.TooLarge, $"{yaml.Length} characters", $"at most {MaxFrontMatter}", "front matter");
        }

        CardNode root = FrontMatterReader.Read(path, yaml, 2) ?? new CardNode(2);
        return root.Text is null && root.Items.IsEmpty
            ? new ModelCard(path, root)
            : throw new InvalidModelFileException(
                path, FileFault.Malformed, $"no mapping at line {root.Line}", "keys with values", "front matter");
    }

    /// <summary>The text under the first of the names that is present and not null.</summary>
    /// <exception cref="InvalidModelFileException">The value is a list or a mapping.</exception>
    public bool TryGetText([NotNullWhen(true)] out string? value, params ReadOnlySpan<string> names)
    {
        value = Text(names);
        return value is not null;
    }

    /// <summary>The texts under the first of the names that is present: one, or the texts of a list.</summary>
    public bool TryGetTexts(out ImmutableArray<string> values, params ReadOnlySpan<string> names)
    {
        values = Texts(names);
        return !values.IsEmpty;
    }

    private string? Text(params ReadOnlySpan<string> names)
    {
        foreach (string name in names)
        {
            if (Root.Members.TryGetValue(name, out CardNode? node))
            {
                if (!node.Items.IsEmpty || node.Members.Count > 0)
                {
                    throw new InvalidModelFileException(
                        Path, FileFault.Malformed, $"a list or a mapping at line {node.Line}", "a text", name);
                }

                if (node.Text is not null)
                {
                    return node.Text;
                }
            }
        }

        return null;
    }

    private ImmutableArray<string> Texts(params ReadOnlySpan<string> names)
    {
        foreach (string name in names)
        {
            if (Root.Members.TryGetValue(name, out CardNode? node) && (node.Text is not null || !node.Items.IsEmpty))
            {
                return node.Text is not null ? [node.Text] : [.. node.Items.Where(item => item.Text is not null).Select(item => item.Text!)];
            }
        }

        return [];
    }
}
