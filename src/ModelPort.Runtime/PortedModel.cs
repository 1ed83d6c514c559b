namespace ModelPort.Runtime;

/// <summary>The text, or the samples, that models were measured on. Numbers of two models are comparable where it is the same, cut in the same way.</summary>
/// <param name="Sha256">SHA-256 of the text or samples.</param>
/// <param name="WindowLength">Tokens in a window; 0 for samples.</param>
/// <param name="Positions">How many predictions were scored: positions of the text, or samples.</param>
public sealed record PortedEvaluation(string Sha256, int WindowLength, long Positions);

/// <summary>A ported model: what it was made from, and the files it was made into.</summary>
public sealed class PortedModel
{
    /// <summary>The name of the file that describes a model.</summary>
    public const string ManifestName = "modelport.json";

    internal PortedModel(string manifestPath) => ManifestPath = manifestPath;

    /// <summary>The port's name.</summary>
    public required string Name { get; init; }

    /// <summary>The absolute path of the manifest.</summary>
    public string ManifestPath { get; }

    /// <summary>The absolute path of the folder that holds the manifest and the files.</summary>
    public string Folder => Path.GetDirectoryName(ManifestPath)!;

    /// <summary>The class name that the source's configuration gives, for instance LlamaForCausalLM.</summary>
    public required string Architecture { get; init; }

    /// <summary>Number of values of the source.</summary>
    public required long Parameters { get; init; }

    /// <summary>SHA-256 over all files of the source, in lower-case hex: its identity wherever it lay.</summary>
    public required string SourceSha256 { get; init; }

    /// <summary>The licence that the source's model card names; null when it names none.</summary>
    public required string? License { get; init; }

    /// <summary>The engine it was ported for, and measured with: name and version.</summary>
    public required string Engine { get; init; }

    /// <summary>The text that it was measured on; null when nothing was measured.</summary>
    public required PortedEvaluation? Evaluation { get; init; }

    /// <summary>The tokens of context that the model was made for; null where the manifest does not say.</summary>
    public required long? ContextLength { get; init; }

    /// <summary>SHA-256 over everything that decides how text is split; null where the manifest does not say.</summary>
    public required string? TokenizerSha256 { get; init; }

    /// <summary>SHA-256 of the chat template; null where there is none or the manifest does not say.</summary>
    public required string? ChatTemplateSha256 { get; init; }

    /// <summary>What goes into an ONNX model, as "name: type" with semicolons between; null for other models.</summary>
    public string? Inputs { get; init; }

    /// <summary>What comes out of an ONNX model, in the same form; null for other models.</summary>
    public string? Outputs { get; init; }

    /// <summary>What it was ported to, one a precision.</summary>
    public required IReadOnlyList<PortedFile> Files { get; init; }

    /// <summary>The only file, or that of a precision.</summary>
    /// <param name="precision">The precision; null where the model has but one.</param>
    /// <exception cref="PortedModelException">MP5005: the model has no such precision, or several and none was named.</exception>
    public PortedFile File(string? precision = null)
    {
        PortedFile[] found = [.. Files.Where(f => precision is null || f.Precision.Equals(precision, StringComparison.OrdinalIgnoreCase))];
        return found.Length == 1 ? found[0] : throw PortedModelException.UnknownPrecision(Folder, precision ?? "", Files.Select(f => f.Precision));
    }

    /// <summary>Reads each file and compares it with the manifest; what was compared before and has not changed since is not read again.</summary>
    /// <exception cref="PortedModelException">MP5003: a file is missing; MP5004: a file was changed or damaged.</exception>
    public void Verify()
    {
        foreach (PortedFile file in Files)
        {
            file.VerifiedPath();
        }
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Name} ({string.Join(", ", Files.Select(f => f.Precision))})";

    internal static PortedModel Read(string manifestPath) => ManifestReader.Read(manifestPath);
}
