using ModelPort.Diagnostics;
using ModelPort.Engines;
using ModelPort.Engines.OnnxRuntime;
using ModelPort.Formats.Onnx;
using ModelPort.Manifests;
using ModelPort.Onnx.Transforms;

namespace ModelPort.Onnx.Rewriting;

/// <summary>The part of making a port that is about kernels: it has ONNX Runtime rewrite the graph where that is asked for, and takes down which operators run.</summary>
/// <param name="input">The model and the plan.</param>
internal sealed class KernelStage(OnnxInput input)
{
    private const GraphOptimization Seen = GraphOptimization.Extended;

    private readonly Lazy<(SortedDictionary<string, int>? Runs, string? NotKnown)> _source = new(() => Look(input, input.Source.Model, "source", out _));

    /// <summary>Has a port rewritten, if that is asked for.</summary>
    /// <param name="model">The port as it would be without.</param>
    /// <param name="output">The port.</param>
    /// <param name="write">Writes what it is given.</param>
    /// <returns>What <paramref name="write"/> returned.</returns>
    /// <exception cref="ModelPortException">ONNX Runtime refuses the model, or made something of it that is no port (MP2110).</exception>
    public T Rewritten<T>(OnnxModel model, OnnxOutput output, Func<OnnxModel, T> write)
    {
        if (input.Options.Optimize == GraphOptimization.None)
        {
            return write(model);
        }

        using var graph = new RuntimeGraph(input.Request.OutputDirectory, output.FileName);
        try
        {
            using var made = graph.Kept(model, input.Options.Optimize);
            KeptGraph.Tidy(made, model, input.Source.Model.Path);
            return write(made);
        }
        catch (EngineException e)
        {
            throw new ModelPortException(Diagnose.From(e, input.Source.Model.Path), e);
        }
    }

    /// <summary>Which operators are in source and port, and which run.</summary>
    /// <param name="port">The port as it is written.</param>
    /// <param name="census">What it is made of.</param>
    /// <param name="name">What it is called.</param>
    /// <param name="optimization">How far the runtime may rewrite it here.</param>
    /// <param name="isFloat8">Whether its precision is FP8, which is for TensorRT alone.</param>
    public KernelRecord Record(OnnxModel port, ModelCensus census, string name, GraphOptimization optimization, bool isFloat8)
    {
        var record = new KernelRecord
        {
            Optimized = input.Options.Optimize == GraphOptimization.None ? null : OnnxOptions.NameOf(input.Options.Optimize),
            Source = input.Source.Census.NodesByOperator,
            Port = census.NodesByOperator,
        };
        if (optimization != GraphOptimization.All)
        {
            return record with { NotKnown = $"a port for {(isFloat8 ? OnnxHardware.TensorRT : input.Options.Hardware)} runs otherwise than on the processor that built it" };
        }

        var (source, unknown) = _source.Value;
        var (runs, ofPort) = Look(input, port, name, out var unfused);
        return record with { SourceRuns = source, PortRuns = runs, Unfused = unfused, NotKnown = ofPort ?? unknown };
    }

    // A model that the runtime refuses is refused where it is measured, and may be ported without.
    private static (SortedDictionary<string, int>?, string?) Look(OnnxInput input, OnnxModel model, string name, out IReadOnlyList<UnfusedRecord> unfused)
    {
        try
        {
            using var graph = new RuntimeGraph(input.Request.OutputDirectory, $"{input.Request.Name}-{name}");
            using var seen = graph.Seen(model, Seen);
            unfused = OperatorCensus.Unfused(seen);
            return (OperatorCensus.Running(seen), null);
        }
        catch (EngineException e)
        {
            unfused = [];
            return (null, e.Found);
        }
    }
}
