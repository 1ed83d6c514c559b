using ModelPort.Diagnostics;

namespace ModelPort.Tool;

/// <summary>What the build asks of the worker: one item. All option values are text exactly as MSBuild had them.</summary>
/// <param name="Protocol">The version of this file's form.</param>
/// <param name="Project">The project file, where errors about options point.</param>
/// <param name="Item">The item's Include.</param>
/// <param name="Source">The checkpoint, as an absolute path.</param>
/// <param name="OutputDirectory">Where the outputs go.</param>
/// <param name="Metadata">The item's metadata.</param>
/// <param name="Properties">Properties of the build, without the prefix ModelPort.</param>
/// <param name="ParentProcessId">The build's process; the worker ends when it is gone. 0 for none.</param>
/// <param name="Name">The port's name, as the build planned it; the same as a metadatum Name.</param>
/// <param name="EndWithStandardInput">
/// Whether the worker also ends when its standard input closes: for a parent that keeps the pipe open and whose id means nothing to the worker, as across
/// containers. It has to be asked for, as many starters close the input at once, MSBuild on Windows among them.
/// </param>
internal sealed record WorkerRequest(
    int Protocol,
    string Project,
    string Item,
    string Source,
    string OutputDirectory,
    IReadOnlyDictionary<string, string> Metadata,
    IReadOnlyDictionary<string, string> Properties,
    int ParentProcessId,
    string? Name = null,
    bool EndWithStandardInput = false)
{
    /// <summary>The protocol this version speaks.</summary>
    public const int CurrentProtocol = 1;

    /// <summary>Reads a request file.</summary>
    /// <exception cref="ModelPortException">MP9009: it cannot be used.</exception>
    public static WorkerRequest Read(string path)
    {
        var request = RequestFile.Read<WorkerRequest>(path, r => r.Protocol, isComplete: false);
        return request.Source is null || request.OutputDirectory is null
            ? throw new ModelPortException(Diagnose.BadRequest(path, "source or outputDirectory is missing"))
            : request with { Metadata = request.NamedMetadata(), Properties = request.Properties ?? new Dictionary<string, string>(), Project = request.Project ?? "" };
    }

    private Dictionary<string, string> NamedMetadata()
    {
        var metadata = new Dictionary<string, string>(Metadata ?? new Dictionary<string, string>(), StringComparer.OrdinalIgnoreCase);
        if (!string.IsNullOrEmpty(Name))
        {
            metadata["Name"] = Name;
        }

        return metadata;
    }
}
