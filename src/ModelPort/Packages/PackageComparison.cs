using System.Globalization;
using ModelPort.Diagnostics;
using ModelPort.Parity;
using ModelPort.Runtime;

namespace ModelPort.Packages;

/// <summary>Compares two releases of models by what their manifests say.</summary>
public static class PackageComparison
{
    /// <summary>Compares.</summary>
    /// <param name="old">The release before.</param>
    /// <param name="oldName">What it is called.</param>
    /// <param name="current">The release now.</param>
    /// <param name="currentName">What it is called.</param>
    /// <exception cref="ModelPortException">MP5021: one of them holds no model.</exception>
    /// <exception cref="PortedModelException">MP5002: a manifest cannot be read.</exception>
    public static ComparedReleases Compare(PackedFiles old, string oldName, PackedFiles current, string currentName) => Compare(Read(old), oldName, Read(current), currentName, new Dictionary<PortedFile, IReadOnlyList<PortedMetric>>());

    /// <summary>Compares models whose numbers may have been measured again.</summary>
    /// <param name="before">The models of the release before.</param>
    /// <param name="oldName">What it is called.</param>
    /// <param name="now">The models of the release now.</param>
    /// <param name="currentName">What it is called.</param>
    /// <param name="again">Numbers of the files of the release before on the data of the release now, by the files.</param>
    internal static ComparedReleases Compare(
        IReadOnlyList<PortedModel> before, string oldName, IReadOnlyList<PortedModel> now, string currentName, IReadOnlyDictionary<PortedFile, IReadOnlyList<PortedMetric>> again)
    {
        var lines = new List<ComparedLine>();
        foreach (var name in before.Select(m => m.Name).Union(now.Select(m => m.Name), StringComparer.OrdinalIgnoreCase))
        {
            PortedModel? Of(IEnumerable<PortedModel> models) => models.FirstOrDefault(m => m.Name.Equals(name, StringComparison.OrdinalIgnoreCase));
            switch (Of(before), Of(now))
            {
                case ({ } a, { } b):
                    lines.AddRange(Models(a, b, again));
                    break;
                case (null, _):
                    lines.Add(new ComparedLine(name, "model", "", "added", ChangeKind.Different));
                    break;
                default:
                    lines.Add(new ComparedLine(name, "model", "present", "", ChangeKind.Breaking));
                    break;
            }
        }

        return new ComparedReleases(oldName, currentName, lines);
    }

    /// <summary>A kind in the words of tables and build output.</summary>
    public static string Word(ChangeKind kind) => kind switch
    {
        ChangeKind.None => "same",
        ChangeKind.Different => "different",
        ChangeKind.Better => "better",
        ChangeKind.Worse => "WORSE",
        ChangeKind.Breaking => "BREAKING",
        _ => "not comparable",
    };

    /// <summary>The models of a release.</summary>
    /// <exception cref="ModelPortException">MP5021: it holds none.</exception>
    /// <exception cref="PortedModelException">MP5002: a manifest cannot be read.</exception>
    internal static PortedModel[] Read(PackedFiles files)
    {
        var manifests = PackageVerification.ManifestsIn(files);
        if (manifests.Length == 0)
        {
            throw new ModelPortException(Diagnose.NoModels(files.Path));
        }

        // Of a built project the same model lies in obj and in bin.
        return [.. manifests.Select(m => ManifestReader.Read(files.Describe(m), () => files.OpenFile(m))).DistinctBy(m => m.Name, StringComparer.OrdinalIgnoreCase)];
    }

    private static IEnumerable<ComparedLine> Models(PortedModel old, PortedModel current, IReadOnlyDictionary<PortedFile, IReadOnlyList<PortedMetric>> again)
    {
        ComparedLine Part(string what, string? a, string? b, ChangeKind kind) => new(old.Name, what, a ?? "", b ?? "", a == b ? ChangeKind.None : kind);
        yield return Part("source", Short(old.SourceSha256), Short(current.SourceSha256), ChangeKind.Different);
        yield return Part("architecture", old.Architecture, current.Architecture, ChangeKind.Breaking);
        // A manifest that says nothing of it is older than the record, not different.
        if (old.TokenizerSha256 is { } oldTokenizer && current.TokenizerSha256 is { } newTokenizer)
        {
            yield return Part("tokenizer", Short(oldTokenizer), Short(newTokenizer), ChangeKind.Breaking);
            yield return Part("chat template", Short(old.ChatTemplateSha256), Short(current.ChatTemplateSha256), ChangeKind.Breaking);
            yield return old.ContextLength <= current.ContextLength
                ? Part("context length", Text(old.ContextLength), Text(current.ContextLength), ChangeKind.Different)
                : Part("context length", Text(old.ContextLength), Text(current.ContextLength), ChangeKind.Breaking);
        }

        if (old.Inputs is { } oldInputs && current.Inputs is { } newInputs)
        {
            yield return Part("inputs", oldInputs, newInputs, ChangeKind.Breaking);
            yield return Part("outputs", old.Outputs, current.Outputs, ChangeKind.Breaking);
        }

        yield return Part("licence", old.License, current.License, ChangeKind.Breaking);
        yield return Part("engine", old.Engine, current.Engine, ChangeKind.Different);

        foreach (var file in old.Files)
        {
            if (Counterpart(old, file, current) is not { } other)
            {
                yield return new ComparedLine($"{old.Name} {file.Precision}", "precision", file.Precision, "", ChangeKind.Breaking);
                continue;
            }

            foreach (var line in Files($"{old.Name} {other.Precision}", new Compared(old, file, again.GetValueOrDefault(file)), new Compared(current, other, null)))
            {
                yield return line;
            }
        }

        foreach (var added in current.Files.Where(f => !IsSingle(old, current) && old.Files.All(o => o.Precision != f.Precision)))
        {
            yield return new ComparedLine($"{old.Name} {added.Precision}", "precision", "", added.Precision, ChangeKind.Different);
        }
    }

    private static IEnumerable<ComparedLine> Files(string name, Compared before, Compared now)
    {
        var (old, current) = (before.File, now.File);
        yield return new ComparedLine(name, "precision", old.Precision, current.Precision, old.Precision == current.Precision ? ChangeKind.None : ChangeKind.Different);
        yield return new ComparedLine(name, "size", Sizes.Bytes(old.Bytes), Sizes.Bytes(current.Bytes), old.Bytes == current.Bytes ? ChangeKind.None : ChangeKind.Different);
        yield return new ComparedLine(name, "verdict", old.Verdict, current.Verdict, old.Verdict == current.Verdict ? ChangeKind.None : current.Verdict == "kept" ? ChangeKind.Better : ChangeKind.Worse);
        foreach (var number in JudgedNumber.All)
        {
            var metric = number.Metric;
            foreach (var key in before.Metrics.Concat(now.Metrics).Where(m => m.Name == metric.Name && m.Of == "port").Select(m => (m.Against, m.On)).Distinct())
            {
                PortedMetric? In(Compared release) => release.Metrics.FirstOrDefault(m => m.Name == metric.Name && m.Of == "port" && (m.Against, m.On) == key);
                var (a, b) = (In(before), In(now));
                var title = metric.Title + (key.On is { } task ? " on " + task : "") + (key.Against == "referenceOutputs" ? " against reference outputs" : "");
                var kind = metric == Metric.TokenizerAgreement || a is null || before.HasDataOf(now, key.On) ? number.Kind(a, b) : ChangeKind.Incomparable;
                yield return new ComparedLine(name, title, Text(metric, a), Text(metric, b), kind);
            }
        }

        foreach (var ratio in current.ServingRatios)
        {
            if (old.ServingRatios.FirstOrDefault(r => r.Metric == ratio.Metric && r.On == ratio.On) is { } earlier && Metric.All.TryGetValue(ratio.Metric, out var metric))
            {
                yield return new ComparedLine(name, metric.Title + (ratio.On is { } size ? " on " + size : "") + " against the source", Text(earlier), Text(ratio), Serving(earlier, ratio));
            }
        }
    }

    // Ratios to the source are compared across machines; they differ where the middle halves of their rounds do not meet.
    private static ChangeKind Serving(PortedRatio old, PortedRatio current)
    {
        var higherIsBetter = current.Metric == Metric.PromptTokensPerSecond.Name || current.Metric == Metric.GenerationTokensPerSecond.Name || current.Metric == Metric.SamplesPerSecond.Name;
        return old.Low <= current.High && current.Low <= old.High ? old == current ? ChangeKind.None : ChangeKind.Different
            : current.Median > old.Median == higherIsBetter ? ChangeKind.Better : ChangeKind.Worse;
    }

    private static string Text(PortedRatio ratio) => string.Create(CultureInfo.InvariantCulture, $"{ratio.Median:0.00} ({ratio.Low:0.00} to {ratio.High:0.00})");

    // One file each is compared whatever its precision; of several those of the same.
    internal static PortedFile? Counterpart(PortedModel old, PortedFile file, PortedModel current) =>
        IsSingle(old, current) ? current.Files[0] : current.Files.FirstOrDefault(f => f.Precision == file.Precision);

    private static bool IsSingle(PortedModel old, PortedModel current) => old.Files.Count == 1 && current.Files.Count == 1;

    /// <summary>A file of a release with the numbers that count.</summary>
    /// <param name="Model">Its model.</param>
    /// <param name="File">The file.</param>
    /// <param name="Again">Its numbers on the data of the other release; null for those that its manifest has.</param>
    private sealed record Compared(PortedModel Model, PortedFile File, IReadOnlyList<PortedMetric>? Again)
    {
        public IReadOnlyList<PortedMetric> Metrics => Again ?? File.Metrics;

        public bool HasDataOf(Compared other, string? task) => Again is not null || SameData(Model, File, other.Model, other.File, task);
    }

    /// <summary>Whether numbers of two files are of the same data.</summary>
    /// <param name="old">A model.</param>
    /// <param name="oldFile">Its file.</param>
    /// <param name="current">Another model.</param>
    /// <param name="currentFile">Its file.</param>
    /// <param name="task">The task, or the output of a model that was measured on samples; null for the text.</param>
    internal static bool SameData(PortedModel old, PortedFile oldFile, PortedModel current, PortedFile currentFile, string? task) => task is null || !(oldFile.Tasks.ContainsKey(task) || currentFile.Tasks.ContainsKey(task))
        ? old.Evaluation == current.Evaluation
        : oldFile.Tasks.GetValueOrDefault(task) == currentFile.Tasks.GetValueOrDefault(task);

    private static string Text(Metric metric, PortedMetric? figure) => figure is null ? "" : metric.Write(figure.Value, figure.Error).Replace("+-", "±", StringComparison.Ordinal);

    private static string Text(long? number) => number?.ToString(CultureInfo.InvariantCulture) ?? "";

    private static string Short(string? hash) => hash is null ? "none" : hash[..Math.Min(12, hash.Length)];
}
