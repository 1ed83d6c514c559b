using Microsoft.Build.Framework;

namespace ModelPort.Build;

/// <summary>Has the worker make the content of a model package from finished ports: what was not measured, or is not what was measured, is refused.</summary>
[MSBuildMultiThreadableTask]
public sealed class PackModels : WorkerTask
{
    /// <summary>The ModelPort items.</summary>
    [Required]
    public ITaskItem[] Items { get; set; } = [];

    /// <summary>The absolute path of the folder that holds one folder a port.</summary>
    [Required]
    public string PortsDirectory { get; set; } = "";

    /// <summary>The absolute path of the folder for what is written for the package.</summary>
    [Required]
    public string StagingDirectory { get; set; } = "";

    /// <summary>The package's identity.</summary>
    [Required]
    public string PackageId { get; set; } = "";

    /// <summary>What the project says of its package.</summary>
    public string Description { get; set; } = "";

    /// <summary>The precision that goes into the package; empty for all.</summary>
    public string Precision { get; set; } = "";

    /// <summary>Whether this is no package, but what packages of one precision each are made from.</summary>
    public bool IsDivided { get; set; }

    /// <summary>Whether the package gives applications a class of its models.</summary>
    public bool HasClass { get; set; } = true;

    /// <summary>Settings of the build, as <see cref="PortOptions"/> reads them.</summary>
    public ITaskItem[] Options { get; set; } = [];

    /// <summary>Whether the ports were just built.</summary>
    public bool IsBuilt { get; set; }

    /// <summary>The version that is packed.</summary>
    public string PackageVersion { get; set; } = "";

    /// <summary>The identity of the release before; the package's own where it was not renamed.</summary>
    public string BaselineName { get; set; } = "";

    /// <summary>The version of the release before; <c>none</c> for a first release, empty for no comparison.</summary>
    public string BaselineVersion { get; set; } = "";

    /// <summary>The package of the release before, or the folder it was restored to; empty for no comparison.</summary>
    public string BaselinePath { get; set; } = "";

    /// <summary>The checkpoint that the release before was ported from, where that is not the project's any more; empty where it is.</summary>
    public string BaselineSource { get; set; } = "";

    /// <summary>The file with accepted differences.</summary>
    public string Suppressions { get; set; } = "";

    /// <summary>The files of the package itself; metadata PackagePath, the folder in the package, and Sha256.</summary>
    [Output]
    public ITaskItem[] Files { get; private set; } = [];

    /// <summary>The files of its parts, where it has some; metadata PackageId, PackagePath (the place in that package) and Sha256.</summary>
    [Output]
    public ITaskItem[] PartFiles { get; private set; } = [];

    /// <summary>The most bytes of a package.</summary>
    [Output]
    public string Limit { get; private set; } = "";

    /// <summary>Whether what is larger goes into parts.</summary>
    [Output]
    public string IsSplit { get; private set; } = "";

    /// <summary>The readme that was written, which is not among the files.</summary>
    [Output]
    public string Readme { get; private set; } = "";

    /// <summary>Words by which the package is found.</summary>
    [Output]
    public string Tags { get; private set; } = "";

    /// <summary>The licence of the models as SPDX expression; empty where it has none.</summary>
    [Output]
    public string License { get; private set; } = "";

    /// <summary>The precisions that the ports have.</summary>
    [Output]
    public string[] Precisions { get; private set; } = [];

    /// <inheritdoc/>
    private protected override string Subject => Project;

    /// <inheritdoc/>
    private protected override string Switch => "--pack";

    /// <inheritdoc/>
    public override bool Execute()
    {
        try
        {
            if (BaselinePath.Length == 0 && !IsDivided)
            {
                Log.LogMessage(MessageImportance.High, BaselineVersion.Equals("none", StringComparison.OrdinalIgnoreCase)
                    ? "{0}: the first release; there is nothing to compare it with."
                    : "{0}: not compared with an earlier release. Set ModelPortBaselineVersion to its version, or to 'none' for the first.", PackageId);
            }

            Directory.CreateDirectory(StagingDirectory);
            WholeFile.DeleteLeftovers(StagingDirectory);
            return Work(WholeFile.TemporaryName(Path.Combine(StagingDirectory, "request")), Request()) && Take();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Log.RecordFailed(StagingDirectory, e.Message);
            return false;
        }
    }

    private string Request() => RequestJson.Write(writer =>
    {
        writer.WriteText("project", Project);
        writer.WriteText("packageId", PackageId);
        writer.WriteText("description", Description);
        writer.WriteText("stagingDirectory", StagingDirectory);
        writer.WriteStart("ports", "array");
        foreach (ITaskItem item in Items)
        {
            PortOptions options = new(item, Options, Project);
            writer.WriteStart("item", "object");
            writer.WriteText("name", options.Name);
            writer.WriteText("directory", Path.Combine(PortsDirectory, options.Name));
            writer.WriteText("source", options.Source);
            writer.WriteTexts("metadata", options.Metadata);
            writer.WriteTexts("properties", options.Properties);
            writer.WriteEndElement();
        }

        writer.WriteEndElement();
        writer.WriteNumber("parentProcessId", WholeFile.ProcessId);
        writer.WriteText("precision", Precision);
        writer.WriteFlag("isBuilt", IsBuilt);
        writer.WriteFlag("hasClass", HasClass);
        if (BaselinePath.Length > 0 && !IsDivided)
        {
            writer.WriteStart("baseline", "object");
            writer.WriteText("path", BaselinePath);
            writer.WriteText("name", BaselineVersion.Length > 0 ? $"{BaselineName} {BaselineVersion}" : Path.GetFileName(BaselinePath));
            writer.WriteText("version", BaselineVersion);
            writer.WriteText("packageVersion", PackageVersion);
            writer.WriteText("suppressions", Suppressions);
            if (BaselineSource.Length > 0)
            {
                writer.WriteText("source", BaselineSource);
            }

            writer.WriteEndElement();
        }
    });

    private bool Take()
    {
        if (Result is null)
        {
            Log.ResultInvalid(Project, "it gave no result");
            return false;
        }

        Readme = Result.Text("readme");
        Tags = Result.Text("tags");
        License = Result.Text("license");
        Precisions = [.. Result.Texts("precisions")];

        Limit = Result.Text("limit");
        IsSplit = Result.Text("isSplit");

        string[] places = [.. Result.Texts("packagePaths")];
        string[] packages = [.. Result.Texts("packages")];
        string[] hashes = [.. Result.Texts("hashes")];
        (string File, string Place, string Package, string Hash)[] files = [.. Result.Texts("files").Select((file, i) => (file, places[i], packages[i], hashes[i]))];

        // A place in the package is a folder: NuGet takes a last segment without a dot for one.
        Files =
        [
            .. files.Where(f => f.Package == PackageId && f.File != Readme)
                .Select(f => Escaped.Item(f.File, ("PackagePath", f.Place.Substring(0, f.Place.LastIndexOf('/') + 1)), ("Sha256", f.Hash))),
        ];
        PartFiles = IsDivided ? [] : [.. files.Where(f => f.Package != PackageId).Select(f => Escaped.Item(f.File, ("PackageId", f.Package), ("PackagePath", f.Place), ("Sha256", f.Hash)))];
        return true;
    }
}
