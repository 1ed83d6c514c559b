using System.Collections.Immutable;
using ModelPort.Engines.OnnxRuntime;
using ModelPort.Formats.Onnx;
using ModelPort.Onnx.Data;
using ModelPort.Onnx.Transforms;

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
    /// <returns>
    /// A line for each node whose result is a real number in both, in the order of the graphs. Nodes in bodies of Scan, which cannot hand out what each step made, are left out.
    /// </returns>
    /// <exception cref="Engines.EngineException">ONNX Runtime failed.</exception>
    public IReadOnlyList<LayerError> Of(OnnxTransformPlan plan, OnnxModel ported, SampleSet data)
    {
        var made = ported.Bodies().SelectMany(body => body.Nodes).SelectMany(n => n.Output).ToHashSet(StringComparer.Ordinal);
        NodeProto[] nodes = [.. plan.Model.Bodies().SelectMany(body => body.Nodes).Where(n => made.Contains(Result(n)))];
        // A node is told by its first result; others are what some read.
        string[] names = [.. nodes.SelectMany(n => n.Output).Where(made.Contains).Where(n => n.Length > 0).Distinct(StringComparer.Ordinal)];
        using var before = Instrumented(plan.Model, "source", names);
        using var after = Instrumented(ported, "port", names);
        var shown = before.Shown.Join(after.Shown, v => v.Name, v => v.Name, (a, b) => (a.Name, Before: a.Output, After: b.Output), StringComparer.Ordinal).ToArray();
        string[] ofSource = [.. shown.Select(s => s.Before)], ofPort = [.. shown.Select(s => s.After)];
        var sums = shown.ToDictionary(s => s.Name, _ => (Difference: 0.0, Reference: 0.0), StringComparer.Ordinal);
        var (source, target) = (new ModelRunner(before.Session, input.Source.Signature, input.Options.State), new ModelRunner(after.Session, input.Source.Signature, input.Options.State));
        foreach (var run in data.Runs().Take(Samples))
        {
            cancellation.ThrowIfCancellationRequested();
            var (expected, found) = (source.Run(run, ofSource, cancellation), target.Run(run, ofPort, cancellation));
            foreach (var (name, sourceOutput, portOutput) in shown)
            {
                if (expected[sourceOutput] is EngineTensor a && found[portOutput] is EngineTensor b && OutputValues.IsReal(a.Type) && OutputValues.IsReal(b.Type) && a.ElementCount == b.ElementCount)
                {
                    sums[name] = Added(sums[name], OutputValues.Of(a)!, OutputValues.Of(b)!);
                }
            }
        }

        var errors = sums.Where(s => s.Value.Reference > 0).ToDictionary(s => s.Key, s => Math.Sqrt(s.Value.Difference / s.Value.Reference), StringComparer.Ordinal);
        foreach (var pair in input.Options.State)
        {
            // What a state brings along was made by the node that gave it.
            errors.TryAdd(pair.Input, errors.GetValueOrDefault(pair.Output));
        }

        return [.. nodes.Where(n => errors.ContainsKey(Result(n))).Select(n => new LayerError(
            NodeOrder.Label(n), n.OpType, errors[Result(n)], errors[Result(n)] - Causes(n).Select(i => errors.GetValueOrDefault(i)).DefaultIfEmpty(0).Max()))];
    }

    // Outputs that nobody wants have no name, for instance the first of an LSTM of which only the last state is read.
    private static string Result(NodeProto node) => node.Output.FirstOrDefault(name => name.Length > 0) ?? "";

    // What a node with bodies gives is what they give.
    private static IEnumerable<string> Causes(NodeProto node) => node.Input.Concat(node.Attribute.Select(a => a.G).OfType<GraphProto>().SelectMany(g => g.Output).Select(o => o.Name));

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
        using var copy = model.Copy();
        var shown = InnerValues.Show(copy, outputs, ends: false);
        var file = new TemporaryModel(copy, folder, $"{input.Request.Name}-{what}-layers", input.Source.IsExternal);
        try
        {
            return new Instrument(OnnxSession.Open(file.Path, new OnnxSessionOptions { Threads = input.Request.Threads }), shown, file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    private sealed record Instrument(OnnxSession Session, ImmutableArray<ShownValue> Shown, TemporaryModel File) : IDisposable
    {
        public void Dispose()
        {
            Session.Dispose();
            File.Dispose();
        }
    }
}
