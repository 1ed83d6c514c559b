using ModelPort.Diagnostics;
using ModelPort.Formats.Onnx;

namespace ModelPort.Onnx.Rewriting;

/// <summary>What a graph that ONNX Runtime rewrote must be to be a port, whatever processor and version loads it.</summary>
internal static class KeptGraph
{
    /// <summary>Checks a rewritten graph, and removes from it what the runtime adds and nothing uses.</summary>
    /// <param name="made">What the runtime made.</param>
    /// <param name="given">What it was given.</param>
    /// <param name="path">The source, which errors name.</param>
    /// <exception cref="ModelPortException">MP2110: it has operators of other sets than the source's and ONNX Runtime's portable ones, or other inputs and outputs.</exception>
    public static void Tidy(OnnxModel made, OnnxModel given, string path)
    {
        HashSet<string> allowed = [Domains.Standard, Domains.Microsoft, .. Used(given)];
        if (made.Bodies().SelectMany(b => b.Nodes).FirstOrDefault(n => !allowed.Contains(Domains.Normal(n.Domain))) is { } foreign)
        {
            throw new ModelPortException(Diagnose.RewritingUnfit(path, $"'{NodeOrder.Label(foreign)}' is now {foreign.OpType} of the set {foreign.Domain}"));
        }

        if (SignatureComparison.Of(OnnxSignature.Of(given), OnnxSignature.Of(made)).Differences is { Count: > 0 } differences)
        {
            throw new ModelPortException(Diagnose.RewritingUnfit(path, string.Join("; ", differences)));
        }

        // The runtime states every set that it knows.
        HashSet<string> stated = [.. Used(made), .. given.Proto.OpsetImport.Select(i => Domains.Normal(i.Domain))];
        foreach (var import in made.Proto.OpsetImport.Where(i => !stated.Contains(Domains.Normal(i.Domain))).ToList())
        {
            made.Proto.OpsetImport.Remove(import);
        }
    }

    private static IEnumerable<string> Used(OnnxModel model) => model.Bodies().SelectMany(b => b.Nodes).Select(n => Domains.Normal(n.Domain)).Distinct();
}
