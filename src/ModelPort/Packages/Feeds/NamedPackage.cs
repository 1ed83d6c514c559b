using ModelPort.Diagnostics;

namespace ModelPort.Packages.Feeds;

/// <summary>What a user named, opened: a package (.nupkg), a folder, or a package on the feeds.</summary>
public sealed class NamedPackage : IDisposable
{
    private readonly DirectoryInfo? _downloads;

    private NamedPackage(string name, string? from, PackedFiles files, DirectoryInfo? downloads)
    {
        (Name, From, Files) = (name, from, files);
        _downloads = downloads;
    }

    /// <summary>What it is called in a comparison: the file's or folder's name, or identity and version.</summary>
    public string Name { get; }

    /// <summary>Where the version was found, in words; null for a path.</summary>
    public string? From { get; }

    /// <summary>Its files.</summary>
    public PackedFiles Files { get; }

    /// <summary>Opens for manifests: of a package on a feed only they are read.</summary>
    /// <param name="text">A path, or a package as <c>id</c>, <c>id@version</c> or <c>id@range</c>. What lies on the disk comes first.</param>
    /// <param name="options">Which feeds are asked.</param>
    /// <param name="observer">Told a warning where a feed makes it download all.</param>
    /// <param name="cancellation">Stops the work.</param>
    /// <exception cref="ModelPortException">MP5020: it is no package; MP5040 to MP5048: no feed has it, or one cannot be asked.</exception>
    public static NamedPackage Open(string text, FeedOptions options, IPortObserver observer, CancellationToken cancellation) => Open(text, options, isWhole: false, observer, cancellation);

    /// <summary>Opens for all bytes: a package on a feed is downloaded, unless it was restored before. The download is gone when this is disposed.</summary>
    /// <inheritdoc cref="Open(string, FeedOptions, IPortObserver, CancellationToken)"/>
    public static NamedPackage OpenWhole(string text, FeedOptions options, IPortObserver observer, CancellationToken cancellation) => Open(text, options, isWhole: true, observer, cancellation);

    /// <inheritdoc/>
    public void Dispose()
    {
        Files.Dispose();
        _downloads?.Delete(recursive: true);
    }

    private static NamedPackage Open(string text, FeedOptions options, bool isWhole, IPortObserver observer, CancellationToken cancellation)
    {
        var path = Path.GetFullPath(text, options.Directory);
        return File.Exists(path) || Directory.Exists(path) || WantedPackage.TryParse(text) is not { } wanted
            ? new NamedPackage(Path.GetFileName(path), null, PackedFiles.Open(path), null)
            : Task.Run(() => OnFeeds(wanted, options, isWhole, observer, cancellation), cancellation).GetAwaiter().GetResult();
    }

    private static async Task<NamedPackage> OnFeeds(WantedPackage wanted, FeedOptions options, bool isWhole, IPortObserver observer, CancellationToken cancellation)
    {
        using var feeds = new PackageFeeds(options);
        var found = await feeds.Find(wanted, cancellation);
        if (!isWhole && await found.TryOpen(cancellation) is { } manifests)
        {
            return new NamedPackage(found.Name, found.From, manifests, null);
        }

        if (!isWhole)
        {
            observer.Warn(Diagnose.NoRanges(found.Feed!.Name, found.Name));
        }

        var downloads = Directory.CreateTempSubdirectory("modelport-");
        try
        {
            return new NamedPackage(found.Name, found.From, PackedFiles.Open(await found.Download(downloads.FullName, observer, cancellation)), downloads);
        }
        catch
        {
            downloads.Delete(recursive: true);
            throw;
        }
    }
}
