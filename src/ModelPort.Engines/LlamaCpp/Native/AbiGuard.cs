using System.Globalization;
using System.Runtime.InteropServices;

namespace ModelPort.Engines.LlamaCpp.Native;

/// <summary>
/// Proves that libraries are the ones whose layouts this binding knows: version, commit, and the defaults of the three
/// parameter structs, each at its offset. Works on addresses, before any import is bound.
/// </summary>
internal sealed unsafe class AbiGuard
{
    public const string Version = "0.5.0";
    public const string GgmlVersion = "0.25.1";
    public const string Commit = "0ad4a86";
    public const string Remedy = "Use the libraries that this version of ModelPort pins in build/native.";

    // The release build of llama.cpp reports itself with this suffix.
    private const string VersionSuffix = "-dev";
    private const int TypeUnset = 43;

    private AbiGuard(LlamaModelParams model, LlamaContextParams context, LlamaQuantizeParams quantize, TensorGuard tensors)
    {
        Model = model;
        Context = context;
        Quantize = quantize;
        Tensors = tensors;
    }

    /// <summary>llama_model_default_params.</summary>
    public LlamaModelParams Model { get; }

    /// <summary>llama_context_default_params.</summary>
    public LlamaContextParams Context { get; }

    /// <summary>llama_model_quantize_default_params.</summary>
    public LlamaQuantizeParams Quantize { get; }

    /// <summary>The operations by which products are told from other graph nodes.</summary>
    public TensorGuard Tensors { get; }

    /// <exception cref="EngineException">Something differs; the message says what.</exception>
    public static AbiGuard Check(LlamaLibraries libraries, LlamaPlatform platform)
    {
        ExpectText(libraries, platform, LlamaLibraries.GgmlBase, "ggml_version", GgmlVersion);
        ExpectText(libraries, platform, LlamaLibraries.GgmlBase, "ggml_commit", Commit);
        ExpectText(libraries, platform, LlamaLibraries.Llama, "llama_version", Version + VersionSuffix);
        ExpectSameGgml(libraries, platform);

        var model = ((delegate* unmanaged[Cdecl]<ModelProbe>)Function("llama_model_default_params"))().Value;
        var context = ((delegate* unmanaged[Cdecl]<ContextProbe>)Function("llama_context_default_params"))().Value;
        var quantize = ((delegate* unmanaged[Cdecl]<QuantizeProbe>)Function("llama_model_quantize_default_params"))().Value;
        (string Field, double Found, double Expected)[] fields =
        [
            ("sizeof(llama_model_params)", sizeof(LlamaModelParams), 80),
            ("n_gpu_layers", model.GpuLayers, -1), ("split_mode", model.SplitMode, 1), ("load_mode", model.LoadMode, -1),
            ("lazy_mode", model.LazyMode, 1), ("main_gpu", model.MainGpu, 0), ("progress_callback", (nint)model.Progress, 0),
            ("vocab_only", model.VocabularyOnly, 0), ("check_tensors", model.CheckTensors, 0), ("use_extra_bufts", model.UseExtraBuffers, 1),
            ("no_host", model.NoHost, 0), ("no_alloc", model.NoAllocation, 0),
            ("sizeof(llama_context_params)", sizeof(LlamaContextParams), 160),
            ("n_ctx", context.ContextLength, 512), ("n_batch", context.BatchSize, 2048), ("n_ubatch", context.MicroBatchSize, 512),
            ("n_seq_max", context.Sequences, 1), ("n_rs_seq", context.RecurrentSnapshots, 0), ("n_outputs_max", context.MaxOutputs, 0),
            ("n_outputs_max_per_seq", context.MaxOutputsPerSequence, 1), ("n_threads", context.Threads, 4),
            ("n_threads_batch", context.BatchThreads, 4), ("rope_scaling_type", context.RopeScalingType, -1),
            ("pooling_type", context.PoolingType, -1), ("attention_type", context.AttentionType, -1), ("flash_attn_type", context.FlashAttention, -1),
            ("yarn_ext_factor", context.YarnExtensionFactor, -1), ("yarn_beta_slow", context.YarnBetaSlow, -1),
            ("defrag_thold", context.DefragmentationThreshold, -1), ("cb_eval", (nint)context.Evaluation, 0),
            ("type_k", context.KeyType, 1), ("type_v", context.ValueType, 1), ("abort_callback", (nint)context.Abort, 0),
            ("embeddings", context.Embeddings, 0), ("offload_kqv", context.OffloadKeyValues, 1), ("no_perf", context.NoPerformanceCounters, 1),
            ("op_offload", context.OffloadOperations, 1), ("swa_full", context.FullSlidingWindowCache, 1), ("kv_unified", context.UnifiedKeyValues, 0),
            ("samplers", context.Samplers, 0), ("n_samplers", context.SamplerCount, 0), ("ctx_other", context.OtherContext, 0),
            ("sizeof(llama_model_quantize_params)", sizeof(LlamaQuantizeParams), 64),
            ("nthread", quantize.Threads, 0), ("ftype", quantize.FileType, 7), ("output_tensor_type", quantize.OutputType, TypeUnset),
            ("token_embedding_type", quantize.EmbeddingType, TypeUnset), ("allow_requantize", quantize.AllowRequantize, 0),
            ("quantize_output_tensor", quantize.QuantizeOutput, 1), ("only_copy", quantize.OnlyCopy, 0), ("pure", quantize.Pure, 0),
            ("imatrix", (nint)quantize.Importance, 0), ("tt_overrides", (nint)quantize.TensorTypes, 0), ("max_buffer_size", quantize.MaxBufferSize, 8L << 30),
            ("sizeof(llama_batch)", sizeof(LlamaNativeBatch), 56),
            ("sizeof(llama_perf_context_data)", sizeof(LlamaPerformance), 48),
        ];
        foreach (var (field, found, expected) in fields)
        {
            if (found != expected)
            {
                throw Wrong(
                    libraries, platform, LlamaLibraries.Llama, string.Create(CultureInfo.InvariantCulture, $"{field} is {found}"),
                    expected.ToString(CultureInfo.InvariantCulture));
            }
        }

        return new AbiGuard(model, context, quantize, TensorGuard.Check(libraries, platform));

        nint Function(string name) => libraries.Export(LlamaLibraries.Llama, name, platform);
    }

    private static void ExpectText(LlamaLibraries libraries, LlamaPlatform platform, string library, string function, string expected)
    {
        var found = Marshal.PtrToStringUTF8((nint)((delegate* unmanaged[Cdecl]<byte*>)libraries.Export(library, function, platform))()) ?? "";
        if (found != expected)
        {
            throw Wrong(libraries, platform, library, $"{function} is '{found}'", $"'{expected}'");
        }
    }

    // The loader binds libllama to a ggml that the process already holds, wherever that came from.
    private static void ExpectSameGgml(LlamaLibraries libraries, LlamaPlatform platform)
    {
        var own = libraries.Export(LlamaLibraries.GgmlBase, "ggml_commit", platform);
        if (libraries.TryExport(LlamaLibraries.Llama, "ggml_commit", out var used) && used != own)
        {
            throw Wrong(
                libraries, platform, LlamaLibraries.Llama, "it uses a ggml from another folder that this process had loaded before", "the one beside it");
        }
    }

    /// <summary>The error for a library that is not what this binding is written for.</summary>
    public static EngineException Wrong(LlamaLibraries libraries, LlamaPlatform platform, string library, string found, string expected) =>
        new(EngineFault.LibraryWrong, Path.Combine(libraries.Directory, platform.FileName(library)), found, $"{expected} (llama.cpp {Version})", Remedy);

    // Room behind each struct, so that a library whose struct has grown cannot write past it.
    [StructLayout(LayoutKind.Sequential)]
    private struct ModelProbe
    {
        public LlamaModelParams Value;
        public fixed byte Room[256];
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct ContextProbe
    {
        public LlamaContextParams Value;
        public fixed byte Room[256];
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct QuantizeProbe
    {
        public LlamaQuantizeParams Value;
        public fixed byte Room[256];
    }
}
