using ModelPort.Diagnostics;

namespace ModelPort.Packages;

/// <summary>A port that goes into a package.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Directory">The folder that holds its files and records.</param>
/// <param name="Source">The checkpoint that it was made from; its licence files travel along.</param>
/// <param name="Metadata">What its item asks for, by name.</param>
/// <param name="Properties">Settings of the build, by name.</param>
public sealed record PackagedPort(string Name, string Directory, string Source, IReadOnlyDictionary<string, string> Metadata, IReadOnlyDictionary<string, string> Properties)
{
    /// <summary>What a build is asked for that makes the port.</summary>
    /// <param name="project">The project file.</param>
    /// <exception cref="ModelPortException">MP1018 and others: an option cannot be read.</exception>
    public PortRequest Request(string project) => PortRequest.Parse(Source, Directory, Metadata, Properties, project);
}

/// <summary>What a project asks of its package.</summary>
/// <param name="Project">The project file, where errors about the package point.</param>
/// <param name="PackageId">The package's identity.</param>
/// <param name="Description">What the project says of it; empty for nothing.</param>
/// <param name="StagingDirectory">Where files that are written for the package go.</param>
/// <param name="Ports">The ports.</param>
public sealed record PackageRequest(string Project, string PackageId, string Description, string StagingDirectory, IReadOnlyList<PackagedPort> Ports)
{
    /// <summary>What the package is held against; null for nothing.</summary>
    public ReleaseBaseline? Baseline { get; init; }

    /// <summary>Whether the ports were just built; else it has to be seen whether they are still what the project asks for.</summary>
    public bool IsBuilt { get; init; }

    /// <summary>The precision that goes into the package; null for all.</summary>
    public string? Precision { get; init; }

    /// <summary>How large a package may be.</summary>
    public PackageLimit Limit { get; init; } = PackageLimit.Default;

    /// <summary>Whether the package gives applications a class of its models; not where its own assembly has one that they see.</summary>
    public bool HasClass { get; init; } = true;
}

/// <summary>The release before the one that is packed.</summary>
/// <param name="Path">The package, or the folder it was restored to.</param>
/// <param name="Name">What it is called, for instance Acme.Tiny 1.0.0.</param>
/// <param name="Version">Its version; empty where only a path is known.</param>
/// <param name="PackageVersion">The version that is packed.</param>
/// <param name="Suppressions">The file with differences that were accepted; it need not exist.</param>
/// <param name="Source">The checkpoint that its models were ported from, where that is not the project's any more; null where it is.</param>
public sealed record ReleaseBaseline(string Path, string Name, string Version, string PackageVersion, string Suppressions, string? Source = null);

/// <summary>A file and its place in the package.</summary>
/// <param name="Path">Where it lies.</param>
/// <param name="PackagePath">Its place, with forward slashes.</param>
/// <param name="Package">The package that holds it.</param>
/// <param name="Sha256">SHA-256 of its content, in lower-case hex.</param>
public sealed record PackageEntry(string Path, string PackagePath, string Package, string Sha256);

/// <summary>What a package is made of, and its parts, which it depends on, where it has some.</summary>
/// <param name="Entries">The files of all.</param>
/// <param name="Readme">The readme among them.</param>
/// <param name="Tags">Words by which it is found: modelport, engines, precisions, architectures.</param>
/// <param name="LicenseExpression">The licence of the sources as SPDX expression; null where one is unknown or has no SPDX identifier.</param>
public sealed record PackageContent(IReadOnlyList<PackageEntry> Entries, string Readme, IReadOnlyList<string> Tags, string? LicenseExpression)
{
    /// <summary>How large it, and each part, may be.</summary>
    public PackageLimit Limit { get; init; } = PackageLimit.Default;

    /// <summary>The precisions that are in it.</summary>
    public IReadOnlyList<string> Precisions { get; init; } = [];

    /// <summary>What the build prints: what could not be checked, and what came of the comparison with the release before.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>Why the release is refused, an error each; empty when it is not.</summary>
    public IReadOnlyList<Diagnostic> Refusals { get; init; } = [];
}
