using System.Globalization;
using ModelPort.Diagnostics;
using ModelPort.Parity;
using ModelPort.Runtime;

namespace ModelPort.Packages;

/// <summary>How a release differs from the one before in one respect.</summary>
public enum ChangeKind
{
    /// <summary>Nothing that matters.</summary>
    None,

    /// <summary>Different, and neither better nor worse.</summary>
    Different,

    /// <summary>Better by more than the errors of both numbers.</summary>
    Better,

    /// <summary>Worse by more than the errors of both numbers.</summary>
    Worse,

    /// <summary>Applications that use the model may have to change: another tokenizer, chat template, architecture or context, or a model or precision that is gone.</summary>
    Breaking,

    /// <summary>Numbers of different data, or of which one is missing: they cannot be compared.</summary>
    Incomparable,
}

/// <summary>One respect in which two releases are compared.</summary>
/// <param name="Model">The model, and the precision where it is about one.</param>
/// <param name="What">What is compared: a name of a metric, or of a part of the model.</param>
/// <param name="Old">The value before; empty for none.</param>
/// <param name="New">The value now; empty for none.</param>
/// <param name="Kind">How they differ.</param>
public sealed record ComparedLine(string Model, string What, string Old, string New, ChangeKind Kind);

/// <summary>Two releases of models, compared.</summary>
/// <param name="Old">What the release before is called.</param>
/// <param name="New">What the release now is called.</param>
/// <param name="Lines">Everything that was compared, also what did not change.</param>
public sealed record ComparedReleases(string Old, string New, IReadOnlyList<ComparedLine> Lines)
{
    /// <summary>Whether anything is worse, breaks applications, or cannot be said.</summary>
    public bool IsWorse => Lines.Any(l => l.Kind is ChangeKind.Worse or ChangeKind.Breaking);

    /// <summary>What the version has to say, by Semantic Versioning: a change that breaks is a major one, anything else that differs a minor one.</summary>
    public string VersionPart => Lines.Any(l => l.Kind == ChangeKind.Breaking) ? "major" : Lines.Any(l => l.Kind is ChangeKind.Better or ChangeKind.Worse or ChangeKind.Different) ? "minor" : "patch";
}

/// <summary>Compares two releases of models by what their manifests say.</summary>
public static class PackageComparison
{
    private static readonly (Metric Metric, bool HigherIsBetter)[] Judged =
    [
        (Metric.Perplexity, false), (Metric.PerplexityIncrease, false), (Metric.MeanDivergence, false), (Metric.TopTokenAgreement, true), (Metric.TokenizerAgreement, true), (Metric.Accuracy, true),
    ];

    /// <summary>Compares.</summary>
    /// <param name="old">The release before.</param>
    /// <param name="oldName">What it is called.</param>
    /// <param name="current">The release now.</param>
    /// <param name="currentName">What it is called.</param>
    /// <exception cref="ModelPortException">MP5021: one of them holds no model.</exception>
    /// <exception cref="PortedModelException">MP5002: a manifest cannot be read.</exception>
    public static ComparedReleases Compare(PackedFiles old, string oldName, PackedFiles current, string currentName)
    {
        var before = ModelsIn(old);
        var now = ModelsIn(current);
        var lines = new List<ComparedLine>();
        foreach (var name in before.Select(m => m.Name).Union(now.Select(m => m.Name), StringComparer.OrdinalIgnoreCase))
        {
            PortedModel? Of(IEnumerable<PortedModel> models) => models.FirstOrDefault(m => m.Name.Equals(name, StringComparison.OrdinalIgnoreCase));
            switch (Of(before), Of(now))
            {
                case ({ } a, { } b):
                    lines.AddRange(Models(a, b));
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

    /// <summary>The models of a package or folder, as their manifests describe them.</summary>
    /// <exception cref="ModelPortException">MP5021: there is none.</exception>
    /// <exception cref="PortedModelException">MP5002: a manifest cannot be read.</exception>
    internal static PortedModel[] ModelsIn(PackedFiles files)
    {
        var manifests = PackageVerification.ManifestsIn(files);
        if (manifests.Length == 0)
        {
            throw new ModelPortException(Diagnose.NoModels(files.Path));
        }

        // Of a built project the same model lies in obj and in bin.
        return [.. manifests.Select(m => ManifestReader.Read(files.Describe(m), () => files.OpenFile(m))).DistinctBy(m => m.Name, StringComparer.OrdinalIgnoreCase)];
    }

    private static IEnumerable<ComparedLine> Models(PortedModel old, PortedModel current)
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

        yield return Part("licence", old.License, current.License, ChangeKind.Breaking);
        yield return Part("engine", old.Engine, current.Engine, ChangeKind.Different);

        // One file each is compared whatever its precision; of several those of the same.
        var single = old.Files.Count == 1 && current.Files.Count == 1;
        foreach (var file in old.Files)
        {
            if ((single ? current.Files[0] : current.Files.FirstOrDefault(f => f.Precision == file.Precision)) is not { } other)
            {
                yield return new ComparedLine($"{old.Name} {file.Precision}", "precision", file.Precision, "", ChangeKind.Breaking);
                continue;
            }

            foreach (var line in Files($"{old.Name} {other.Precision}", file, other, old.EvaluationSha256 == current.EvaluationSha256))
            {
                yield return line;
            }
        }

        foreach (var added in current.Files.Where(f => !single && old.Files.All(o => o.Precision != f.Precision)))
        {
            yield return new ComparedLine($"{old.Name} {added.Precision}", "precision", "", added.Precision, ChangeKind.Different);
        }
    }

    private static IEnumerable<ComparedLine> Files(string name, PortedFile old, PortedFile current, bool sameData)
    {
        yield return new ComparedLine(name, "precision", old.Precision, current.Precision, old.Precision == current.Precision ? ChangeKind.None : ChangeKind.Different);
        yield return new ComparedLine(name, "size", Sizes.Bytes(old.Bytes), Sizes.Bytes(current.Bytes), old.Bytes == current.Bytes ? ChangeKind.None : ChangeKind.Different);
        yield return new ComparedLine(name, "verdict", old.Verdict, current.Verdict, old.Verdict == current.Verdict ? ChangeKind.None : current.Verdict == "kept" ? ChangeKind.Better : ChangeKind.Worse);
        foreach (var (metric, higherIsBetter) in Judged)
        {
            foreach (var key in old.Metrics.Concat(current.Metrics).Where(m => m.Name == metric.Name && m.Of == "port").Select(m => (m.Against, m.On)).Distinct())
            {
                PortedMetric? In(PortedFile file) => file.Metrics.FirstOrDefault(m => m.Name == metric.Name && m.Of == "port" && (m.Against, m.On) == key);
                var (a, b) = (In(old), In(current));
                var title = metric.Title + (key.On is { } task ? " on " + task : "") + (key.Against == "referenceOutputs" ? " against reference outputs" : "");
                yield return new ComparedLine(name, title, Text(metric, a), Text(metric, b), Judge(a, b, higherIsBetter, sameData || metric == Metric.TokenizerAgreement));
            }
        }
    }

    private static ChangeKind Judge(PortedMetric? old, PortedMetric? current, bool higherIsBetter, bool sameData)
    {
        if (old is null || current is null || !sameData || double.IsNaN(old.Value) || double.IsNaN(current.Value))
        {
            return ChangeKind.Incomparable;
        }

        var worse = higherIsBetter ? old.Value - current.Value : current.Value - old.Value;
        var (a, b) = (old.Error ?? 0, current.Error ?? 0);
        return Math.Abs(worse) <= Math.Sqrt(a * a + b * b) ? old.Value == current.Value ? ChangeKind.None : ChangeKind.Different : worse > 0 ? ChangeKind.Worse : ChangeKind.Better;
    }

    private static string Text(Metric metric, PortedMetric? figure) => figure is null ? "" : metric.Write(figure.Value, figure.Error).Replace("+-", "±", StringComparison.Ordinal);

    private static string Text(long? number) => number?.ToString(CultureInfo.InvariantCulture) ?? "";

    private static string Short(string? hash) => hash is null ? "none" : hash[..Math.Min(12, hash.Length)];
}
