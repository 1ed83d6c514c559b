using ModelPort.Diagnostics;
using ModelPort.Parity;
using ModelPort.Runtime;

namespace ModelPort.Packages.Feeds;

/// <summary>A port in a version of a package, with the numbers by which versions are chosen. A number is null where it was not measured.</summary>
/// <param name="Name">The port's name.</param>
/// <param name="Precision">Its precision.</param>
/// <param name="Bytes">Its size.</param>
/// <param name="PerplexityIncrease">Growth of the perplexity against the source, in %.</param>
/// <param name="MeanDivergence">Mean divergence from the source, in nats.</param>
/// <param name="TopTokenAgreement">How often it ranks the same token first as its source does, in %.</param>
/// <param name="Verdict">What came of its budgets: <c>kept</c>, <c>missed</c> or <c>notMeasured</c>.</param>
/// <param name="License">The licence of the source; null where its card names none.</param>
/// <param name="SourceSha256">The hash of the source.</param>
public sealed record ListedModel(
    string Name, string Precision, long Bytes, double? PerplexityIncrease, double? MeanDivergence, double? TopTokenAgreement, string Verdict, string? License, string SourceSha256);

/// <summary>A version of a model package.</summary>
/// <param name="Version">The version.</param>
/// <param name="Published">When it was published; null where the feed does not say.</param>
/// <param name="From">Where it was read, in words.</param>
/// <param name="Models">Its ports; empty where there is a <paramref name="Note"/>.</param>
/// <param name="Note">Why there are no numbers; null where there are.</param>
/// <param name="Error">What is wrong with the package; null for nothing.</param>
public sealed record ListedVersion(string Version, DateTimeOffset? Published, string From, IReadOnlyList<ListedModel> Models, string? Note, Diagnostic? Error);

/// <summary>The versions of a model package on the feeds.</summary>
/// <param name="Id">The package.</param>
/// <param name="Count">How many versions are listed in all.</param>
/// <param name="Versions">The newest of them, the newest first.</param>
public sealed record ModelVersions(string Id, int Count, IReadOnlyList<ListedVersion> Versions)
{
    /// <summary>Reads the numbers of a package's versions. Of a package on a server its directory and its manifests are read, not its weights.</summary>
    /// <param name="id">The package.</param>
    /// <param name="most">How many versions are read.</param>
    /// <param name="options">Which feeds are asked.</param>
    /// <param name="observer">Told warnings.</param>
    /// <param name="cancellation">Stops the work.</param>
    /// <exception cref="ModelPortException">MP5021: no version has models; MP5040 to MP5048: no feed has the package, or one cannot be asked.</exception>
    public static ModelVersions Read(string id, int most, FeedOptions options, IPortObserver observer, CancellationToken cancellation)
    {
        if (WantedPackage.TryParse(id) is not { Exact: null, Range: null })
        {
            throw new ModelPortException(Diagnose.BadPackageVersion(id, "it is no identity alone"));
        }

        using var feeds = new PackageFeeds(options, observer);
        var read = Task.Run(() => Read(id, most, feeds, options.Limits, cancellation), cancellation).GetAwaiter().GetResult();
        return read.Versions.Count > 0 && read.Versions.All(v => v.Models.Count == 0 && v.Error?.Code == "MP5021") ? throw new ModelPortException(read.Versions[0].Error!) : read;
    }

    private static async Task<ModelVersions> Read(string id, int most, PackageFeeds feeds, FeedLimits limits, CancellationToken cancellation)
    {
        var listed = await feeds.Listed(id, cancellation);
        var versions = new ListedVersion[Math.Min(most, listed.Count)];
        await Parallel.ForAsync(0, versions.Length, new ParallelOptions { MaxDegreeOfParallelism = limits.AtOnce, CancellationToken = cancellation }, async (i, stop) =>
        {
            var (version, package) = listed[i];
            var (models, note, error) = await Models(feeds, package, stop);
            versions[i] = new ListedVersion(version.Version.ToNormalizedString(), version.Published, package.From, models, note, error);
        });
        return new ModelVersions(id, listed.Count, versions);
    }

    private static async Task<(IReadOnlyList<ListedModel> Models, string? Note, Diagnostic? Error)> Models(PackageFeeds feeds, FoundPackage package, CancellationToken cancellation)
    {
        try
        {
            using var files = await feeds.Open(package, evenWhole: false, cancellation);
            return files is null
                ? ([], "not read: the feed serves no ranges", null)
                : ([.. PackageComparison.Read(files).SelectMany(m => m.Files.Select(f => Row(m, f)))], null, null);
        }
        catch (Exception e) when (e is PortedModelException or ModelPortException { Diagnostic.Code: "MP5020" or "MP5021" })
        {
            // One package that is no model, or damaged, hides no other.
            var error = Diagnose.From(e, package.Name);
            return ([], error.Code == "MP5021" ? "no model" : $"not readable: {error.Code}", error);
        }
    }

    private static ListedModel Row(PortedModel model, PortedFile file)
    {
        double? Of(Metric metric) => file.Metrics.FirstOrDefault(m => m.Name == metric.Name && m is { Of: "port", Against: "source", On: null })?.Value;
        return new ListedModel(model.Name, file.Precision, file.Bytes, Of(Metric.PerplexityIncrease), Of(Metric.MeanDivergence), Of(Metric.TopTokenAgreement), file.Verdict, model.License, model.SourceSha256);
    }
}
