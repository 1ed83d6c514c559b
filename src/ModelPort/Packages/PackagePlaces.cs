using ModelPort.Diagnostics;

namespace ModelPort.Packages;

/// <summary>
/// Finds the parts of a package where packages of one release lie: as .nupkg files beside it, or where restore puts them, in <c>id/version/</c> below one folder.
/// </summary>
/// <param name="path">The package, or the folder it was restored to.</param>
internal sealed class PackagePlaces(string path)
{
    private static readonly EnumerationOptions AnyCase = new() { MatchCasing = MatchCasing.CaseInsensitive };

    private readonly string _folder = Path.GetDirectoryName(path)!;

    // Of id/version/ the folder that holds all packages; of a package that restore keeps in there too.
    private string? Restored => Path.GetDirectoryName(Directory.Exists(path) ? _folder : Path.GetDirectoryName(_folder));

    /// <summary>The part, as a package or a folder.</summary>
    /// <param name="id">Its identity.</param>
    /// <param name="version">Its version.</param>
    /// <exception cref="ModelPortException">MP5025: it is not there in this version.</exception>
    public string Find(string id, string version) =>
        In(_folder, $"{id}.{version}.nupkg", Directory.GetFiles)
        ?? (Restored is { } root && In(root, id, Directory.GetDirectories) is { } folder ? In(folder, version, Directory.GetDirectories) : null)
        ?? throw new ModelPortException(Diagnose.PartMissing(path, id, version, Others(id)));

    // Versions of it that are not the one.
    private string[] Others(string id) =>
    [
        .. Directory.GetFiles(_folder, id + ".*.nupkg", AnyCase),
        .. Restored is { } root && In(root, id, Directory.GetDirectories) is { } folder ? Directory.GetDirectories(folder) : [],
    ];

    private static string? In(string folder, string name, Func<string, string, EnumerationOptions, string[]> find) => find(folder, name, AnyCase).FirstOrDefault();
}
