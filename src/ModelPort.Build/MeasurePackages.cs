using System.Globalization;
using Microsoft.Build.Framework;
using Task = Microsoft.Build.Utilities.Task;

namespace ModelPort.Build;

/// <summary>Warns of packages that a gallery will not take, as they are on the disk.</summary>
[MSBuildMultiThreadableTask]
public sealed class MeasurePackages : Task
{
    /// <summary>What NuGet made.</summary>
    [Required]
    public ITaskItem[] Packages { get; set; } = [];

    /// <summary>The absolute path of the project file.</summary>
    [Required]
    public string Project { get; set; } = "";

    /// <summary>The most bytes of a package.</summary>
    [Required]
    public string Limit { get; set; } = "";

    /// <summary>Whether what is larger goes into parts.</summary>
    public bool IsSplit { get; set; }

    /// <inheritdoc/>
    public override bool Execute()
    {
        long limit = long.Parse(Limit, CultureInfo.InvariantCulture);
        foreach (FileInfo package in Packages.Select(item => new FileInfo(item.ItemSpec)).Where(file => file.Extension == ".nupkg" && file.Exists && file.Length > limit))
        {
            Log.PackageTooLarge(Project, package.Name, package.Length, limit, IsSplit);
        }

        return true;
    }
}
