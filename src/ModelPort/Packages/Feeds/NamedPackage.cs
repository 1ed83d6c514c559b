using ModelPort.Diagnostics;

namespace ModelPort.Packages.Feeds;

/// <summary>What a user named, opened: a package (.nupkg), a folder, or a package on the feeds.</summary>
/// <param name="Name">What it is called in a comparison: the file's or folder's name, or identity and version.</param>
/// <param name="From">Where the version was found, in words; null for a path.</param>
/// <param name="Files">Its files.</param>
public sealed record NamedPackage(string Name, string? From, PackedFiles Files) : IDisposable
{
    /// <summary>Opens for manifests: of a package on a feed only they are read.</summary>
    /// <param name="text">A path, or a package as <c>id</c>, <c>id@version</c> or <c>id@range</c>. What lies on the disk comes first.</param>
    /// <param name="options">Which feeds are asked.</param>
    /// <param name="observer">Told a warning where a feed makes it download all.</param>
    /// <param name="cancellation">Stops the work.</param>
    /// <exception cref="ModelPortException">MP5020: it is no package; MP5040 to MP5048: no feed has it, or one cannot be asked.</exception>
    public static NamedPackage Open(string text, FeedOptions options, IPortObserver observer, CancellationToken cancellation) =>
        Open(text, options, observer, async (feeds, found) => (await feeds.Open(found, evenWhole: true, cancellation))!, cancellation);

    /// <summary>Opens for all bytes: a package on a feed is downloaded, unless it was restored before.</summary>
    /// <inheritdoc cref="Open(string, FeedOptions, IPortObserver, CancellationToken)"/>
    public static NamedPackage OpenWhole(string text, FeedOptions options, IPortObserver observer, CancellationToken cancellation) =>
        Open(text, options, observer, (feeds, found) => feeds.Download(found, cancellation), cancellation);

    /// <inheritdoc/>
    public void Dispose() => Files.Dispose();

    private static NamedPackage Open(string text, FeedOptions options, IPortObserver observer, Func<PackageFeeds, FoundPackage, Task<PackedFiles>> open, CancellationToken cancellation)
    {
        var path = Path.GetFullPath(text, options.Directory);
        if (File.Exists(path) || Directory.Exists(path) || WantedPackage.TryParse(text) is not { } wanted)
        {
            // A project's models lie in its folder, once it is built.
            var isProject = File.Exists(path) && Path.GetExtension(path).EndsWith("proj", StringComparison.OrdinalIgnoreCase);
            return new NamedPackage(Path.GetFileName(path), null, PackedFiles.Open(isProject ? Path.GetDirectoryName(path)! : path));
        }

        using var feeds = new PackageFeeds(options, observer);
        var found = Task.Run(() => feeds.Find(wanted, cancellation), cancellation).GetAwaiter().GetResult();
        return new NamedPackage(found.Name, found.From, Task.Run(() => open(feeds, found), cancellation).GetAwaiter().GetResult());
    }
}
