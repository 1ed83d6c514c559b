using ModelPort.Caching;
using ModelPort.Checkpoints;
using ModelPort.Diagnostics;
using ModelPort.Onnx.Data;

namespace ModelPort.Onnx;

/// <summary>What all work on an ONNX model shares: ports, validations and releases before that are measured again.</summary>
internal static class OnnxContext
{
    /// <summary>What stages share.</summary>
    /// <param name="input">The model and its data.</param>
    /// <param name="store">What was made before.</param>
    /// <param name="observer">Told warnings and progress.</param>
    /// <param name="cancellation">Stops the work.</param>
    /// <exception cref="Engines.EngineException">ONNX Runtime cannot be loaded.</exception>
    public static RunContext Of(OnnxInput input, ContentStore store, IPortObserver observer, CancellationToken cancellation)
    {
        var hashes = new HashMemo(store);
        var source = new SourceIdentity(input.Source.Folder, input.Source.Files, hashes, input.Request.Threads, observer, cancellation);
        return new RunContext(input.Request, source, hashes, OnnxEngine.Record, OnnxEngine.CpuBackend, store, observer, cancellation);
    }

    /// <summary>One hash of all files of data: that of the only one, or of all with their places beside the one that was named.</summary>
    public static string HashOf(RunContext context, SampleSet data) => data.Files is [var only]
        ? context.Hashes.HashOf(only, context.Cancellation)
        : SourceHash.Of(data.Files.Select(f => (Path.GetRelativePath(Path.GetDirectoryName(data.Path)!, f).Replace('\\', '/'), context.Hashes.HashOf(f, context.Cancellation)))).Value;
}
