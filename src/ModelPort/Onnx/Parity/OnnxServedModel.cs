using System.Diagnostics;
using ModelPort.Diagnostics;
using ModelPort.Engines;
using ModelPort.Engines.OnnxRuntime;
using ModelPort.Onnx.Data;
using ModelPort.Parity.Serving;

namespace ModelPort.Onnx.Parity;

/// <summary>
/// An ONNX model in this process, which should run nothing else: its memory is the growth of the process since its samples were read. It is loaded as an application
/// loads it, with all of the runtime's own rewriting.
/// </summary>
internal sealed class OnnxServedModel : IServedRuns, IDisposable
{
    // Runs take turns with different samples, as the time of some models depends on them; more than that would only be memory.
    private const int MostSamples = 64;

    private readonly SampleServingRequest _request;
    private readonly string[] _outputs;
    private readonly Dictionary<int, SampleRun[]> _samples;
    private readonly long _before;
    private OnnxSession? _session;
    private ModelRunner? _model;
    private int _next;

    /// <summary>Reads samples.</summary>
    /// <param name="request">What to run.</param>
    /// <exception cref="ModelPortException">MP1081 to MP1085: the data are not those of the model.</exception>
    /// <exception cref="EngineException">ONNX Runtime cannot be loaded.</exception>
    public OnnxServedModel(SampleServingRequest request)
    {
        // The runtime's own library is no memory of the model.
        _ = OnnxSession.Version;
        _request = request;
        _outputs = [.. request.Signature.Outputs.Select(o => o.Name)];
        using (var data = SampleSet.Open(request.Data, request.Signature, [.. request.State.Select(p => p.Input)]))
        {
            _samples = request.Sizes.ToDictionary(size => size, size => data.Batches(size, Math.Max(1, MostSamples / size)).ToArray());
        }

        _before = ProcessMemory.Resident();
    }

    /// <inheritdoc/>
    public double Load()
    {
        _session?.Dispose();
        var start = Stopwatch.GetTimestamp();
        _session = OnnxSession.Open(_request.Model, new OnnxSessionOptions { Optimization = GraphOptimization.All, Threads = Math.Min(_request.Threads, Environment.ProcessorCount) });
        var elapsed = Stopwatch.GetElapsedTime(start);
        _model = new ModelRunner(_session, _request.Signature, _request.State);
        return elapsed.TotalMilliseconds;
    }

    /// <inheritdoc/>
    public IReadOnlyList<double> Run(int size, int count)
    {
        var (samples, times) = (_samples[size], new double[count]);
        for (var i = 0; i < count; i++)
        {
            var sample = samples[_next++ % samples.Length];
            var start = Stopwatch.GetTimestamp();
            try
            {
                _model!.Run(sample, _outputs, CancellationToken.None);
            }
            catch (EngineException e) when (size > 1 && e.Fault is EngineFault.RunFailed or EngineFault.InputRefused)
            {
                throw new ModelPortException(Diagnose.BatchRefused(_request.Model, size, e.Found), e);
            }

            times[i] = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        }

        return times;
    }

    /// <inheritdoc/>
    public long PeakBytes() => ProcessMemory.Peak() - _before;

    /// <inheritdoc/>
    public void Dispose() => _session?.Dispose();
}
