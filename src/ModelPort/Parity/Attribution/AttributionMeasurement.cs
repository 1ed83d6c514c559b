using ModelPort.Diagnostics;
using ModelPort.Engines.LlamaCpp;
using ModelPort.Formats.Gguf;
using ModelPort.Planning;

namespace ModelPort.Parity.Attribution;

/// <summary>
/// Finds where ports differ from their source. Headers and weights are always compared, as one read of the files costs little beside an evaluation, so that a
/// missed budget names a layer; what each layer costs is measured when it is asked for.
/// </summary>
/// <param name="request">Threads, and whether costs are asked for.</param>
/// <param name="runtime">llama.cpp.</param>
/// <param name="sample">The evaluation text.</param>
/// <param name="observer">Told the tokens done.</param>
/// <param name="cancellation">Stops the work.</param>
internal sealed class AttributionMeasurement(PortRequest request, LlamaRuntime runtime, TextSample sample, IPortObserver observer, CancellationToken cancellation)
{
    /// <summary>Looks at every port of a source.</summary>
    /// <param name="sourcePath">The source as GGUF, at its own precision.</param>
    /// <param name="portPaths">The ports.</param>
    /// <param name="figures">The figures of each.</param>
    public IReadOnlyList<AttributionRecord> Run(string sourcePath, IReadOnlyList<string> portPaths, IReadOnlyList<IReadOnlyList<Figure>> figures)
    {
        using var source = GgufShards.Open(sourcePath);
        AttributionRecord[] records = [.. portPaths.Select(p => Compare(source, p))];
        if (!request.Attribute)
        {
            return records;
        }

        var ports = portPaths.Select((path, i) => Known(path, figures[i].Find(Metric.MeanDivergence, Subject.Port, Reference.Source)?.Value)).ToArray();
        return [.. records.Select((r, i) => r with { Costs = r.Costs! with { Steps = [RuntimeStep(source, figures[i]), .. r.Costs.Steps, .. PrecisionSteps(source, ports, ports[i])] } })];
    }

    private AttributionRecord Compare(GgufShards source, string portPath)
    {
        using var port = GgufShards.Open(portPath);
        var header = HeaderComparison.Of(source.Metadata, port.Metadata);
        var weights = new WeightComparison(source, port, request, cancellation);
        var (errors, changed) = weights.Run();
        return new AttributionRecord(header, errors)
        {
            Costs = request.Attribute
                ? new LayerMeasurement(request, runtime, sample.Tokens, sample.Windows.Length, observer, cancellation).Run(source, port, weights.Common, changed, header)
                : null,
        };
    }

    private static LayerStep RuntimeStep(GgufShards source, IReadOnlyList<Figure> figures) =>
        figures.Find(Metric.MeanDivergence, Subject.Source, Reference.ReferenceOutputs) is { } figure
            ? new LayerStep(Layer.Runtime, "ReferenceOutputs", $"{NameOf(source)} on llama.cpp", figure.Value)
            : new LayerStep(Layer.Runtime, "the framework of origin", $"{NameOf(source)} on llama.cpp", null, "there are no ReferenceOutputs");

    // From the source to the largest port of the item, and from there to each smaller one.
    private static IEnumerable<LayerStep> PrecisionSteps(GgufShards source, IReadOnlyList<Measured> ports, Measured port)
    {
        yield return new LayerStep(Layer.Precision, NameOf(source), port.Name, port.Divergence);
        if (ports.Where(p => p.Bytes > port.Bytes).MinBy(p => p.Bytes) is { } larger)
        {
            yield return new LayerStep(Layer.Precision, larger.Name, port.Name, port.Divergence - larger.Divergence);
        }
    }

    private static Measured Known(string path, double? divergence)
    {
        using var port = GgufShards.Open(path);
        return new Measured(NameOf(port), port.FileLength, divergence);
    }

    private static string NameOf(GgufShards file) =>
        file.Metadata.TryGetInt64("general.file_type", out var type) && Precision.All.FirstOrDefault(p => p.FileType == type) is { } precision ? precision.Name : "port";

    private sealed record Measured(string Name, long Bytes, double? Divergence);
}
