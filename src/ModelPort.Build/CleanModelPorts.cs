using Microsoft.Build.Framework;
using Task = Microsoft.Build.Utilities.Task;

namespace ModelPort.Build;

/// <summary>
/// Deletes the ports that this inner build used and no other uses. It goes by what was claimed when the ports were made, not by today's items, so that
/// the ports of items since removed go too.
/// </summary>
[MSBuildMultiThreadableTask]
public sealed class CleanModelPorts : Task
{
    /// <summary>The absolute path of the folder that holds one folder a port.</summary>
    [Required]
    public string PortsDirectory { get; set; } = "";

    /// <summary>What tells this inner build from the project's others.</summary>
    [Required]
    public string Owner { get; set; } = "";

    /// <inheritdoc/>
    public override bool Execute()
    {
        try
        {
            WholeFile.DeleteLeftovers(PortsDirectory);
            PortClaims claims = new(PortsDirectory, Owner);
            claims.Release();
            claims.DeleteUnclaimed();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Log.RecordFailed(PortsDirectory, e.Message);
        }

        return !Log.HasLoggedErrors;
    }
}
