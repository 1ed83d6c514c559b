using ModelPort.Choosing;
using ModelPort.Diagnostics;
using ModelPort.Engines;
using ModelPort.Engines.LlamaCpp;
using ModelPort.Formats.Gguf;
using ModelPort.Porting;

namespace ModelPort.Parity.Attribution;

/// <summary>
/// Measures what the layers of a port cost by changing one at a time in the source: its header, each group of tensors, all tensors, and at last the port as it
/// is. All are compared with the source in the same arithmetic, so that a change of nothing costs nothing.
/// </summary>
/// <param name="request">Threads, and the folder for a copy of the source.</param>
/// <param name="runtime">llama.cpp.</param>
/// <param name="text">The tokens of the evaluation text.</param>
/// <param name="windowLength">Tokens of a window of the evaluation; those here are not longer.</param>
/// <param name="observer">Told the tokens done.</param>
/// <param name="cancellation">Stops the work.</param>
internal sealed class LayerMeasurement(PortRequest request, LlamaRuntime runtime, int[] text, int windowLength, IPortObserver observer, CancellationToken cancellation)
{
    private const int MostTensors = 20;

    /// <summary>Measures a port.</summary>
    /// <param name="source">The source as GGUF, at its own precision.</param>
    /// <param name="port">The port.</param>
    /// <param name="common">The tensors that both have.</param>
    /// <param name="changed">The tensors that are not, value by value, the source's own.</param>
    /// <param name="header">The keys that differ.</param>
    /// <returns>The costs of header, weights and arithmetic, and of the tensors.</returns>
    /// <exception cref="ModelPortException">MP2001 or MP2002: the copy cannot be written; MP3002: the source gives NaN.</exception>
    /// <exception cref="EngineException">llama.cpp refused a file or failed.</exception>
    public LayerCosts Run(
        GgufShards source, GgufShards port, IReadOnlyList<(GgufTensor Source, GgufTensor Port)> common, IReadOnlyList<string> changed, IReadOnlyList<HeaderDifference> header)
    {
        var ofPort = common.ToDictionary(t => t.Port.Name, t => t.Port, StringComparer.Ordinal);
        string[] names = [.. common.Select(t => t.Source.Name).Intersect(changed)];
        var groups = TensorGroups.Of(names);
        string[] keys = [.. header.Where(h => h.Part == HeaderPart.Model).Select(h => h.Key)];

        // The source, its header's change, the groups, all of them, and the port.
        var evaluations = groups.Count + (names.Length > 0 ? 1 : 0) + (keys.Length > 0 ? 1 : 0) + 2;
        var path = Path.Combine(request.OutputDirectory, request.Name + "-layers.gguf");
        using var copy = new ScratchModel(source, source.Metadata, path, cancellation);
        long done = 0, total = 0;
        var what = "the source";
        void Advance(int tokens) => observer.Progress(new PortProgress("attribution", Interlocked.Add(ref done, tokens), total, what));
        OutputFile record;
        TokenWindows windows;
        int vocabulary;
        using (var model = Load(copy.Path))
        {
            vocabulary = model.Model.VocabularySize;
            windows = ShortWindows.Cut(model.Model.Vocabulary, text, Math.Min(ShortWindows.MostLength, windowLength), evaluations);
            total = windows.Tokens * evaluations;
            record = RecordedLogits.Record(
                Path.Combine(request.OutputDirectory, request.Name + "-layers-logits.safetensors"),
                windows,
                vocabulary,
                request.Source,
                (reader, log) => model.Run(windows, LlamaCacheType.F16, reader, Advance, cancellation, log));
        }

        using var _ = record;
        using var logits = RecordedLogits.Open(record.TemporaryPath, vocabulary);
        double Divergence(string file, string name)
        {
            what = name;
            using var model = Load(file);
            return LogitComparison.Run(logits, model, LlamaCacheType.F16, Advance, cancellation).Positions.Average(p => (double)p.Divergence);
        }

        var ofAll = Divergence(port.Path, "the port");
        var costs = new List<TensorCost>(groups.Count);
        foreach (var group in groups)
        {
            string[] members = [.. group.Select(i => names[i])];
            Array.ForEach(members, name => copy.Put(port, ofPort[name]));
            var divergence = Divergence(copy.Path, members[0]);
            Array.ForEach(members, copy.Restore);
            costs.Add(new TensorCost(members, divergence, ofAll > 0 ? divergence / ofAll : 0));
        }

        double? ofWeights = 0;
        if (names.Length > 0)
        {
            Array.ForEach(names, name => copy.Put(port, ofPort[name]));
            ofWeights = Divergence(copy.Path, "all tensors");
        }

        var ofHeader = keys.Length == 0 ? 0 : WithHeader(source, port.Metadata, path, file => Divergence(file, "the header"));
        return new LayerCosts(
            windows.Length,
            windows.Count,
            ofAll,
            [
                new LayerStep(Layer.Header, "source", keys.Length == 0 ? "the same in every key that changes what is computed" : "source with the port's " + string.Join(", ", keys), ofHeader, ofHeader is null ? "llama.cpp cannot run the source's weights behind it" : null),
                new LayerStep(Layer.Weights, "source", "source with the port's weights", ofWeights),
                new LayerStep(Layer.Arithmetic, "source with the port's header and weights", "port", ofAll - ofHeader - ofWeights, ofHeader is null ? "the header was not" : null),
            ],
            groups.Count,
            [.. costs.OrderByDescending(c => double.IsNaN(c.Divergence) ? double.PositiveInfinity : c.Divergence).Take(MostTensors)]);
    }

    // Its own copy, as a header of another length moves every tensor.
    private double? WithHeader(GgufShards source, GgufMetadata header, string path, Func<string, double> divergence)
    {
        try
        {
            using var copy = new ScratchModel(source, header, path + ".header", cancellation);
            return divergence(copy.Path);
        }
        catch (Exception e) when (e is ArgumentException or EngineException { Fault: EngineFault.ModelRefused or EngineFault.DecodeFailed })
        {
            return null;
        }
    }

    private Evaluator Load(string path) => new(runtime, path, request.Threads, request.MemoryBudget, cancellation);
}
