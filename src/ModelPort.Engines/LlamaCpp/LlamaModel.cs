using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using ModelPort.Engines.LlamaCpp.Native;

namespace ModelPort.Engines.LlamaCpp;

/// <summary>A GGUF model that llama.cpp has loaded. Safe to use from any thread; several contexts may share it.</summary>
public sealed class LlamaModel : IDisposable
{
    private readonly Lazy<IReadOnlyDictionary<string, string>> _metadata;

    private LlamaModel(LlamaRuntime runtime, LlamaModelHandle handle, string path, bool vocabularyOnly)
    {
        Runtime = runtime;
        Handle = handle;
        Path = path;
        VocabularyOnly = vocabularyOnly;
        EmbeddingLength = LlamaNative.ModelEmbeddingLength(handle);
        LayerCount = LlamaNative.ModelLayerCount(handle);
        TrainingContextLength = LlamaNative.ModelTrainingContext(handle);
        ParameterCount = (long)LlamaNative.ModelParameterCount(handle);
        SizeBytes = (long)LlamaNative.ModelSize(handle);
        Description = ReadDescription(handle);
        Vocabulary = new LlamaVocabulary(handle, path);
        _metadata = new(ReadMetadata);
    }

    /// <summary>The runtime that loaded it.</summary>
    public LlamaRuntime Runtime { get; }

    /// <summary>The file, as it was named.</summary>
    public string Path { get; }

    /// <summary>Whether only the vocabulary was loaded.</summary>
    public bool VocabularyOnly { get; }

    /// <summary>The number of tokens in the vocabulary, and so of logits a position.</summary>
    public int VocabularySize => Vocabulary.Size;

    /// <summary>The width of the residual stream.</summary>
    public int EmbeddingLength { get; }

    /// <summary>The number of blocks.</summary>
    public int LayerCount { get; }

    /// <summary>The context length, in tokens, that the model was trained with.</summary>
    public int TrainingContextLength { get; }

    /// <summary>The number of weights.</summary>
    public long ParameterCount { get; }

    /// <summary>The bytes of all tensors.</summary>
    public long SizeBytes { get; }

    /// <summary>llama.cpp's words for the model, such as "llama 8B Q4_K - Medium".</summary>
    public string Description { get; }

    /// <summary>The vocabulary and tokeniser.</summary>
    public LlamaVocabulary Vocabulary { get; }

    /// <summary>The scalar header values by key, as llama.cpp prints them; arrays are not among them.</summary>
    /// <exception cref="ObjectDisposedException">First read after the model was disposed.</exception>
    public IReadOnlyDictionary<string, string> Metadata => _metadata.Value;

    internal LlamaModelHandle Handle { get; }

    /// <summary>Loads a GGUF file; its tensors are mapped, so the file must not change while it is loaded.</summary>
    /// <param name="runtime">The loaded runtime.</param>
    /// <param name="path">The file.</param>
    /// <param name="options">Options, or null for the defaults.</param>
    /// <exception cref="EngineException">llama.cpp refuses the file; <see cref="EngineException.NativeLog"/> says why.</exception>
    /// <exception cref="OperationCanceledException">The load was cancelled.</exception>
    public static unsafe LlamaModel Load(LlamaRuntime runtime, string path, LlamaModelOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(runtime);
        options ??= new LlamaModelOptions();
        options.CancellationToken.ThrowIfCancellationRequested();

        var terminatedPath = NativeText.Terminated(path, nameof(path));
        using (var header = GgufHeader.Open(terminatedPath))
        {
            if (header is not null)
            {
                HeaderGuard.Check(header, path);
            }
        }

        var log = runtime.Log.Position;
        var progress = new LoadProgress(options.Progress, options.CancellationToken);
        var pinned = GCHandle.Alloc(progress);
        nint model;
        try
        {
            var parameters = runtime.Libraries.Abi.Model;
            parameters.GpuLayers = 0;
            parameters.VocabularyOnly = options.VocabularyOnly ? (byte)1 : (byte)0;
            parameters.CheckTensors = options.CheckTensors ? (byte)1 : (byte)0;
            parameters.Progress = &OnProgress;
            parameters.ProgressData = (void*)GCHandle.ToIntPtr(pinned);
            fixed (byte* name = terminatedPath)
            {
                model = LlamaNative.ModelLoad(name, parameters);
            }
        }
        finally
        {
            pinned.Free();
        }

        // Whatever the library returns after a stop, it is not wanted.
        using var handle = new Owned<LlamaModelHandle>(new LlamaModelHandle(model));
        progress.ThrowIfStopped();
        if (model == 0)
        {
            var problems = runtime.Log.ProblemsSince(log);
            throw new EngineException(
                NativeFaults.IsOutOfMemory(problems) ? EngineFault.OutOfMemory : EngineFault.ModelRefused, path,
                File.Exists(path) ? "llama.cpp refuses the file" : "no such file", "a complete GGUF model that llama.cpp knows", null, problems);
        }

        return new LlamaModel(runtime, handle.Release(), path, options.VocabularyOnly);
    }

    /// <summary>Frees the model once the contexts made from it are disposed too.</summary>
    public void Dispose() => Handle.Dispose();

    private static unsafe string ReadDescription(LlamaModelHandle handle) =>
        NativeText.Read((buffer, size) => LlamaNative.ModelDescription(handle, buffer, size)) ?? "";

    private unsafe Dictionary<string, string> ReadMetadata()
    {
        var metadata = new Dictionary<string, string>(StringComparer.Ordinal);
        var count = LlamaNative.MetadataCount(Handle);
        for (var i = 0; i < count; i++)
        {
            var index = i;
            var key = NativeText.Read((buffer, size) => LlamaNative.MetadataKey(Handle, index, buffer, size));
            var value = NativeText.Read((buffer, size) => LlamaNative.MetadataValue(Handle, index, buffer, size));
            if (key is not null && value is not null)
            {
                metadata[key] = value;
            }
        }

        return metadata;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static unsafe byte OnProgress(float fraction, void* data) =>
        ((LoadProgress)GCHandle.FromIntPtr((nint)data).Target!).Report(fraction) ? (byte)1 : (byte)0;

    /// <summary>Carries progress out of native code and the wish to stop into it.</summary>
    private sealed class LoadProgress(Action<float>? callback, CancellationToken cancellationToken)
    {
        private ExceptionDispatchInfo? _failure;
        private bool _cancelled;

        public bool Report(float fraction)
        {
            try
            {
                callback?.Invoke(fraction);
            }
            catch (Exception error)
            {
                // An exception must not unwind into native frames; it is thrown once they have returned.
                _failure = ExceptionDispatchInfo.Capture(error);
                return false;
            }

            _cancelled = cancellationToken.IsCancellationRequested;
            return !_cancelled;
        }

        public void ThrowIfStopped()
        {
            _failure?.Throw();
            if (_cancelled)
            {
                throw new OperationCanceledException(cancellationToken);
            }
        }
    }
}
