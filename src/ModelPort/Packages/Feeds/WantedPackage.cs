using ModelPort.Diagnostics;
using NuGet.Packaging;
using NuGet.Versioning;

namespace ModelPort.Packages.Feeds;

/// <summary>
/// A package as it is named on a command line: <c>Acme.Wordnet@1.0.0</c>, exactly that version; <c>Acme.Wordnet@1.*</c> or <c>Acme.Wordnet@[1.0,2.0)</c>, the version that a PackageReference
/// with this range gets; <c>Acme.Wordnet</c> alone, the latest stable one that is listed.
/// </summary>
/// <param name="Id">Its identity.</param>
/// <param name="Exact">The version; null for a range or the latest.</param>
/// <param name="Range">The range; null for a version or the latest.</param>
internal sealed record WantedPackage(string Id, NuGetVersion? Exact, VersionRange? Range)
{
    /// <summary>Reads a name; null where the text can be no package.</summary>
    /// <param name="text">What the user wrote.</param>
    /// <exception cref="ModelPortException">MP5048: what follows the identity is neither a version nor a range.</exception>
    public static WantedPackage? TryParse(string text)
    {
        var at = text.IndexOf('@', StringComparison.Ordinal);
        var id = at < 0 ? text : text[..at];
        if (id.EndsWith(".nupkg", StringComparison.OrdinalIgnoreCase) || !PackageIdValidator.IsValidPackageId(id))
        {
            return null;
        }

        if (at < 0)
        {
            return new WantedPackage(id, null, null);
        }

        return NuGetVersion.TryParse(text[(at + 1)..], out var version) ? new WantedPackage(id, version, null)
            : VersionRange.TryParse(text[(at + 1)..], allowFloating: true, out var range) ? new WantedPackage(id, null, range)
            : throw new ModelPortException(Diagnose.BadPackageVersion(text, $"'{text[(at + 1)..]}' is neither a version nor a range"));
    }

    /// <summary>The version that is meant; null where none of these is.</summary>
    /// <param name="versions">What the feeds have.</param>
    /// <param name="prerelease">Whether the latest may be a prerelease.</param>
    public NuGetVersion? ChooseFrom(IEnumerable<FeedVersion> versions, bool prerelease) => this switch
    {
        { Exact: { } exact } => versions.Select(v => v.Version).FirstOrDefault(v => v == exact),
        // Restore takes unlisted versions too where a range asks for them.
        { Range: { } range } => range.FindBestMatch(versions.Select(v => v.Version)),
        _ => versions.Where(v => v.IsListed && (prerelease || !v.Version.IsPrerelease)).Select(v => v.Version).Max(),
    };

    /// <inheritdoc/>
    public override string ToString() => Exact is { } exact ? $"{Id}@{exact.ToNormalizedString()}" : Range is { } range ? $"{Id}@{range.OriginalString}" : Id;
}

/// <summary>A version of a package on a feed.</summary>
/// <param name="Version">The version.</param>
/// <param name="IsListed">Whether the feed shows it to those who search.</param>
/// <param name="Published">When it was published; null where the feed does not say.</param>
internal sealed record FeedVersion(NuGetVersion Version, bool IsListed, DateTimeOffset? Published);
