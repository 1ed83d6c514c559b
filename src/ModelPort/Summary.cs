using ModelPort.Diagnostics;
using ModelPort.Manifests;
using ModelPort.Parity;

namespace ModelPort;

/// <summary>The one line that a build prints for each ported file.</summary>
public static class Summary
{
    /// <summary>Name, source, precision, sizes, perplexity before and after, divergence, top-token agreement, accuracy before and after, verdict.</summary>
    public static string Line(Manifest manifest, OutputRecord output)
    {
        var head = $"{manifest.Name} ({manifest.Source.Sha256[..12]}) {output.Precision}{Types(output)}: {Sizes.Bytes(manifest.Source.WeightBytes)} -> {Sizes.Bytes(output.Bytes)}";
        if (output.Verdict == Verdict.NotMeasured)
        {
            return head + ", not measured (ModelPortParity is off)";
        }

        if (!manifest.Evaluation!.IsText)
        {
            return $"{head}, {OfSamples(output)}, {Kept(output)}";
        }

        string Number(Metric metric, string format, Subject of = Subject.Port) =>
            Metric.Write((output.Metrics.Find(metric, of) ?? output.Metrics.Find(metric, of, Reference.Source))!.Value, format);
        var numbers = $"perplexity {Number(Metric.Perplexity, "0.000", Subject.Source)} -> {Number(Metric.Perplexity, "0.000")} ({Number(Metric.PerplexityIncrease, "+0.00;-0.00")} %), "
            + $"divergence {Number(Metric.MeanDivergence, "0.00000")} nats, top token {Number(Metric.TopTokenAgreement, "0.0")} %";
        var tasks = output.Metrics.Where(f => f.Name == Metric.Accuracy.Name && f.Of == Subject.Source).Select(s =>
            $", {s.On} {Metric.Accuracy.Write(s.Value)} -> {Metric.Accuracy.Write(output.Metrics.Find(Metric.Accuracy, Subject.Port, on: s.On)!.Value)} %");
        numbers += string.Concat(tasks) + (output.Behaviour?.Failures.Any() == true ? ", BEHAVIOUR CHANGED" : "");
        return $"{head}, {numbers}, {Kept(output)}";
    }

    // Accuracy first, where there are labels, and the output that is farthest from the source's.
    private static string OfSamples(OutputRecord output)
    {
        string?[] parts =
        [
            .. output.Tasks.Select(t => $"accuracy on {t.File} {Accuracy(output, t.File, Subject.Source)} -> {Accuracy(output, t.File, Subject.Port)} %"),
            Worst(output, Metric.CosineSimilarity, f => -f.Value),
            Worst(output, Metric.LargestOutputDifference, f => f.Value),
        ];
        return string.Join(", ", parts.OfType<string>().DefaultIfEmpty("no output of numbers"));
    }

    private static string? Worst(OutputRecord output, Metric metric, Func<Figure, double> badness) =>
        output.Metrics.Where(f => f.Name == metric.Name && f.Of == Subject.Port && f.Against == Reference.Source).MaxBy(badness) is { } worst
            ? $"{metric.Title} {metric.Write(worst.Value)} ({worst.On})"
            : null;

    private static string Accuracy(OutputRecord output, string task, Subject of) => Metric.Accuracy.Write(output.Metrics.Find(Metric.Accuracy, of, on: task)!.Value);

    private static string Kept(OutputRecord output) => output.Budgets.All(b => b.Passes) ? "budgets kept" : "BUDGET MISSED";

    // A precision's name says what it is made of; of a mix that was chosen the build says it.
    private static string Types(OutputRecord output) =>
        output.Mix is null ? "" : $" ({string.Join(", ", output.Mix.Tensors.CountBy(t => t.Type).OrderByDescending(t => t.Value).Select(t => $"{t.Value} {t.Key}"))})";
}
