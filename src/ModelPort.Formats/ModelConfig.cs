using System.Collections.Immutable;
using ModelPort.Formats.Json;

namespace ModelPort.Formats;

/// <summary>
/// A config.json of the transformers library. Lookups see "text_config", where multimodal models keep their language model, before the root.
/// </summary>
public sealed class ModelConfig : ConfigObject
{
    private const int MaxLength = 64 * 1024 * 1024;

    private ModelConfig(JsonMember root, JsonMember? text)
        : base(text is JsonMember inner ? [inner, root] : [root])
    {
        Root = new ConfigObject(root);
        Text = text is JsonMember section ? new ConfigObject(section) : null;
        Architectures = Root.TryGetStrings(out ImmutableArray<string> architectures, "architectures") ? architectures : [];
    }

    /// <summary>The root alone.</summary>
    public ConfigObject Root { get; }

    /// <summary>"text_config" alone, or null.</summary>
    public ConfigObject? Text { get; }

    /// <summary>The class names under "architectures" at the root; none if absent.</summary>
    public ImmutableArray<string> Architectures { get; }

    /// <summary>Reads a config.json. NaN and Infinity as Python writes them are accepted.</summary>
    /// <exception cref="InvalidModelFileException">The file cannot be read or is no JSON object.</exception>
    public static ModelConfig Open(string path)
    {
        JsonMember root = JsonInput.Load(path, MaxLength).Parse().AsObject();
        return new ModelConfig(root, root.TryGet("text_config", out JsonMember text) ? text.AsObject() : null);
    }
}
