using ModelPort.Diagnostics;
using ModelPort.Packages;

namespace ModelPort.Tool;

/// <summary>What the build asks of the worker when it packs.</summary>
/// <param name="Protocol">The version of this file's form, <see cref="WorkerRequest.CurrentProtocol"/>.</param>
/// <param name="Project">The project file.</param>
/// <param name="PackageId">The package's identity.</param>
/// <param name="Description">What the project says of it.</param>
/// <param name="StagingDirectory">Where files that are written for the package go.</param>
/// <param name="Ports">The ports.</param>
/// <param name="ParentProcessId">The build's process; the worker ends when it is gone. 0 for none.</param>
/// <param name="Baseline">The release before; null for none.</param>
/// <param name="Precision">The precision that goes into the package; null for all.</param>
/// <param name="IsBuilt">Whether the ports were just built.</param>
/// <param name="HasClass">Whether the package gives applications a class of its models.</param>
internal sealed record PackageWork(
    int Protocol, string Project, string PackageId, string? Description, string StagingDirectory, IReadOnlyList<PackagedPort> Ports, int ParentProcessId, ReleaseBaseline? Baseline = null, string? Precision = null, bool IsBuilt = false, bool HasClass = true)
{
    /// <summary>The request, as the domain has it.</summary>
    public PackageRequest Request => new(Project, PackageId, Description ?? "", StagingDirectory, Ports) { Baseline = Baseline, Precision = string.IsNullOrEmpty(Precision) ? null : Precision, IsBuilt = IsBuilt, HasClass = HasClass, Limit = Limit };

    // A setting of the build, which all ports were made with.
    private PackageLimit Limit => PackageLimit.Parse(Ports.SelectMany(p => p.Properties).Where(p => p.Value is { Length: > 0 }).DistinctBy(p => p.Key).ToDictionary(), Project);

    /// <summary>Reads a request file.</summary>
    /// <exception cref="ModelPortException">MP9009: it cannot be used.</exception>
    public static PackageWork Read(string path) => RequestFile.Read<PackageWork>(path, w => w.Protocol, isComplete: true);
}
