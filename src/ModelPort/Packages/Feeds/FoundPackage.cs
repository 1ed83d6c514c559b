using ModelPort.Diagnostics;
using NuGet.Packaging.Core;

namespace ModelPort.Packages.Feeds;

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

    /// <summary>Opens it for its manifests; null where its feed serves no ranges and it is too large to be read whole.</summary>
    public async Task<PackedFiles?> TryOpen(CancellationToken cancellation) => Folder is { } folder ? PackedFiles.Open(folder) : await Feed!.TryOpen(Identity, cancellation);

    /// <summary>Brings it here with all of its bytes, unless it is here.</summary>
    /// <param name="folder">Where to.</param>
    /// <param name="observer">Told the bytes done.</param>
    /// <param name="cancellation">Stops the work.</param>
    /// <returns>The package, or the folder that it was restored to.</returns>
    public async Task<string> Download(string folder, IPortObserver observer, CancellationToken cancellation) => Folder ?? await Feed!.Download(Identity, folder, observer, cancellation);
}
