using ModelPort.Diagnostics;
using ModelPort.Manifests;
using ModelPort.Onnx;
using ModelPort.Parity;
using ModelPort.Runtime;

namespace ModelPort.Packages;

/// <summary>Numbers of the release before on the data of the release now.</summary>
/// <param name="Numbers">By its files; only those that had to be measured again.</param>
/// <param name="Notes">What was measured again, and what could not be, as lines.</param>
internal sealed record MeasuredAgain(IReadOnlyDictionary<PortedFile, IReadOnlyList<PortedMetric>> Numbers, IReadOnlyList<string> Notes);

/// <summary>
/// Measures the files of the release before on what the release now was measured on, where that is other data than then: numbers of different data say nothing about each other.
/// It needs the source that they were ported from, which is the project's own as long as that did not change.
/// </summary>
internal sealed class BaselineMeasurement(PackageRequest request, PackedFiles before, IPortObserver observer, CancellationToken cancellation)
{
    private readonly ReleaseBaseline _baseline = request.Baseline!;
    private readonly Dictionary<PortedFile, IReadOnlyList<PortedMetric>> _numbers = [];
    private readonly List<string> _notes = [];

    /// <summary>Measures what has to be measured.</summary>
    /// <param name="older">The models of the release before.</param>
    /// <param name="newer">The models of the release now.</param>
    /// <exception cref="ModelPortException">MP5035: ModelPortBaselineSource is not the source that a model was ported from; any error of a measurement.</exception>
    public MeasuredAgain Measure(IReadOnlyList<PortedModel> older, IReadOnlyList<PortedModel> newer)
    {
        foreach (var old in older)
        {
            var port = request.Ports.FirstOrDefault(p => p.Name.Equals(old.Name, StringComparison.OrdinalIgnoreCase));
            if (port is not null && newer.FirstOrDefault(m => m.Name.Equals(old.Name, StringComparison.OrdinalIgnoreCase)) is { Evaluation: not null } current)
            {
                PortedFile[] files = [.. old.Files.Where(f => PackageComparison.Counterpart(old, f, current) is { } other && !IsOnItsData(old, f, current, other))];
                if (files.Length > 0)
                {
                    Measure(port, old, files, current);
                }
            }
        }

        return new MeasuredAgain(_numbers, _notes);
    }

    private static bool IsOnItsData(PortedModel old, PortedFile file, PortedModel current, PortedFile other) =>
        PackageComparison.SameData(old, file, current, other, null) && other.Tasks.Keys.All(t => PackageComparison.SameData(old, file, current, other, t));

    private void Measure(PackagedPort port, PortedModel old, PortedFile[] files, PortedModel current)
    {
        var isOwn = old.SourceSha256 == current.SourceSha256 && Path.Exists(port.Source);
        if (!isOwn && _baseline.Source is null)
        {
            _notes.Add($"  {old.Name}: measured on other data in {_baseline.Name}, and not again, as its source (SHA-256 {old.SourceSha256[..12]}) is not here; set ModelPortBaselineSource to its {(OnnxOptions.IsFor(port.Source) ? "file" : "folder")}");
            return;
        }

        var scratch = Directory.CreateDirectory(Path.Combine(request.StagingDirectory, "baseline"));
        try
        {
            var asked = port.Request(request.Project) with { Budgets = [], Serving = false, Attribute = false, OutputDirectory = scratch.FullName };
            asked = isOwn ? asked : asked with { Source = _baseline.Source! };
            using IBaselineSource source = asked.Onnx is null ? new CheckpointBaseline(asked, observer, cancellation) : new OnnxBaseline(asked, observer, cancellation);
            if (source.Sha256 != old.SourceSha256)
            {
                throw new ModelPortException(isOwn ? Diagnose.SourceChanged(source.Path) : Diagnose.BaselineSourceOther(request.Project, source.Path, source.Sha256, _baseline.Name, old.Name, old.SourceSha256));
            }

            foreach (var file in files)
            {
                var measured = source.Stored(file);
                if (measured is null && !file.Parts.All(p => before.Has(NameOf(p))))
                {
                    _notes.Add($"  {old.Name} {file.Precision}: measured on other data in {_baseline.Name}, and not again, as its files are not here; fetch its parts by PackageDownload too");
                    continue;
                }

                // Engines find the other files of one beside the first.
                string[] Located() => [.. file.Parts.Select(p => before.Locate(NameOf(p), asked.OutputDirectory))];
                measured ??= source.Measure(file, Located()[0], $"{old.Name} {file.Precision} of {_baseline.Name}");
                if (measured.Positions == current.Evaluation!.Positions)
                {
                    _numbers.Add(file, [.. measured.Figures.Select(Metric)]);
                    _notes.Add($"  {old.Name} {file.Precision}: measured on other data in {_baseline.Name}; measured again on {source.Data}");
                }
                else
                {
                    _notes.Add($"  {old.Name} {file.Precision}: it splits {source.Data} into other tokens, so that its numbers on it say nothing about the new ones");
                }
            }
        }
        finally
        {
            scratch.Delete(recursive: true);
        }
    }

    private string NameOf(PortedPart part) => Path.GetRelativePath(before.Path, part.Path).Replace('\\', '/');

    /// <summary>The identity of a file that may be several.</summary>
    internal static string IdentityOf(PortedFile file) => FileRecord.Identity([.. file.Parts.Select(p => new FileRecord(Path.GetFileName(p.Path), p.Bytes, p.Sha256))]);

    private static PortedMetric Metric(Figure figure) => new(
        figure.Name,
        figure.Of == Subject.Port ? "port" : "source",
        figure.Against switch { Reference.Source => "source", Reference.ReferenceOutputs => "referenceOutputs", _ => null },
        figure.Value,
        figure.Error,
        figure.Unit,
        figure.On);
}
