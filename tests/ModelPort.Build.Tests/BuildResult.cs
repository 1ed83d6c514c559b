using Microsoft.Build.Logging.StructuredLogger;

namespace ModelPort.Build.Tests;

/// <summary>What a run of dotnet said.</summary>
internal sealed record BuildResult(int ExitCode, string Output)
{
    /// <summary>The binary log, when the run wrote one.</summary>
    public string? BinaryLog { get; init; }

    /// <summary>How many workers the build started.</summary>
    public int Workers => Tasks("PortModel").Count;

    /// <summary>The absolute paths of the files that the log carries inside.</summary>
    public IReadOnlyList<string> Embedded => [.. Log.SourceFiles.Select(file => file.FullPath)];

    /// <summary>The errors, as MSBuild has them.</summary>
    public IReadOnlyList<Error> Errors => [.. Log.FindChildrenRecursive<Error>()];

    /// <summary>The warnings, as MSBuild has them.</summary>
    public IReadOnlyList<Warning> Warnings => [.. Log.FindChildrenRecursive<Warning>()];

    private Microsoft.Build.Logging.StructuredLogger.Build Log => field ??= Microsoft.Build.Logging.StructuredLogger.BinaryLog.ReadBuild(BinaryLog);

    /// <summary>The runs of a task.</summary>
    public IReadOnlyList<Microsoft.Build.Logging.StructuredLogger.Task> Tasks(string name) => [.. Log.FindChildrenRecursive<Microsoft.Build.Logging.StructuredLogger.Task>(task => task.Name == name)];

    /// <summary>The items that a target returned, those of one Set of the up-to-date check.</summary>
    public string[] Returned(string target, string set) =>
        [.. Log.FindChildrenRecursive<Target>(node => node.Name == target)
            .SelectMany(node => node.FindChildrenRecursive<Item>())
            .Where(item => item.Children.OfType<Metadata>().Any(metadatum => metadatum.Name == "Set" && metadatum.Value == set))
            .Select(item => item.Text)
            .Distinct()];

    /// <summary>Fails with the whole output unless the run succeeded.</summary>
    public BuildResult Succeeded()
    {
        Assert.True(ExitCode == 0, Output);
        return this;
    }

    /// <summary>Fails with the whole output unless the run failed with exactly one error, and returns it.</summary>
    public Error Failed()
    {
        Assert.True(ExitCode != 0, Output);
        return Assert.Single(Errors);
    }
}
