using ModelPort.Engines.OnnxRuntime;
using ModelPort.Formats.Onnx;
using ModelPort.Onnx.Data;
using ModelPort.Onnx.Transforms;
using ModelPort.Porting;

namespace ModelPort.Onnx.Parity;

/// <summary>How far a node's output is from what it is in the source.</summary>
/// <param name="Node">The node's name, or its operator and first output.</param>
/// <param name="Operator">Its operator.</param>
/// <param name="Error">The root of the sum of squared differences by that of the squared values.</param>
/// <param name="Increase">That, less the largest error of what goes into the node: what the node itself adds.</param>
public sealed record LayerError(string Node, string Operator, double Error, double Increase);

/// <summary>
/// Finds where a port's error comes from: the values between the nodes of the prepared source and of the port that have the same name are compared on a few
/// samples, so that each node's share is seen.
/// </summary>
/// <param name="input">The model and the data.</param>
/// <param name="folder">Where temporary models go.</param>
/// <param name="cancellation">Stops the work.</param>
internal sealed class LayerErrors(OnnxInput input, string folder, CancellationToken cancellation)
{
    /// <summary>Samples that are looked at, at most.</summary>
    public const int Samples = 32;

    /// <summary>Compares.</summary>
    /// <param name="plan">The plan, with the source as it was prepared.</param>
    /// <param name="ported">The port, with the names of the source's values.</param>
    /// <param name="data">The samples.</param>
    /// <returns>A line for each node of the main graph whose first output is a real number in both, in the order of the graph.</returns>
    /// <exception cref="Engines.EngineException">ONNX Runtime failed.</exception>
    public IReadOnlyList<LayerError> Of(OnnxTransformPlan plan, OnnxModel ported, SampleSet data)
    {
        var made = ported.Proto.Graph.Node.SelectMany(n => n.Output).ToHashSet(StringComparer.Ordinal);
        NodeProto[] nodes = [.. plan.Model.Proto.Graph.Node.Where(n => n.Output.Count > 0 && made.Contains(n.Output[0]))];
        string[] names = [.. nodes.Select(n => n.Output[0]).Distinct(StringComparer.Ordinal)];
        var sums = names.ToDictionary(n => n, _ => (Difference: 0.0, Reference: 0.0), StringComparer.Ordinal);
        using var before = Instrumented(plan.Model, "source", names);
        using var after = Instrumented(ported, "port", names);
        var (source, target) = (new ModelRunner(before.Session, input.Source.Signature, input.Options.State), new ModelRunner(after.Session, input.Source.Signature, input.Options.State));
        foreach (var run in data.Runs().Take(Samples))
        {
            cancellation.ThrowIfCancellationRequested();
            var (expected, found) = (source.Run(run, names, cancellation), target.Run(run, names, cancellation));
            foreach (var name in names)
            {
                if (expected[name] is EngineTensor a && found[name] is EngineTensor b && OutputValues.IsReal(a.Type) && OutputValues.IsReal(b.Type) && a.ElementCount == b.ElementCount)
                {
                    sums[name] = Added(sums[name], OutputValues.Of(a)!, OutputValues.Of(b)!);
                }
            }
        }

        var errors = sums.Where(s => s.Value.Reference > 0).ToDictionary(s => s.Key, s => Math.Sqrt(s.Value.Difference / s.Value.Reference), StringComparer.Ordinal);
        return [.. nodes.Where(n => errors.ContainsKey(n.Output[0])).Select(n => new LayerError(
            NodeOrder.Label(n), n.OpType, errors[n.Output[0]], errors[n.Output[0]] - n.Input.Select(i => errors.GetValueOrDefault(i)).DefaultIfEmpty(0).Max()))];
    }

    private static (double, double) Added((double Difference, double Reference) sum, double[] expected, double[] found)
    {
        for (var i = 0; i < expected.Length; i++)
        {
            var difference = expected[i] - found[i];
            // What neither has as a number says nothing of the node.
            if (double.IsFinite(expected[i]))
            {
                sum.Difference += double.IsFinite(difference) ? difference * difference : expected[i] * expected[i];
                sum.Reference += expected[i] * expected[i];
            }
        }

        return sum;
    }

    private Instrument Instrumented(OnnxModel model, string what, string[] outputs)
    {
        var path = Path.Combine(folder, $"{input.Request.Name}-{what}-layers.onnx{OutputFile.TemporarySuffix}");
        using var copy = model.Copy();
        copy.AddOutputs(outputs);
        var weights = input.Source.IsExternal ? Path.GetFileNameWithoutExtension(path) + ".data" + OutputFile.TemporarySuffix : null;
        string[] files = weights is null ? [path] : [path, Path.Combine(folder, weights)];
        try
        {
            copy.Save(path, weights);
            return new Instrument(OnnxSession.Open(path, new OnnxSessionOptions { Threads = input.Request.Threads }), files);
        }
        catch
        {
            Array.ForEach(files, Caching.FileTransfer.TryDelete);
            throw;
        }
    }

    private sealed record Instrument(OnnxSession Session, string[] Files) : IDisposable
    {
        public void Dispose()
        {
            Session.Dispose();
            Array.ForEach(Files, Caching.FileTransfer.TryDelete);
        }
    }
}
