using Microsoft.Build.Framework;
using Task = Microsoft.Build.Utilities.Task;

namespace ModelPort.Build;

/// <summary>
/// Lists the files that ports are made from, whether they have been made or not, for those who watch files: an IDE, <c>dotnet watch</c>. Changes nothing and
/// fails on nothing.
/// </summary>
[MSBuildMultiThreadableTask]
public sealed class ListModelPortInputs : Task
{
    /// <summary>The ModelPort items.</summary>
    [Required]
    public ITaskItem[] Items { get; set; } = [];

    /// <summary>The absolute path of the project file.</summary>
    [Required]
    public string Project { get; set; } = "";

    /// <summary>The files.</summary>
    [Output]
    public ITaskItem[] Inputs { get; private set; } = [];

    /// <inheritdoc/>
    public override bool Execute()
    {
        IEnumerable<string> files = Items.SelectMany(item => PortInputs.Of(new PortOptions(item, [], Project))).Where(File.Exists).Distinct(StringComparer.Ordinal);
        Inputs = [.. files.Select(file => Escaped.Item(file))];
        return true;
    }
}
