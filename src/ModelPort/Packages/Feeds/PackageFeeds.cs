using ModelPort.Diagnostics;
using NuGet.Common;
using NuGet.Configuration;
using NuGet.Packaging;
using NuGet.Packaging.Core;
using NuGet.Protocol;
using NuGet.Protocol.Core.Types;
using NuGet.Versioning;

namespace ModelPort.Packages.Feeds;

/// <summary>
/// The package sources that restore would ask: those of the nuget.config hierarchy that are enabled, with their credentials, less those that package source mapping excludes; and before them the folders of
/// packages that were restored.
/// </summary>
internal sealed class PackageFeeds : IDisposable
{
    private readonly FeedOptions _options;
    private readonly IPortObserver _observer;
    private readonly ISettings _settings;
    private readonly SourceCacheContext _cache = new() { NoCache = true, DirectDownload = true };
    private readonly Feed[] _feeds;

    /// <summary>Reads the configuration; nothing is asked yet.</summary>
    /// <exception cref="ModelPortException">MP5045: the configuration cannot be read, or has no such source.</exception>
    public PackageFeeds(FeedOptions options, IPortObserver observer)
    {
        (_options, _observer) = (options, observer);
        UserAgent.SetUserAgentString(new UserAgentStringBuilder("ModelPort"));
        HttpHandlerResourceV3.CredentialService = new Lazy<ICredentialService>(() => new FeedCredentials(options.Interactive, new ProviderLog(options.Say)));
        try
        {
            _settings = options.ConfigFile is { } file
                ? Settings.LoadSpecificSettings(options.Directory, Path.GetFullPath(file, options.Directory))
                : Settings.LoadDefaultSettings(options.Directory, null, new XPlatMachineWideSetting());
            _feeds = [.. SourcesOf(options, [.. PackageSourceProvider.LoadPackageSources(_settings)]).Select(s => new Feed(s, options.Limits, _cache))];
        }
        catch (Exception e) when (e is NuGetConfigurationException or InvalidOperationException or IOException or UnauthorizedAccessException)
        {
            throw new ModelPortException(Diagnose.FeedSettings(options.ConfigFile ?? options.Directory, FeedFault.Scrub(e.Message)), e);
        }
    }

    /// <summary>Finds a version of a package.</summary>
    /// <returns>The version, and the feed that has it; no feed where it was restored before.</returns>
    /// <exception cref="ModelPortException">MP5040 to MP5046: no feed has it, or one cannot be asked.</exception>
    public async Task<FoundPackage> Find(WantedPackage wanted, CancellationToken cancellation)
    {
        if (wanted.Exact is { } exact && InstalledFolder(wanted.Id, exact) is { } folder)
        {
            return new FoundPackage(new PackageIdentity(wanted.Id, exact), null, folder);
        }

        List<(FeedVersion Version, Feed Feed)> known = [];
        foreach (var feed in FeedsOf(wanted.Id))
        {
            known.AddRange((await feed.Versions(wanted.Id, cancellation)).Select(v => (v, feed)));
            if (wanted.Exact is not null && wanted.ChooseFrom(known.Select(k => k.Version), _options.Prerelease) is not null)
            {
                break;
            }
        }

        if (known.Count == 0)
        {
            throw new ModelPortException(Diagnose.PackageNotFound(wanted.Id, NamesOf(wanted.Id)));
        }

        if (wanted.ChooseFrom(known.Select(k => k.Version), _options.Prerelease) is not { } version)
        {
            throw new ModelPortException(Diagnose.VersionNotFound(wanted.ToString(), Near(wanted, known.Select(k => k.Version.Version)), NamesOf(wanted.Id)));
        }

        return new FoundPackage(new PackageIdentity(wanted.Id, version), known.First(k => k.Version.Version == version).Feed, InstalledFolder(wanted.Id, version));
    }

    /// <summary>All versions of a package that are listed, the newest first, each with the first feed that has it.</summary>
    /// <exception cref="ModelPortException">MP5040 to MP5046: no feed has the package, or one cannot be asked.</exception>
    public async Task<IReadOnlyList<(FeedVersion Version, FoundPackage Package)>> Listed(string id, CancellationToken cancellation)
    {
        List<(FeedVersion Version, Feed Feed)> known = [];
        foreach (var feed in FeedsOf(id))
        {
            known.AddRange((await feed.Versions(id, cancellation)).Select(v => (v, feed)));
        }

        return known.Count == 0
            ? throw new ModelPortException(Diagnose.PackageNotFound(id, NamesOf(id)))
            : [.. from k in known.Where(k => k.Version.IsListed && (_options.Prerelease || !k.Version.Version.IsPrerelease)).DistinctBy(k => k.Version.Version)
                  orderby k.Version.Version descending
                  select (k.Version, new FoundPackage(new PackageIdentity(id, k.Version.Version), k.Feed, InstalledFolder(id, k.Version.Version)))];
    }

    /// <summary>Opens a package for its manifests. Where a feed serves no ranges, one that is large is null, or downloaded after a warning.</summary>
    /// <param name="package">The package.</param>
    /// <param name="evenWhole">Whether it is then downloaded.</param>
    /// <param name="cancellation">Stops the work.</param>
    public async Task<PackedFiles?> Open(FoundPackage package, bool evenWhole, CancellationToken cancellation)
    {
        if (package.Folder is { } folder)
        {
            return PackedFiles.Open(folder);
        }

        var files = await package.Feed!.TryOpen(package.Identity, cancellation);
        if (files is null && evenWhole)
        {
            _observer.Warn(Diagnose.NoRanges(package.Feed.Name, package.Identity.ToString()));
            return await Download(package, cancellation);
        }

        return files;
    }

    /// <summary>Opens a package with all of its bytes, and those of its parts.</summary>
    public async Task<PackedFiles> Download(FoundPackage package, CancellationToken cancellation)
    {
        if (package.Folder is { } folder)
        {
            return PackedFiles.Open(folder);
        }

        var files = await package.Feed!.Download(package.Identity, _observer, cancellation);
        try
        {
            // Of a folder they were found beside the package.
            foreach (var (id, version) in package.Feed.IsLocal ? [] : files.Parts)
            {
                var opened = await Part(id, version, cancellation);
                files.Add(id, version, opened);
            }

            return files;
        }
        catch
        {
            files.Dispose();
            throw;
        }
    }

    // That a part is nowhere is a finding, not the end of the work.
    private async Task<Func<PackedFiles>> Part(string id, string version, CancellationToken cancellation)
    {
        try
        {
            var found = await Find(WantedPackage.TryParse($"{id}@{version}")!, cancellation);
            var files = found.Folder is { } folder ? PackedFiles.Open(folder) : await found.Feed!.Download(found.Identity, _observer, cancellation);
            return () => files;
        }
        catch (ModelPortException e)
        {
            return () => throw e;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _cache.Dispose();

    private static IEnumerable<PackageSource> SourcesOf(FeedOptions options, IReadOnlyList<PackageSource> configured)
    {
        if (options.Sources.Count == 0)
        {
            return configured.Where(s => s.IsEnabled);
        }

        return options.Sources.Select(named =>
        {
            var path = Path.GetFullPath(named, options.Directory);
            return configured.FirstOrDefault(s => s.Name.Equals(named, StringComparison.OrdinalIgnoreCase) || s.Source.TrimEnd('/').Equals(named.TrimEnd('/'), StringComparison.OrdinalIgnoreCase) || s.Source == path)
                ?? (Uri.TryCreate(named, UriKind.Absolute, out var url) && url.Scheme is "http" or "https" ? new PackageSource(named)
                    : Directory.Exists(path) ? new PackageSource(path)
                    : throw new ModelPortException(Diagnose.FeedSettings(
                        options.ConfigFile ?? options.Directory,
                        $"there is no package source '{FeedFault.Scrub(named)}'; configured are {(configured.Count == 0 ? "none" : string.Join(", ", configured.Select(s => s.Name)))}")));
        });
    }

    // The feeds that may be asked for a package.
    private Feed[] FeedsOf(string id)
    {
        if (_feeds.Length == 0)
        {
            throw new ModelPortException(Diagnose.FeedSettings(_options.ConfigFile ?? _options.Directory, "no package source is enabled"));
        }

        var mapping = PackageSourceMapping.GetPackageSourceMapping(_settings);
        var mapped = mapping.IsEnabled ? mapping.GetConfiguredPackageSources(id) : null;
        var feeds = mapped is null ? _feeds : [.. _feeds.Where(f => mapped.Contains(f.ConfiguredName, StringComparer.OrdinalIgnoreCase))];
        return feeds.Length == 0 ? throw new ModelPortException(Diagnose.SourceMappingExcludes(id, string.Join(", ", _feeds.Select(f => f.Name)), mapped!.Count == 0 ? "no source" : string.Join(", ", mapped)))
            : feeds.FirstOrDefault(f => f.IsInsecure) is { } insecure ? throw new ModelPortException(Diagnose.InsecureFeed(insecure.Name))
            : feeds;
    }

    private string NamesOf(string id) => string.Join(", ", FeedsOf(id).Select(f => f.Name));

    // Restore writes the file of metadata last.
    private string? InstalledFolder(string id, NuGetVersion version) => _options.Sources.Count > 0 ? null :
        SettingsUtility.GetFallbackPackageFolders(_settings).Prepend(SettingsUtility.GetGlobalPackagesFolder(_settings))
            .Select(root => new VersionFolderPathResolver(root))
            .Where(folders => File.Exists(folders.GetNupkgMetadataPath(id, version)))
            .Select(folders => folders.GetInstallPath(id, version))
            .FirstOrDefault();

    // The newest of all, or those on both sides of what was asked for.
    private static string Near(WantedPackage wanted, IEnumerable<NuGetVersion> versions)
    {
        const int Shown = 5;
        NuGetVersion[] sorted = [.. versions.Distinct().OrderDescending()];
        var middle = (wanted.Exact ?? wanted.Range?.MinVersion) is { } near ? sorted.Count(v => v > near) - (Shown / 2) : 0;
        return string.Join(", ", sorted.Skip(Math.Clamp(middle, 0, Math.Max(0, sorted.Length - Shown))).Take(Shown).Select(v => v.ToNormalizedString()));
    }

    /// <summary>Hands on what a credential provider has to say to people.</summary>
    private sealed class ProviderLog(Action<string> say) : LoggerBase(LogLevel.Minimal)
    {
        public override void Log(ILogMessage message)
        {
            if (DisplayMessage(message.Level))
            {
                say(message.Message);
            }
        }

        public override Task LogAsync(ILogMessage message)
        {
            Log(message);
            return Task.CompletedTask;
        }
    }
}

/// <summary>A version of a package that was found.</summary>
/// <param name="Identity">What it is.</param>
/// <param name="Feed">The feed that has it; null where none was asked.</param>
/// <param name="Folder">The folder that it was restored to; null where it was not.</param>
internal sealed record FoundPackage(PackageIdentity Identity, Feed? Feed, string? Folder)
{
    /// <summary>Where it is read from, in words.</summary>
    public string From => Folder is { } folder ? $"the packages folder ({folder})" : $"the feed {Feed!.Name}";

    /// <summary>What it is called in comparisons.</summary>
    public string Name => $"{Identity.Id} {Identity.Version.ToNormalizedString()}";
}
