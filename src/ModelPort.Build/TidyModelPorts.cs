using Microsoft.Build.Framework;
using Task = Microsoft.Build.Utilities.Task;

namespace ModelPort.Build;

/// <summary>Deletes the folders below models/ beside the application that became empty because MSBuild deleted their files.</summary>
[MSBuildMultiThreadableTask]
public sealed class TidyModelPorts : Task
{
    /// <summary>The absolute path of the project's output folder.</summary>
    [Required]
    public string OutputDirectory { get; set; } = "";

    /// <inheritdoc/>
    public override bool Execute()
    {
        string models = Path.Combine(OutputDirectory, "models");
        try
        {
            if (Directory.Exists(models))
            {
                DeleteIfEmpty(models);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Somebody uses the folder, or put something into it just now: then it stays.
            Log.LogMessage(MessageImportance.Low, "'{0}' is not tidied: {1}", models, e.Message);
        }

        return true;
    }

    private static void DeleteIfEmpty(string folder)
    {
        foreach (string child in Directory.GetDirectories(folder))
        {
            DeleteIfEmpty(child);
        }

        WholeFile.DeleteLeftovers(folder);
        if (!Directory.EnumerateFileSystemEntries(folder).Any())
        {
            Directory.Delete(folder);
        }
    }
}
