using ModelPort.Diagnostics;
using ModelPort.Parity;
using ModelPort.Parity.Serving;

namespace ModelPort.Onnx.Parity;

/// <summary>Times and memory of a port.</summary>
/// <param name="Record">How they were taken.</param>
/// <param name="Figures">The numbers, of source and port.</param>
internal sealed record ServedPort(ServingRecord Record, IReadOnlyList<Figure> Figures);

/// <summary>
/// Times and memory of source and port, on the same samples, both as an application loads them: with all of the runtime's own rewriting, each in a process of its
/// own.
/// </summary>
/// <param name="input">The model and the data.</param>
/// <param name="observer">Told the sizes done.</param>
/// <param name="cancellation">Stops the work.</param>
internal sealed class OnnxServing(OnnxInput input, IPortObserver observer, CancellationToken cancellation)
{
    /// <summary>Takes times, and asks for memory.</summary>
    /// <param name="port">The port's file.</param>
    /// <param name="hardware">What times are taken on.</param>
    /// <exception cref="ModelPortException">MP3002: a process does not start, or ends; MP3042: the model does not run at a batch size; or ONNX Runtime failed.</exception>
    public ServedPort Measure(string port, Hardware hardware)
    {
        using var source = Start(input.Source.Model.Path);
        using var ported = Start(port);
        var (record, figures) = RunMeasurement.Measure(source, ported, input.ServedSizes, input.Options.BatchSizes.Count > 0, hardware, (done, all) => observer.Progress(new PortProgress("serving", done, all, "batch sizes of source and port")));
        return new ServedPort(record, figures);
    }

    private ServingProcess Start(string path) => new(
        new SampleServingRequest(path, input.Request.Threads, input.Evaluation!.Path, input.Source.Signature, input.Options.State, input.ServedSizes), input.Source.Model.Path, cancellation);
}
