using Microsoft.Build.Framework;
using Task = Microsoft.Build.Utilities.Task;

namespace ModelPort.Build;

/// <summary>
/// Puts ported files into the project's output folder just before MSBuild would copy them there, so that it finds them in place. What cannot be done is left
/// to that copy, which has words for it.
/// </summary>
[MSBuildMultiThreadableTask]
public sealed class PlaceModelPorts : Task, IIncrementalTask
{
    /// <summary>The files, as <see cref="CollectModelPorts"/> found them.</summary>
    [Required]
    public ITaskItem[] Files { get; set; } = [];

    /// <summary>Whether a file in the output folder may be a link of the ported one.</summary>
    public bool LinkOutputs { get; set; } = true;

    /// <inheritdoc/>
    public bool FailIfNotIncremental { get; set; }

    /// <inheritdoc/>
    public override bool Execute()
    {
        // A question is answered by MSBuild's copy too: it finds the files missing.
        if (FailIfNotIncremental)
        {
            return true;
        }

        foreach (ITaskItem file in Files)
        {
            string destination = file.GetMetadata("Destination");
            try
            {
                string folder = Path.GetDirectoryName(destination);
                _ = Directory.CreateDirectory(folder);
                WholeFile.DeleteLeftovers(folder);
                Placed placed = Placement.Place(file.ItemSpec, destination, LinkOutputs);
                Log.LogMessage(MessageImportance.Low, "{0} '{1}' to '{2}'.", placed, file.ItemSpec, destination);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                Log.LogMessage(MessageImportance.Low, "'{0}' is left to be copied: {1}", destination, e.Message);
                DeleteLink(destination);
            }
        }

        return true;
    }

    // MSBuild's copy writes over a read-only file in place, and with it over all its other names.
    private void DeleteLink(string destination)
    {
        try
        {
            if (new FileInfo(destination) is { Exists: true, IsReadOnly: true } link)
            {
                link.Delete();
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Log.LogMessage(MessageImportance.Low, "'{0}' cannot be deleted: {1}", destination, e.Message);
        }
    }
}
