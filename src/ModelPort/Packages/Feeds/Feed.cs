using ModelPort.Diagnostics;
using NuGet.Common;
using NuGet.Configuration;
using NuGet.Frameworks;
using NuGet.Packaging.Core;
using NuGet.Protocol;
using NuGet.Protocol.Core.Types;

namespace ModelPort.Packages.Feeds;

/// <summary>One package source: a server of NuGet's protocol, version 3 or 2, or a folder.</summary>
/// <param name="source">The source, with its credentials.</param>
/// <param name="limits">What is waited for, and how much is read.</param>
/// <param name="cache">What NuGet keeps for the run.</param>
internal sealed class Feed(PackageSource source, FeedLimits limits, SourceCacheContext cache)
{
    private readonly SourceRepository _repository = Repository.Factory.GetCoreV3(source);

    /// <summary>What it is called in messages.</summary>
    public string Name { get; } = FeedFault.NameOf(source);

    /// <summary>Whether it is a folder.</summary>
    public bool IsLocal => source.IsLocal;

    /// <summary>What configuration calls it.</summary>
    public string ConfiguredName => source.Name;

    /// <summary>Whether it would be asked over plain HTTP, which nobody allowed; a server on this machine may be.</summary>
    public bool IsInsecure => source.IsHttp && !source.IsHttps && !source.AllowInsecureConnections && source.TrySourceAsUri?.IsLoopback != true;

    /// <summary>The versions of a package, in any order; none where it has no such package.</summary>
    /// <exception cref="ModelPortException">MP5040, MP5041: it does not answer, or refuses.</exception>
    public Task<IReadOnlyList<FeedVersion>> Versions(string id, CancellationToken cancellation) => Ask<IReadOnlyList<FeedVersion>>(
        async () =>
        {
            if (await Knows(ServiceTypes.RegistrationsBaseUrl, cancellation) && await _repository.GetResourceAsync<PackageMetadataResource>(cancellation) is { } metadata)
            {
                var found = await metadata.GetMetadataAsync(id, includePrerelease: true, includeUnlisted: true, cache, NullLogger.Instance, cancellation);
                return [.. found.Select(p => new FeedVersion(p.Identity.Version, p.IsListed, p.Published)).DistinctBy(v => v.Version)];
            }

            // A feed of the least that restore needs says which versions there are, and nothing of them.
            var packages = await Resource<FindPackageByIdResource>(cancellation);
            return [.. (await packages.GetAllVersionsAsync(id, cache, NullLogger.Instance, cancellation) ?? []).Select(v => new FeedVersion(v, true, null))];
        },
        cancellation);

    /// <summary>Opens a package for its manifests, and reads only what that takes.</summary>
    /// <returns>Its files; null where the feed serves no ranges and the package is too large to be read whole.</returns>
    /// <exception cref="ModelPortException">MP5020: it is damaged; MP5040, MP5041: the feed does not answer, or refuses.</exception>
    public async Task<PackedFiles?> TryOpen(PackageIdentity package, CancellationToken cancellation)
    {
        if (source.IsLocal)
        {
            return PackedFiles.Open(await PathOf(package, cancellation));
        }

        var stream = await (await Remote(package, cancellation)).TryOpen(cancellation);
        return stream is null ? null : PackedFiles.Of(DisplayOf(package), stream, limits.Manifest);
    }

    /// <summary>Opens a package with all of its bytes, from a temporary file that is gone once it is closed.</summary>
    /// <exception cref="ModelPortException">MP5020: it is damaged; MP5040, MP5041: the feed does not answer, or refuses; MP2001, MP2002: the file cannot be written.</exception>
    public async Task<PackedFiles> Download(PackageIdentity package, IPortObserver observer, CancellationToken cancellation)
    {
        if (source.IsLocal)
        {
            return PackedFiles.Open(await PathOf(package, cancellation));
        }

        var remote = await Remote(package, cancellation);
        var path = Path.Combine(Path.GetTempPath(), $"modelport-{Guid.NewGuid():N}.nupkg");
        var file = new FileStream(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, 1 << 20, FileOptions.DeleteOnClose);
        try
        {
            await remote.Download(file, DisplayOf(package), observer, cancellation);
            file.Position = 0;
            return PackedFiles.Of(DisplayOf(package), file, long.MaxValue);
        }
        catch
        {
            await file.DisposeAsync();
            throw;
        }
    }

    private static string DisplayOf(PackageIdentity package) => $"{package.Id}@{package.Version.ToNormalizedString()}";

    private Task<string> PathOf(PackageIdentity package, CancellationToken cancellation) => Ask(
        async () => (await Resource<FindLocalPackagesResource>(cancellation)).GetPackage(package, NullLogger.Instance, cancellation)?.Path
            ?? throw new ModelPortException(Diagnose.PackageNotFound(package.ToString(), Name)),
        cancellation);

    private Task<RemotePackage> Remote(PackageIdentity package, CancellationToken cancellation) => Ask(
        async () =>
        {
            var url = await UrlOf(package, cancellation) ?? throw new ModelPortException(Diagnose.PackageNotFound(package.ToString(), Name));
            return new RemotePackage(Name, url, (await Resource<HttpSourceResource>(cancellation)).HttpSource, limits);
        },
        cancellation);

    // The layout of the resource PackageBaseAddress, https://learn.microsoft.com/nuget/api/package-base-address-resource; other feeds say themselves where a package is.
    private async Task<Uri?> UrlOf(PackageIdentity package, CancellationToken cancellation)
    {
        if (await _repository.GetResourceAsync<ServiceIndexResourceV3>(cancellation) is { } index && index.GetServiceEntryUri(ServiceTypes.PackageBaseAddress) is { } address)
        {
            var (id, version) = (package.Id.ToLowerInvariant(), package.Version.ToNormalizedString().ToLowerInvariant());
            return new Uri($"{address.AbsoluteUri.TrimEnd('/')}/{id}/{version}/{id}.{version}.nupkg");
        }

        var packages = await _repository.GetResourceAsync<DependencyInfoResource>(cancellation);
        return packages is null ? null : (await packages.ResolvePackage(package, NuGetFramework.AnyFramework, cache, NullLogger.Instance, cancellation))?.DownloadUri;
    }

    // Folders and servers of version 2 have no index of services: they know everything.
    private async Task<bool> Knows(string[] service, CancellationToken cancellation) =>
        source.IsLocal || await _repository.GetResourceAsync<ServiceIndexResourceV3>(cancellation) is not { } index || index.GetServiceEntryUri(service) is not null;

    private async Task<T> Resource<T>(CancellationToken cancellation)
        where T : class, INuGetResource =>
        await _repository.GetResourceAsync<T>(cancellation) ?? throw new NotSupportedException("it has not the services that restore needs");

    private async Task<T> Ask<T>(Func<Task<T>> question, CancellationToken cancellation)
    {
        try
        {
            return await question();
        }
        catch (Exception e) when (FeedFault.IsOfFeed(e) && !cancellation.IsCancellationRequested)
        {
            throw FeedFault.Of(Name, e);
        }
    }
}
