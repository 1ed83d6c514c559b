using ModelPort.Checkpoints;
using ModelPort.Diagnostics;
using ModelPort.Manifests;
using ModelPort.Parity;
using ModelPort.Reports;

namespace ModelPort.Packages;

/// <summary>
/// Makes the content of a model package from finished ports. What goes in was measured, kept its budgets, and is byte for byte what was measured; anything else is refused.
/// </summary>
public static class ModelPackage
{
    private static readonly string[] LicenseFiles = ["LICENSE*", "LICENCE*", "COPYING*", "NOTICE*", "USE_POLICY*"];

    /// <summary>Checks the ports and writes what the package needs beside them.</summary>
    /// <param name="request">What the project asks.</param>
    /// <param name="observer">Told warnings.</param>
    /// <param name="cancellation">Stops the work.</param>
    /// <exception cref="ModelPortException">MP4001 to MP4004: a port that cannot be packed; MP2001, MP2002: a file cannot be written.</exception>
    public static PackageContent Make(PackageRequest request, IPortObserver observer, CancellationToken cancellation)
    {
        var notes = request.IsBuilt ? [] : request.Ports.SelectMany(p => RequireCurrent(request, p, observer, cancellation)).ToArray();
        PackedModel[] models = [.. request.Ports.Select(p => Pack(request, p, cancellation)).OfType<PackedModel>()];
        if (models.Length == 0)
        {
            throw new ModelPortException(Diagnose.PrecisionNotPorted(request.Project, request.Precision ?? ""));
        }

        var parts = PackageParts.Divide(request.PackageId, models, request.Limit);
        var own = new PackageFiles(request.PackageId, request.StagingDirectory);
        own.Add(parts.Count == 0 ? models : models.Select(m => m with { Files = [.. m.Records] }));
        var manifests = models.Select(m => m.Manifest).ToArray();
        var readme = own.Write("README.md", PackageReadme.Of(request.PackageId, request.Description, manifests, parts));
        own.Write($"buildTransitive/{request.PackageId}.targets", PackageTargets.Of(request.PackageId, models, parts, request.HasClass));
        own.Write($"buildTransitive/{PackageTargets.SharedFile}", PackageTargets.Shared);
        if (request.HasClass)
        {
            own.Write($"buildTransitive/{request.PackageId}.Models.cs", ModelsClass.OfPackage(request.PackageId, manifests));
        }

        PackageEntry[] entries = [.. own.Entries, .. parts.SelectMany(p => Part(request, p))];

        var (gate, refusals) = request.Baseline is null ? ([], []) : ReleaseGate.Judge(request, entries.Where(e => e.PackagePath.StartsWith("models/", StringComparison.Ordinal)), observer, cancellation);
        string[] tags = [.. manifests.SelectMany(m => m.Outputs.Select(o => o.Precision).Prepend(m.Source.Architecture).Prepend(m.Engine.Name)).Prepend("modelport").Distinct(StringComparer.OrdinalIgnoreCase)];
        return new PackageContent(entries, readme, tags, Licenses.Expression(manifests.Select(m => m.Source.License))) { Limit = request.Limit, Precisions = [.. manifests.SelectMany(m => m.Outputs).Select(o => o.Precision).Distinct()], Notes = [.. notes, .. gate], Refusals = refusals };
    }

    private static IReadOnlyList<PackageEntry> Part(PackageRequest request, PackagePart part)
    {
        var files = new PackageFiles(part.Id, Path.Combine(request.StagingDirectory, "parts", part.Id));
        files.Add(part.Models);
        files.Write("README.md", PackageReadme.OfPart(part.Id, request.PackageId));
        files.Write($"buildTransitive/{part.Id}.targets", PackageTargets.OfPart(part));
        files.Write($"buildTransitive/{PackageTargets.SharedFile}", PackageTargets.Shared);
        return files.Entries;
    }

    // Without a build, the project or the checkpoint may ask for something else by now than what lies there.
    private static string[] RequireCurrent(PackageRequest request, PackagedPort port, IPortObserver observer, CancellationToken cancellation)
    {
        if (!Path.Exists(port.Source))
        {
            return [$"{port.Name}: its source '{port.Source}' is not here; packed by what its manifest says"];
        }

        return PortPipeline.WhyPortedAgain(port.Request(request.Project), observer, cancellation) is [var first, ..]
            ? throw new ModelPortException(Diagnose.PackedStale(Path.Combine(port.Directory, Manifest.FileName), port.Name, $"it is not what the project asks for any more, and would be {first}"))
            : [];
    }

    // Null where the port has nothing of the precision that the package is for.
    private static PackedModel? Pack(PackageRequest request, PackagedPort port, CancellationToken cancellation)
    {
        var manifestPath = Path.Combine(port.Directory, Manifest.FileName);
        var whole = Manifest.TryRead(manifestPath) ?? throw new ModelPortException(Diagnose.NothingToPack(request.Project, port.Name, manifestPath));
        var manifest = whole with { Outputs = [.. whole.Outputs.Where(o => request.Precision is null || o.Precision.Equals(request.Precision, StringComparison.OrdinalIgnoreCase))] };
        if (manifest.Outputs.Count == 0)
        {
            return null;
        }

        foreach (var output in manifest.Outputs)
        {
            if (output.Verdict == Verdict.NotMeasured)
            {
                throw new ModelPortException(Diagnose.PackedUnmeasured(manifestPath, port.Name, output.Precision));
            }

            if (output.Verdict == Verdict.Missed)
            {
                throw new ModelPortException(Diagnose.PackedMissed(manifestPath, port.Name, output.Precision, Missed(output)));
            }
        }

        var staged = Path.Combine(request.StagingDirectory, "models", manifest.Name);
        var bom = Path.Combine(staged, MachineLearningBom.FileName);
        PackageFiles.WriteDifferent(bom, MachineLearningBom.Of(manifest));
        string[] paths =
        [
            .. manifest.Outputs.SelectMany(o => o.Files).Select(f => Path.Combine(port.Directory, f.Name)),
            .. manifest.Outputs.Count == whole.Outputs.Count ? Records(port.Directory) : RecordsOfPart(port, whole, manifest, staged),
            bom,
            .. LicensesOf(port.Source),
        ];
        PackedFile[] files = [.. paths.Select(path => Hashed(manifest, path, port.Name, cancellation)).OrderBy(f => f.Name, StringComparer.Ordinal)];
        var list = Path.Combine(staged, Checksums.FileName);
        PackageFiles.WriteDifferent(list, Checksums.Write(files));
        return new PackedModel(manifest, [.. files, Hashed(manifest, list, port.Name, cancellation)]);
    }

    private static string[] Records(string folder) => [Path.Combine(folder, Manifest.FileName), Path.Combine(folder, ParityReport.FileName), Path.Combine(folder, ParityReport.PageName)];

    // What is said of a port's other precisions stays out of a package that does not hold them.
    private static string[] RecordsOfPart(PackagedPort port, Manifest whole, Manifest part, string staged)
    {
        var path = Path.Combine(port.Directory, ParityReport.FileName);
        var report = ParityReport.TryRead(path, whole) ?? throw new ModelPortException(Diagnose.PackedStale(path, port.Name, $"'{ParityReport.FileName}' is not the report of this port"));
        var ofPart = report with { Manifest = part, Positions = [.. whole.Outputs.Zip(report.Positions).Where(p => part.Outputs.Contains(p.First)).Select(p => p.Second)] };
        var records = Records(staged);
        PackageFiles.WriteDifferent(records[0], part.ToJson());
        PackageFiles.WriteDifferent(records[1], ofPart.ToJson());
        PackageFiles.WriteDifferent(records[2], ReportPage.Of(ofPart));
        return records;
    }

    // What is packed must be what was measured.
    private static PackedFile Hashed(Manifest manifest, string path, string port, CancellationToken cancellation)
    {
        if (!File.Exists(path))
        {
            throw new ModelPortException(Diagnose.PackedStale(path, port, $"'{Path.GetFileName(path)}' is missing"));
        }

        var name = Path.GetFileName(path);
        var hash = SourceHash.OfFile(path, cancellation);
        return manifest.Outputs.SelectMany(o => o.Files).FirstOrDefault(f => f.Name == name) is { } measured && measured.Sha256 != hash
            ? throw new ModelPortException(Diagnose.PackedStale(path, port, $"'{name}' is not the file that was measured: its SHA-256 is {hash}, and {measured.Sha256} was measured"))
            : new PackedFile(name, path, new FileInfo(path).Length, hash);
    }

    // Of a checkpoint's folder, or of the one that a model's file lies in.
    private static IEnumerable<string> LicensesOf(string source) => (Directory.Exists(source) ? source : Path.GetDirectoryName(source)) is { } folder && Directory.Exists(folder)
        ? LicenseFiles.SelectMany(pattern => Directory.EnumerateFiles(folder, pattern, new EnumerationOptions { MatchCasing = MatchCasing.CaseInsensitive })).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)
        : [];

    private static string Missed(OutputRecord output) => string.Join("; ", [
        .. output.Budgets.Where(b => !b.Passes).Select(b => Gate.Describe(b, output.Metrics)),
        .. output.Behaviour?.Failures.Select(f => f.Text) ?? []]);
}
