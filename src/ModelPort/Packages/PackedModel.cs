using ModelPort.Manifests;

namespace ModelPort.Packages;

/// <summary>A file of a model in a package.</summary>
/// <param name="Name">Its name, beside the manifest.</param>
/// <param name="Path">Where it lies.</param>
/// <param name="Bytes">Its length.</param>
/// <param name="Sha256">SHA-256 of its content, in lower-case hex.</param>
public sealed record PackedFile(string Name, string Path, long Bytes, string Sha256);

/// <summary>A model in a package.</summary>
/// <param name="Manifest">What it is.</param>
/// <param name="Files">Its files, the manifest among them, in the order of their names.</param>
public sealed record PackedModel(Manifest Manifest, IReadOnlyList<PackedFile> Files)
{
    /// <summary>The files of its outputs, in their order.</summary>
    public IEnumerable<PackedFile> OutputFiles => Manifest.Outputs.SelectMany(o => o.Files).Select(f => Files.Single(p => p.Name == f.Name));

    /// <summary>The files that describe it.</summary>
    public IEnumerable<PackedFile> Records => Files.Except(OutputFiles);
}
