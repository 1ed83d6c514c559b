using System.Runtime.InteropServices;

namespace ModelPort.Engines.LlamaCpp.Native;

// Layouts of llama.cpp v0.5.0 (llama.h), 64-bit. Every field is blittable: bool is a byte. AbiGuard proves them at start.

/// <summary>struct llama_model_params, 80 bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct LlamaModelParams
{
    public nint Devices;
    public nint TensorBufferOverrides;
    public int GpuLayers;
    public int SplitMode;
    public int LoadMode;
    public int LazyMode;
    public int MainGpu;
    public nint TensorSplit;
    public delegate* unmanaged[Cdecl]<float, void*, byte> Progress;
    public void* ProgressData;
    public nint MetadataOverrides;
    public byte VocabularyOnly;
    public byte CheckTensors;
    public byte UseExtraBuffers;
    public byte NoHost;
    public byte NoAllocation;
    public byte LoadMultiTokenPrediction;
}

/// <summary>struct llama_context_params, 160 bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct LlamaContextParams
{
    public uint ContextLength;
    public uint BatchSize;
    public uint MicroBatchSize;
    public uint Sequences;
    public uint RecurrentSnapshots;
    public uint MaxOutputs;
    public uint MaxOutputsPerSequence;
    public int Threads;
    public int BatchThreads;
    public int ContextType;
    public int RopeScalingType;
    public int PoolingType;
    public int AttentionType;
    public int FlashAttention;
    public float RopeFrequencyBase;
    public float RopeFrequencyScale;
    public float YarnExtensionFactor;
    public float YarnAttentionFactor;
    public float YarnBetaFast;
    public float YarnBetaSlow;
    public uint YarnOriginalContext;
    public float DefragmentationThreshold;

    // Called with every graph node when set. An importance-matrix pass reads the inputs of matrix products here.
    public delegate* unmanaged[Cdecl]<void*, byte, void*, byte> Evaluation;
    public void* EvaluationData;
    public int KeyType;
    public int ValueType;
    public delegate* unmanaged[Cdecl]<void*, byte> Abort;
    public void* AbortData;
    public byte Embeddings;
    public byte OffloadKeyValues;
    public byte NoPerformanceCounters;
    public byte OffloadOperations;
    public byte FullSlidingWindowCache;
    public byte UnifiedKeyValues;
    public nint Samplers;
    public nuint SamplerCount;
    public nint OtherContext;
}

/// <summary>struct llama_model_quantize_params, 64 bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct LlamaQuantizeParams
{
    public int Threads;
    public int FileType;
    public int OutputType;
    public int EmbeddingType;
    public byte AllowRequantize;
    public byte QuantizeOutput;
    public byte OnlyCopy;
    public byte Pure;
    public byte KeepSplit;
    public byte DryRun;
    public LlamaImportance* Importance;
    public nint MetadataOverrides;
    public LlamaTensorType* TensorTypes;
    public nint PrunedLayers;
    public ulong MaxBufferSize;
}

/// <summary>struct llama_model_imatrix_data: one importance vector; an array ends with a null name.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct LlamaImportance
{
    public byte* Name;
    public float* Data;
    public nuint Length;
}

/// <summary>struct llama_model_tensor_override: the type of tensors whose name a pattern matches; an array ends with a null pattern.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct LlamaTensorType
{
    public byte* Pattern;
    public int Type;
}

/// <summary>struct llama_batch, 56 bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct LlamaNativeBatch
{
    public int Count;
    public int* Tokens;
    public float* Embeddings;
    public int* Positions;
    public int* SequenceCounts;
    public int** Sequences;
    public sbyte* Logits;
}

/// <summary>struct llama_perf_context_data, 48 bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct LlamaPerformance
{
    public double StartMilliseconds;
    public double LoadMilliseconds;
    public double PromptMilliseconds;
    public double EvaluationMilliseconds;
    public int PromptTokens;
    public int EvaluationTokens;
    public int ReusedGraphs;
}
