using ModelPort.Diagnostics;
using ModelPort.Engines.OnnxRuntime;
using ModelPort.Formats.Onnx;
using ModelPort.Parity;
using ModelPort.Parity.Serving;
using ModelPort.Porting;

namespace ModelPort.Onnx.Parity;

/// <summary>
/// Times and memory of source and port, on the same samples, both as an application loads them: with all of the runtime's own rewriting, each in a process of its
/// own.
/// </summary>
/// <param name="input">The model and the data.</param>
/// <param name="observer">Told the sizes done.</param>
/// <param name="cancellation">Stops the work.</param>
internal sealed class OnnxServing(OnnxInput input, IPortObserver observer, CancellationToken cancellation)
{
    private readonly OnnxSessionOptions _options = new() { Optimization = GraphOptimization.All, Threads = input.Request.Threads };

    /// <summary>Takes times, and asks for memory.</summary>
    /// <param name="port">The port's file.</param>
    /// <param name="hardware">What times are taken on.</param>
    /// <exception cref="ModelPortException">MP3002: a process does not start, or ends; MP3042: the model does not run at a batch size; or ONNX Runtime failed.</exception>
    public (ServingRecord Record, IReadOnlyList<Figure> Figures) Measure(string port, Hardware hardware)
    {
        using var source = Start(input.Source.Model.Path);
        using var ported = Start(port);
        return RunMeasurement.Measure(source, ported, input.ServedSizes, input.Options.BatchSizes.Count > 0, hardware, (done, all) => observer.Progress(new PortProgress("serving", done, all, "batch sizes of source and port")));
    }

    /// <summary>
    /// Nodes of a quantised port that the runtime runs in float all the same, between DequantizeLinear and QuantizeLinear: what makes it slower than its source.
    /// </summary>
    /// <param name="port">The port's file.</param>
    /// <param name="folder">Where the runtime's rewritten graph may lie for the moment.</param>
    /// <exception cref="Engines.EngineException">ONNX Runtime failed.</exception>
    public IReadOnlyList<string> Unfused(string port, string folder)
    {
        var path = Path.Combine(folder, $"{input.Request.Name}-rewritten.onnx{OutputFile.TemporarySuffix}");
        try
        {
            OnnxSession.Open(port, _options with { Optimization = GraphOptimization.Extended, OptimizedModelPath = path }).Dispose();
            using var rewritten = OnnxModel.Open(path);
            var nodes = rewritten.Proto.Graph.Node;
            var dequantised = nodes.Where(n => n.OpType == "DequantizeLinear").SelectMany(n => n.Output).ToHashSet(StringComparer.Ordinal);
            return [.. nodes.Where(n => n.OpType is not ("QuantizeLinear" or "DequantizeLinear") && n.Input.Any(dequantised.Contains)).Select(NodeOrder.Label)];
        }
        finally
        {
            Caching.FileTransfer.TryDelete(path);
        }
    }

    private ServingProcess Start(string path) => new(
        new SampleServingRequest(path, input.Request.Threads, input.Evaluation!.Path, input.Source.Signature, input.Options.State, input.ServedSizes), input.Source.Model.Path, cancellation);
}
