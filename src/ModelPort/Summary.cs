using System.Globalization;
using ModelPort.Diagnostics;
using ModelPort.Manifests;
using ModelPort.Parity;

namespace ModelPort;

/// <summary>The one line that a build prints for each ported file.</summary>
public static class Summary
{
    /// <summary>Name, source, precision, sizes, perplexity before and after, divergence, top-token agreement, verdict.</summary>
    public static string Line(Manifest manifest, OutputRecord output)
    {
        var head = $"{manifest.Name} ({manifest.Source.Sha256[..12]}) {output.Precision}: {Sizes.Bytes(manifest.Source.WeightBytes)} -> {Sizes.Bytes(output.Bytes)}";
        if (output.Verdict == Verdict.NotMeasured || output.Parity is not { Metrics: var m })
        {
            return head + ", not measured (ModelPortParity is off)";
        }

        var numbers = string.Create(
            CultureInfo.InvariantCulture,
            $"perplexity {m.SourcePerplexity:0.000} -> {m.Perplexity:0.000} ({m.PerplexityIncrease:+0.00;-0.00} %), divergence {m.MeanDivergence:0.00000} nats, top token {m.TopTokenAgreement:0.0} %");
        return $"{head}, {numbers}, {(output.Verdict == Verdict.Kept ? "budgets kept" : "BUDGET MISSED")}";
    }
}
