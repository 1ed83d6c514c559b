using ModelPort.Diagnostics;
using ModelPort.Engines.OnnxRuntime;
using ModelPort.Onnx.Data;
using ModelPort.Parity;
using ModelPort.Parity.Tasks;

namespace ModelPort.Onnx.Parity;

/// <summary>
/// Runs source and port on the same samples, one run after the other, and compares their outputs. The source runs as its file is, with no optimisation; the
/// port runs as an application loads it, so that what the runtime's own rewriting and kernels do to it is measured.
/// </summary>
/// <param name="input">The model and the data.</param>
/// <param name="dataSha256">SHA-256 of the data.</param>
/// <param name="observer">Told the samples done.</param>
/// <param name="cancellation">Stops the work.</param>
internal sealed class OnnxMeasurement(OnnxInput input, string dataSha256, IPortObserver observer, CancellationToken cancellation)
{
    private readonly SampleSet _data = input.Evaluation!;
    private readonly OnnxSignature _signature = input.Source.Signature;

    /// <summary>Measures a port.</summary>
    /// <param name="port">Its file.</param>
    /// <param name="optimization">How far the runtime may rewrite it.</param>
    /// <exception cref="Engines.EngineException">ONNX Runtime refused a model or failed.</exception>
    /// <exception cref="ModelPortException">The port's outputs have other shapes, or the data do not fit.</exception>
    public (IReadOnlyList<Figure> Figures, IReadOnlyList<TaskParity> Tasks) Measure(string port, GraphOptimization optimization)
    {
        using var sourceSession = OnnxSession.Open(input.Source.Model.Path, new OnnxSessionOptions { Threads = input.Request.Threads });
        using var portSession = OnnxSession.Open(port, new OnnxSessionOptions { Threads = input.Request.Threads, Optimization = optimization });
        var (source, ported) = (new ModelRunner(sourceSession, _signature, input.Options.State), new ModelRunner(portSession, _signature, input.Options.State));
        OutputTrack[] tracks = [.. _signature.Outputs.Select(o => new OutputTrack(o, _data))];
        var labels = LabelScore.Of(_data, _signature);
        string[] names = [.. _signature.Outputs.Select(o => o.Name)];
        foreach (var run in _data.Runs())
        {
            cancellation.ThrowIfCancellationRequested();
            var (expected, found) = (source.Run(run, names, cancellation), ported.Run(run, names, cancellation));
            foreach (var track in tracks)
            {
                var (a, b) = (OutputValues.Of(expected[track.Name], run, _data.Batch), OutputValues.Of(found[track.Name], run, _data.Batch));
                if (a is null || b is null)
                {
                    continue;
                }

                if (a.Length != b.Length)
                {
                    throw new ModelPortException(Diagnose.Unmeasurable(input.Source.Model.Path, $"the output '{track.Name}' of the port has {b.Length} values for a run where its source has {a.Length}"));
                }

                track.Add(run, a, b);
                if (labels?.Output == track.Name)
                {
                    labels.Add(run, a, b);
                }
            }

            observer.Progress(new PortProgress("comparison", run.First + run.Count, _data.Count, _data.Name));
        }

        return ([.. tracks.SelectMany(t => t.Figures()), .. labels?.Figures() ?? []], labels?.Parity(dataSha256) is { } task ? [task] : []);
    }

    /// <summary>One output: the port against the source, and both against what another program computed.</summary>
    private sealed class OutputTrack(OnnxPin output, SampleSet data)
    {
        private readonly OutputComparison _source = new(output.Name);
        private readonly DataColumn? _reference = data.References.GetValueOrDefault(output.Name);
        private readonly OutputComparison _portToReference = new(output.Name);
        private readonly OutputComparison _sourceToReference = new(output.Name);
        private bool _any;

        public string Name => output.Name;

        public void Add(SampleRun run, double[] source, double[] port)
        {
            _any = true;
            var reference = _reference is null ? null : OutputValues.Of(data.Read(_reference, run.First, run.Count));
            if (reference is not null && reference.Length != source.Length)
            {
                throw new ModelPortException(Diagnose.DataUnfit(data.Path, _reference!.Name, _reference.ToString(), output.Name, $"{source.Length} values for {run.Count} samples"));
            }

            var classes = Classes(source.Length / run.Count);
            _source.AddRun(source, port, run.Count, classes);
            if (reference is not null)
            {
                _portToReference.AddRun(reference, port, run.Count, classes);
                _sourceToReference.AddRun(reference, source, run.Count, classes);
            }
        }

        public IEnumerable<Figure> Figures() => !_any ? [] :
        [
            .. _source.Figures(Subject.Port, Reference.Source),
            .. _reference is null ? [] : _portToReference.Figures(Subject.Port, Reference.ReferenceOutputs).Concat(_sourceToReference.Figures(Subject.Source, Reference.ReferenceOutputs)),
        ];

        // The last dimension of real numbers is taken for classes; where it is open, all values of a sample are.
        private int Classes(int each)
        {
            var last = output.Dimensions is [.., var size] ? size : -1;
            return !OutputValues.IsReal(output.Type) ? 0 : last > 1 && each % last == 0 ? (int)last : last < 0 ? each : 0;
        }
    }
}
