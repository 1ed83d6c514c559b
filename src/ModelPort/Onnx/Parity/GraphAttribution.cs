using ModelPort.Diagnostics;
using ModelPort.Engines;
using ModelPort.Engines.OnnxRuntime;
using ModelPort.Formats.Onnx;
using ModelPort.Onnx.Data;
using ModelPort.Onnx.Transforms;
using ModelPort.Parity;
using ModelPort.Parity.Attribution;

namespace ModelPort.Onnx.Parity;

/// <summary>
/// Measures what the layers of a port of an ONNX model cost by changing one after the other: the form of its graph, its weights, its values, and the kernels that the
/// runtime chooses for it. Each model on the way is run on the same samples and compared with the one before, and with the source.
/// </summary>
/// <param name="context">What stages share.</param>
/// <param name="input">The model and the data.</param>
internal sealed class GraphAttribution(RunContext context, OnnxInput input)
{
    /// <summary>Runs for each change, at most.</summary>
    public const int MostRuns = 512;

    private readonly SampleSet _data = input.Evaluation!;
    private int _done;
    private int _all;

    /// <summary>Measures.</summary>
    /// <param name="port">The port.</param>
    /// <exception cref="ModelPortException">A model on the way cannot be made or written.</exception>
    public AttributionRecord Of(OnnxPortFile port)
    {
        var source = new Rung("source", input.Source.Model.Path, GraphOptimization.None);
        var file = new Rung("port", port.Path, GraphOptimization.None);
        _all = port.Plan is null ? 3 : 5;
        var ofSource = Measured(Layer.Kernels, source, source with { Name = "source as an application loads it", Optimization = GraphOptimization.All }, source);
        GraphStep[] steps = port.Plan is { } plan ? Planned(source, file, plan, port)
            : [Measured(IsRewritten ? Layer.Kernels : Layer.Precision, source, file, source), Kernels(source, file, port)];
        return new AttributionRecord([], WeightErrors.None)
        {
            Graph = new GraphCosts(
                (int)Math.Min(_data.Count, MostRuns * _data.Batch),
                ofSource,
                steps,
                port.Plan is null ? [] : [.. WorstNodes.Of(context, input, port.Plan, port.Name, port.Unrewritten).Take(WorstNodes.MostNamed)]),
        };
    }

    // Whether the port's file is what the runtime made of it.
    private bool IsRewritten => input.Options.Optimize != GraphOptimization.None;

    private GraphStep[] Planned(Rung source, Rung file, OnnxTransformPlan plan, OnnxPortFile port)
    {
        var precision = plan.Request.Precision;
        using var prepared = Written(plan.Model, "prepared");
        using var alone = WeightsAlone.Of(plan, port.Ranges);
        using var weights = Written(alone, "weights");
        using var made = IsRewritten ? port.Unrewritten() : null;
        using var values = made is null ? null : Written(made, "values");
        var (form, narrow) = (new Rung("source prepared", prepared.Path, GraphOptimization.None), new Rung($"weights in {precision}, values float", weights.Path, GraphOptimization.None));
        var whole = values is null ? file : file with { Name = "port before it is rewritten", Path = values.Path };
        var ofForm = Measured(Layer.Graph, source, form, source);
        var ofWeights = Measured(Layer.Weights, form, narrow, source);
        // What cannot be run is no place to go on from.
        var last = ofWeights.Error is not null ? narrow : form;
        return [ofForm, ofWeights, Measured(Layer.Values, last, whole, source), Kernels(source, whole, port)];
    }

    private GraphStep Kernels(Rung source, Rung before, OnnxPortFile port)
    {
        var loaded = new Rung("port as an application loads it", port.Path, port.Optimization);
        return port.Optimization == GraphOptimization.None
            ? new GraphStep(Layer.Kernels, before.Name, loaded.Name, null, null, null, null, "it is made for other hardware than this")
            : Measured(Layer.Kernels, before, loaded, source);
    }

    private TemporaryModel Written(OnnxModel model, string what) =>
        new(model, context.Request.OutputDirectory, $"{input.Request.Name}-{what}", input.Source.IsExternal);

    private GraphStep Measured(Layer layer, Rung before, Rung after, Rung source)
    {
        context.Observer.Progress(new PortProgress("attribution", ++_done, _all, after.Name));
        try
        {
            var (error, fromSource, cosine, accuracy) = Compared(before, after, source);
            return new GraphStep(layer, before.Name, after.Name, error, fromSource, cosine, accuracy);
        }
        catch (EngineException e)
        {
            return new GraphStep(layer, before.Name, after.Name, null, null, null, null, $"ONNX Runtime does not run it ({e.Found.TrimEnd('.')})");
        }
    }

    // Of several outputs the one that is farthest counts.
    private (double? Error, double? FromSource, double? Cosine, double? Accuracy) Compared(Rung before, Rung after, Rung source)
    {
        string[] names = [.. input.Source.Signature.Outputs.Select(o => o.Name)];
        using var reference = new Runner(this, source);
        using var changed = new Runner(this, after);
        using var unchanged = before == source ? null : new Runner(this, before);
        var labels = LabelScore.Of(_data, input.Source.Signature);
        var comparisons = names.ToDictionary(name => name, name => (Before: new OutputComparison(name), Source: new OutputComparison(name)), StringComparer.Ordinal);
        var compared = new HashSet<string>(StringComparer.Ordinal);
        foreach (var run in _data.Runs().Take(MostRuns))
        {
            var (expected, found) = (reference.Run(run, names), changed.Run(run, names));
            var earlier = unchanged?.Run(run, names) ?? expected;
            foreach (var name in names)
            {
                if (Values(expected[name], run) is not { } a || Values(found[name], run) is not { } b || Values(earlier[name], run) is not { } c || a.Length != b.Length || b.Length != c.Length)
                {
                    continue;
                }

                compared.Add(name);
                comparisons[name].Source.AddRun(a, b, run.Count, 0);
                comparisons[name].Before.AddRun(c, b, run.Count, 0);
                if (labels?.Output == name)
                {
                    labels.Add(run, a, b);
                }
            }
        }

        if (compared.Count == 0)
        {
            return default;
        }

        double[] Of(Metric metric, Func<(OutputComparison Before, OutputComparison Source), OutputComparison> which) =>
            [.. compared.Select(name => which(comparisons[name]).Figures(Subject.Port, Reference.Source).Find(metric, Subject.Port, Reference.Source, name)!.Value)];
        return (
            Of(Metric.RelativeOutputError, c => c.Before).Max(),
            Of(Metric.RelativeOutputError, c => c.Source).Max(),
            Of(Metric.CosineSimilarity, c => c.Source).Min(),
            labels?.Figures().Find(Metric.Accuracy, Subject.Port, on: _data.Name)?.Value);
    }

    private double[]? Values(EngineValue value, SampleRun run) => OutputValues.Of(value, run, _data.Batch);

    /// <summary>A model on the way from source to port.</summary>
    private sealed record Rung(string Name, string Path, GraphOptimization Optimization);

    private sealed class Runner : IDisposable
    {
        private readonly OnnxSession _session;
        private readonly ModelRunner _model;
        private readonly CancellationToken _cancellation;

        public Runner(GraphAttribution of, Rung rung)
        {
            _cancellation = of.Cancellation;
            _session = OnnxSession.Open(rung.Path, new OnnxSessionOptions { Threads = of.Input.Request.Threads, Optimization = rung.Optimization });
            _model = new ModelRunner(_session, of.Input.Source.Signature, of.Input.Options.State);
        }

        public IReadOnlyDictionary<string, EngineValue> Run(SampleRun run, string[] outputs) => _model.Run(run, outputs, _cancellation);

        public void Dispose() => _session.Dispose();
    }

    private OnnxInput Input => input;

    private CancellationToken Cancellation => context.Cancellation;
}
