using System.Globalization;
using System.Text;
using ModelPort.Diagnostics;
using ModelPort.Manifests;
using ModelPort.Parity;

namespace ModelPort.Packages;

/// <summary>The readme of a model package, written from the numbers: what the models are, how close they came to their sources, and how to use them.</summary>
internal static class PackageReadme
{
    /// <summary>Writes the readme.</summary>
    /// <param name="package">The package's identity.</param>
    /// <param name="description">What its project says of it; empty for nothing.</param>
    /// <param name="models">Its models.</param>
    /// <param name="parts">The packages that hold the models' files; none where it holds them itself.</param>
    public static string Of(string package, string description, IReadOnlyList<Manifest> models, IReadOnlyList<PackagePart> parts)
    {
        var text = new StringBuilder($"# {package}\n\n");
        if (description.Length > 0)
        {
            text.Append(description).Append("\n\n");
        }

        foreach (var model in models)
        {
            Write(text, model);
        }

        var (first, output) = (models[0], models[0].Outputs[0]);
        var path = $"Models.{ModelsClass.Identifier(first.Name)}{(first.Outputs.Count == 1 ? "" : "." + ModelsClass.Identifier(output.Precision))}.Path";
        text.Append(CultureInfo.InvariantCulture, $"""
            ## Use

            Reference the package; the build puts the models beside the application, under `models/`, and into what is published.{PartsText(package, parts)}

            ```csharp
            string path = {path};
            ```

            Each model's `modelport.json` has every measured number with its data and error, `parity.html` shows them, and `sha256sum -c {Checksums.FileName}` in its folder proves that it is
            as it was packed.

            """);
        return text.ToString().Replace("\r\n", "\n", StringComparison.Ordinal);
    }

    /// <summary>The readme of a part.</summary>
    /// <param name="part">Its identity.</param>
    /// <param name="package">The package that depends on it.</param>
    public static string OfPart(string part, string package) => $"""
        # {part}

        Files of the models of {package}, which depends on this package in exactly this version. Reference {package}.

        """.Replace("\r\n", "\n", StringComparison.Ordinal);

    private static string PartsText(string package, IReadOnlyList<PackagePart> parts) => parts.Count == 0 ? ""
        : $" The models' files come in {parts.Count} packages that this one depends on, {parts[0].Id} to {parts[^1].Id}, and lie in one folder. Push them before {package}.";

    private static void Write(StringBuilder text, Manifest model)
    {
        var source = model.Source;
        text.Append(CultureInfo.InvariantCulture, $"## {model.Name}\n\n{source.Architecture}, {source.Parameters:N0} parameters, ported from {source.Precision} to {model.Engine.Name}; licence of the source: {source.License ?? "none named"}.\n\n");
        if (model.Evaluation?.IsText == false)
        {
            Table(
                text,
                ["precision", "size", "output", "cosine similarity", "largest difference", "verdict"],
                model.Outputs.SelectMany(o => o.Metrics.Where(f => f.Name == Metric.CosineSimilarity.Name && f.Of == Subject.Port && f.Against == Reference.Source).Select(f => new[]
                {
                    o.Precision, Sizes.Bytes(o.Bytes), f.On ?? "", Metric.CosineSimilarity.Write(f.Value), Written(o, Metric.LargestOutputDifference, Reference.Source, f.On), PackedFigures.VerdictOf(o),
                })));
        }
        else
        {
            Perplexities(text, model);
        }

        foreach (var output in model.Outputs.Where(o => o.Tasks.Count > 0))
        {
            Table(
                text,
                ["task", "precision", "accuracy of source", "accuracy of port", "lost", "gained"],
                output.Tasks.Select(t => new[] { t.File, output.Precision, Accuracy(output, t.File, Subject.Source), Accuracy(output, t.File, Subject.Port), $"{t.Lost}", $"{t.Gained}" }));
        }

        if (model.Evaluation is { IsText: false } samples)
        {
            text.Append(CultureInfo.InvariantCulture, $"Measured against the source at {source.Precision} on {samples.Positions:N0} samples of {samples.Name} (SHA-256 {samples.Sha256[..12]}), with {model.Engine.Name} {model.Engine.Version} on {samples.CpuBackend}.\n\n");
        }
        else if (model.Evaluation is { } evaluation)
        {
            text.Append(CultureInfo.InvariantCulture, $"Measured against the source at {source.Precision} on {evaluation.Positions:N0} positions of {evaluation.Name} (SHA-256 {evaluation.Sha256[..12]}) in windows of {evaluation.WindowLength} tokens, with {model.Engine.Name} {model.Engine.Version} on {evaluation.CpuBackend}.\n\n");
        }

        var revision = source.Revision is { } r ? $"{(r.Repository is { } repository ? repository + " at " : "")}revision `{r.Commit}`, " : "";
        var bases = model.Lineage is { } lineage ? $" Made from {string.Join(", ", lineage.BaseModels)}{(lineage.Relation is { } relation ? $" ({relation})" : "")}, as its card says." : "";
        text.Append(CultureInfo.InvariantCulture, $"Source: {revision}SHA-256 `{source.Sha256}`.{bases}\n\n");
    }

    private static void Perplexities(StringBuilder text, Manifest model)
    {
        Table(
            text,
            ["precision", "size", "perplexity", "increase", "mean divergence", "top token", "verdict"],
            model.Outputs.Select(o => new[]
            {
                o.Precision,
                Sizes.Bytes(o.Bytes),
                Written(o, Metric.Perplexity, null),
                Written(o, Metric.PerplexityIncrease, Reference.Source),
                Written(o, Metric.MeanDivergence, Reference.Source),
                Written(o, Metric.TopTokenAgreement, Reference.Source),
                PackedFigures.VerdictOf(o),
            }));
    }

    private static string Accuracy(OutputRecord output, string task, Subject of) =>
        output.Metrics.Find(Metric.Accuracy, of, on: task) is { } figure ? Metric.Accuracy.Write(figure.Value, figure.Error) : "";

    private static string Written(OutputRecord output, Metric metric, Reference? against, string? on = null) =>
        output.Metrics.Find(metric, Subject.Port, against, on) is { } figure ? metric.Write(figure.Value, figure.Error).Replace("+-", "±", StringComparison.Ordinal) : "not measured";

    private static void Table(StringBuilder text, string[] heads, IEnumerable<string[]> rows)
    {
        static string Row(IEnumerable<string> cells) => "| " + string.Join(" | ", cells.Select(c => c.Replace("|", "\\|", StringComparison.Ordinal))) + " |\n";
        text.Append(Row(heads)).Append(Row(heads.Select(_ => "---")));
        foreach (var row in rows)
        {
            text.Append(Row(row));
        }

        text.Append('\n');
    }
}
