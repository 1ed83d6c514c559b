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

        string Number(Metric metric, string format, Subject of = Subject.Port) =>
            Metric.Write((output.Metrics.Find(metric, of) ?? output.Metrics.Find(metric, of, Reference.Source))!.Value, format);
        var numbers = $"perplexity {Number(Metric.Perplexity, "0.000", Subject.Source)} -> {Number(Metric.Perplexity, "0.000")} ({Number(Metric.PerplexityIncrease, "+0.00;-0.00")} %), "
            + $"divergence {Number(Metric.MeanDivergence, "0.00000")} nats, top token {Number(Metric.TopTokenAgreement, "0.0")} %";
        var tasks = output.Metrics.Where(f => f.Name == Metric.Accuracy.Name && f.Of == Subject.Source).Select(s =>
            $", {s.On} {Metric.Accuracy.Write(s.Value)} -> {Metric.Accuracy.Write(output.Metrics.Find(Metric.Accuracy, Subject.Port, on: s.On)!.Value)} %");
        numbers += string.Concat(tasks) + (output.Behaviour?.Failures.Any() == true ? ", BEHAVIOUR CHANGED" : "");
        return $"{head}, {numbers}, {(output.Budgets.All(b => b.Passes) ? "budgets kept" : "BUDGET MISSED")}";
    }

    // A precision's name says what it is made of; of a mix that was chosen the build says it.
    private static string Types(OutputRecord output) =>
        output.Mix is null ? "" : $" ({string.Join(", ", output.Mix.Tensors.CountBy(t => t.Type).OrderByDescending(t => t.Value).Select(t => $"{t.Value} {t.Key}"))})";
}
