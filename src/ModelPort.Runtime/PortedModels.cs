namespace ModelPort.Runtime;

/// <summary>
/// The ported models beside the application: folders <c>models/&lt;name&gt;/</c> with a <c>modelport.json</c>, where the packages and projects that it references put them.
/// </summary>
public static class PortedModels
{
    /// <summary>The environment variable that names a folder with models, looked in before any other.</summary>
    public const string FolderVariable = "MODELPORT_MODELS";

    internal const string FolderName = "models";

    /// <summary>The folders that are looked in, in this order.</summary>
    /// <remarks>
    /// Never the current directory: it is where the user stands. <see cref="AppContext.BaseDirectory"/> is the application's folder for programs, test hosts, single files and containers alike.
    /// </remarks>
    public static IReadOnlyList<string> Folders =>
        [.. new[] { Environment.GetEnvironmentVariable(FolderVariable), Path.Combine(AppContext.BaseDirectory, FolderName) }.Where(f => !string.IsNullOrEmpty(f)).Select(f => Path.GetFullPath(f!))];

    /// <summary>Finds a model.</summary>
    /// <param name="name">Its name, as the package or the item in the project gives it; case does not count.</param>
    /// <exception cref="PortedModelException">MP5001: it is not there; MP5002: its manifest cannot be read.</exception>
    public static PortedModel Get(string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        return ManifestsIn(Folders).FirstOrDefault(m => NameOf(m).Equals(name, StringComparison.OrdinalIgnoreCase)) is { } manifest
            ? PortedModel.Read(manifest)
            : throw PortedModelException.NotFound(name, Folders, [.. ManifestsIn(Folders).Select(NameOf)]);
    }

    /// <summary>All models beside the application.</summary>
    /// <exception cref="PortedModelException">MP5002: a manifest cannot be read.</exception>
    public static IReadOnlyList<PortedModel> All() => [.. ManifestsIn(Folders).DistinctBy(NameOf, StringComparer.OrdinalIgnoreCase).Select(PortedModel.Read)];

    /// <summary>Reads the model in a folder of any place.</summary>
    /// <param name="folder">The folder that holds <c>modelport.json</c>.</param>
    /// <exception cref="PortedModelException">MP5002: there is no manifest, or it cannot be read.</exception>
    public static PortedModel In(string folder) => PortedModel.Read(Path.Combine(Path.GetFullPath(folder), PortedModel.ManifestName));

    private static IEnumerable<string> ManifestsIn(IEnumerable<string> folders) =>
        from folder in folders
        where Directory.Exists(folder)
        from model in Directory.EnumerateDirectories(folder).Order(StringComparer.OrdinalIgnoreCase)
        let manifest = Path.Combine(model, PortedModel.ManifestName)
        where File.Exists(manifest)
        select manifest;

    private static string NameOf(string manifest) => Path.GetFileName(Path.GetDirectoryName(manifest))!;
}
