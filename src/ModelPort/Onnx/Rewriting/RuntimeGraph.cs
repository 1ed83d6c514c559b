using System.Globalization;
using ModelPort.Caching;
using ModelPort.Engines.OnnxRuntime;
using ModelPort.Formats.Onnx;
using ModelPort.Porting;

namespace ModelPort.Onnx.Rewriting;

/// <summary>
/// The graph that ONNX Runtime makes of a model before it runs it. Whoever wants to see it or keep it comes here. Levels end at
/// <see cref="GraphOptimization.Extended"/>: what is above depends on the processor.
/// </summary>
/// <param name="folder">Where temporary files go.</param>
/// <param name="name">What they are called; they end as all temporary files do, so that nothing of a killed run stays.</param>
internal sealed class RuntimeGraph(string folder, string name) : IDisposable
{
    // Values of shapes, scales and zero points are looked at; a tensor of more is only a weight.
    private const int HollowBytes = 1 << 16;
    private const int ExternalBytes = 1 << 10;
    private const string NullDevice = "/dev/null";
    private static readonly byte[] Zeros = new byte[1 << 16];

    private readonly string _made = Path.Combine(folder, $"{name}-rewritten.onnx{OutputFile.TemporarySuffix}");
    private readonly string _madeWeights = $"{name}-rewritten.data{OutputFile.TemporarySuffix}";

    /// <summary>The rewritten graph, to be looked at: its weights are not there.</summary>
    /// <remarks>
    /// What is rewritten is a model with zeros for weights, as nodes are fused for their operators, types and shapes, whatever the weights are. So the time and
    /// memory that it takes follow the graph.
    /// </remarks>
    /// <param name="model">The model.</param>
    /// <param name="level">How far it is rewritten.</param>
    /// <exception cref="Engines.EngineException">ONNX Runtime refuses the model.</exception>
    public OnnxModel Seen(OnnxModel model, GraphOptimization level)
    {
        using var hollow = model.Copy();
        var isExternal = Hollow(hollow);
        try
        {
            LeadNowhere(Path.Combine(folder, _madeWeights));
            Rewrite(hollow, isExternal, level);
            using var stream = File.OpenRead(_made);
            return OnnxModel.Create(ModelProto.Parser.ParseFrom(stream));
        }
        finally
        {
            Dispose();
        }
    }

    /// <summary>The rewritten model with its weights, in temporary files that are there until this is disposed.</summary>
    /// <param name="model">The model.</param>
    /// <param name="level">How far it is rewritten.</param>
    /// <exception cref="Engines.EngineException">ONNX Runtime refuses the model.</exception>
    /// <exception cref="Formats.InvalidModelFileException">What it made is no model.</exception>
    public OnnxModel Kept(OnnxModel model, GraphOptimization level)
    {
        Rewrite(model, true, level);
        return OnnxModel.Open(_made);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        FileTransfer.TryDelete(_made);
        FileTransfer.TryDelete(Path.Combine(folder, _madeWeights));
    }

    private void Rewrite(OnnxModel model, bool isExternal, GraphOptimization level)
    {
        using var given = new TemporaryModel(model, folder, $"{name}-given", isExternal);
        OnnxSession.Open(given.Path, new OnnxSessionOptions
        {
            Optimization = level,
            Threads = 1,
            OptimizedModelPath = _made,
            Entries = new Dictionary<string, string>
            {
                ["session.optimized_model_external_initializers_file_name"] = _madeWeights,
                ["session.optimized_model_external_initializers_min_size_in_bytes"] = ExternalBytes.ToString(CultureInfo.InvariantCulture),
                // Nothing is run.
                ["session.disable_prepacking"] = "1",
            },
        }).Dispose();
    }

    // Tensors of one size are one content, which is in the file once.
    private static bool Hollow(OnnxModel model)
    {
        var contents = new Dictionary<long, OnnxContent>();
        foreach (var weight in model.Weights().Where(w => w is { Place: WeightPlace.Initializer, Type: not (DataType.String or DataType.Int64 or DataType.Bool) } && w.ByteLength >= HollowBytes))
        {
            var length = weight.ByteLength;
            weight.Replace(weight.Type, weight.Shape.AsSpan(), contents.TryGetValue(length, out var zeros) ? zeros : contents[length] = OnnxContent.Computed(length, stream => Fill(stream, length)));
        }

        return contents.Count > 0;
    }

    private static void Fill(Stream stream, long length)
    {
        for (; length > 0; length -= Zeros.Length)
        {
            stream.Write(Zeros, 0, (int)Math.Min(length, Zeros.Length));
        }
    }

    // The runtime writes weights that nobody reads. Where a link to the null device can be made, they take no room and hardly any time.
    private static void LeadNowhere(string path)
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        try
        {
            File.CreateSymbolicLink(path, NullDevice);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
        }
    }
}
