using ModelPort.Diagnostics;
using ModelPort.Formats;
using ModelPort.Formats.Cards;
using ModelPort.Formats.Safetensors;

namespace ModelPort.Checkpoints;

/// <summary>What the source is, without loading weights: configuration, tokenizer files, tensor directory, model card, and the files all of it came from.</summary>
public sealed class Checkpoint : IDisposable
{
    // Files that influence a port when they are there, beside the weights; everything else in the folder is ignored.
    private static readonly string[] SideFiles =
    [
        "config.json", "generation_config.json", "tokenizer.json", "tokenizer.model", "tokenizer_config.json", "added_tokens.json",
        "chat_template.jinja", "chat_template.json", "README.md", "model.safetensors.index.json",
    ];

    private Checkpoint(string folder, TensorDirectory tensors)
    {
        Folder = folder;
        Tensors = tensors;
    }

    /// <summary>The folder, as an absolute path.</summary>
    public string Folder { get; }

    /// <summary>The tensors.</summary>
    public TensorDirectory Tensors { get; }

    /// <summary>config.json.</summary>
    public required ModelConfig Config { get; init; }

    /// <summary>generation_config.json, when there is one.</summary>
    public GenerationConfig? Generation { get; init; }

    /// <summary>The tokenizer's files.</summary>
    public required TokenizerFiles Tokenizer { get; init; }

    /// <summary>The front matter of README.md, when there is one.</summary>
    public ModelCard? Card { get; init; }

    /// <summary>Every file that the port depends on, sorted by name.</summary>
    public required IReadOnlyList<SourceFile> Files { get; init; }

    /// <summary>The path of config.json, where errors about the configuration point.</summary>
    public string ConfigPath => Path.Combine(Folder, "config.json");

    /// <summary>The first class name under "architectures".</summary>
    public string ArchitectureName => Config.Architectures.FirstOrDefault() ?? "";

    /// <summary>The element type of the first matrix: the checkpoint's own precision.</summary>
    public SafetensorsType OwnType =>
        Tensors.InConversionOrder.FirstOrDefault(t => t.Shape.Length >= 2)?.Type ?? SafetensorsType.F32;

    /// <summary>Bytes of all weight files.</summary>
    public long WeightBytes => Tensors.Files.Sum(f => f.FileLength);

    /// <summary>Opens a checkpoint folder and checks that its files are whole and agree.</summary>
    /// <param name="path">The folder.</param>
    /// <exception cref="ModelPortException">MP1001: no such folder; MP1002: a file is missing; MP1006, MP1007: files disagree.</exception>
    /// <exception cref="InvalidModelFileException">A file is damaged.</exception>
    public static Checkpoint Open(string path)
    {
        var folder = Path.GetFullPath(path);
        if (!Directory.Exists(folder))
        {
            throw new ModelPortException(File.Exists(folder)
                ? Diagnose.UnsupportedContent(folder, "a file as the source", "checkpoint folders")
                : Diagnose.SourceMissing(folder));
        }

        var configPath = Path.Combine(folder, "config.json");
        if (!File.Exists(configPath))
        {
            throw new ModelPortException(Diagnose.FileMissing(configPath, "the configuration of a Hugging Face checkpoint"));
        }

        var config = ModelConfig.Open(configPath);
        var tokenizer = TokenizerFiles.Open(folder);
        var tensors = TensorDirectory.Open(folder);
        try
        {
            var generation = Path.Combine(folder, "generation_config.json");
            var card = Path.Combine(folder, "README.md");
            return new Checkpoint(folder, tensors)
            {
                Config = config,
                Tokenizer = tokenizer,
                Generation = File.Exists(generation) ? GenerationConfig.Open(generation) : null,
                Card = File.Exists(card) ? ModelCard.Open(card) : null,
                Files = FindFiles(folder, tensors),
            };
        }
        catch
        {
            tensors.Dispose();
            throw;
        }
    }

    /// <summary>Throws when a file changed since the checkpoint was opened.</summary>
    /// <exception cref="ModelPortException">MP1023.</exception>
    public void RequireUnchanged() => SourceFile.RequireUnchanged(Files);

    /// <inheritdoc/>
    public void Dispose() => Tensors.Dispose();

    private static SourceFile[] FindFiles(string folder, TensorDirectory tensors)
    {
        var side = SideFiles.Select(n => Path.Combine(folder, n)).Where(File.Exists);
        var templates = Path.Combine(folder, "additional_chat_templates");
        var extra = Directory.Exists(templates) ? Directory.GetFiles(templates, "*.jinja") : [];
        return [.. side.Concat(extra).Concat(tensors.Files.Select(f => f.Path))
            .Select(p => SourceFile.Of(p, folder))
            .OrderBy(f => f.Name, StringComparer.Ordinal)];
    }
}
