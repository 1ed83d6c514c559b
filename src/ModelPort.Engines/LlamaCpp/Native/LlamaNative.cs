using System.Runtime.InteropServices;

namespace ModelPort.Engines.LlamaCpp.Native;

/// <summary>The functions of libllama that the binding uses.</summary>
internal static unsafe partial class LlamaNative
{
    private const string Library = LlamaLibraries.Llama;

    [LibraryImport(Library, EntryPoint = "llama_backend_init")]
    internal static partial void BackendInit();

    [LibraryImport(Library, EntryPoint = "llama_log_set")]
    internal static partial void LogSet(delegate* unmanaged[Cdecl]<int, byte*, void*, void> callback, void* data);

    [LibraryImport(Library, EntryPoint = "llama_max_parallel_sequences")]
    internal static partial nuint MaxSequences();

    [LibraryImport(Library, EntryPoint = "llama_model_load_from_file")]
    internal static partial nint ModelLoad(byte* path, LlamaModelParams parameters);

    [LibraryImport(Library, EntryPoint = "llama_model_free")]
    internal static partial void ModelFree(nint model);

    [LibraryImport(Library, EntryPoint = "llama_model_get_vocab")]
    internal static partial nint ModelVocabulary(LlamaModelHandle model);

    [LibraryImport(Library, EntryPoint = "llama_model_n_embd")]
    internal static partial int ModelEmbeddingLength(LlamaModelHandle model);

    [LibraryImport(Library, EntryPoint = "llama_model_n_layer")]
    internal static partial int ModelLayerCount(LlamaModelHandle model);

    [LibraryImport(Library, EntryPoint = "llama_model_n_ctx_train")]
    internal static partial int ModelTrainingContext(LlamaModelHandle model);

    [LibraryImport(Library, EntryPoint = "llama_model_n_params")]
    internal static partial ulong ModelParameterCount(LlamaModelHandle model);

    [LibraryImport(Library, EntryPoint = "llama_model_size")]
    internal static partial ulong ModelSize(LlamaModelHandle model);

    [LibraryImport(Library, EntryPoint = "llama_model_has_encoder")]
    internal static partial byte ModelHasEncoder(LlamaModelHandle model);

    [LibraryImport(Library, EntryPoint = "llama_model_has_decoder")]
    internal static partial byte ModelHasDecoder(LlamaModelHandle model);

    [LibraryImport(Library, EntryPoint = "llama_model_desc")]
    internal static partial int ModelDescription(LlamaModelHandle model, byte* buffer, nuint size);

    [LibraryImport(Library, EntryPoint = "llama_model_meta_count")]
    internal static partial int MetadataCount(LlamaModelHandle model);

    [LibraryImport(Library, EntryPoint = "llama_model_meta_key_by_index")]
    internal static partial int MetadataKey(LlamaModelHandle model, int index, byte* buffer, nuint size);

    [LibraryImport(Library, EntryPoint = "llama_model_meta_val_str_by_index")]
    internal static partial int MetadataValue(LlamaModelHandle model, int index, byte* buffer, nuint size);

    [LibraryImport(Library, EntryPoint = "llama_vocab_type")]
    internal static partial int VocabularyType(nint vocabulary);

    [LibraryImport(Library, EntryPoint = "llama_vocab_n_tokens")]
    internal static partial int VocabularySize(nint vocabulary);

    [LibraryImport(Library, EntryPoint = "llama_vocab_get_text")]
    internal static partial byte* TokenText(nint vocabulary, int token);

    [LibraryImport(Library, EntryPoint = "llama_vocab_get_score")]
    internal static partial float TokenScore(nint vocabulary, int token);

    [LibraryImport(Library, EntryPoint = "llama_vocab_get_attr")]
    internal static partial int TokenAttributes(nint vocabulary, int token);

    [LibraryImport(Library, EntryPoint = "llama_vocab_is_eog")]
    internal static partial byte IsEndOfGeneration(nint vocabulary, int token);

    [LibraryImport(Library, EntryPoint = "llama_vocab_bos")]
    internal static partial int Bos(nint vocabulary);

    [LibraryImport(Library, EntryPoint = "llama_vocab_eos")]
    internal static partial int Eos(nint vocabulary);

    [LibraryImport(Library, EntryPoint = "llama_vocab_eot")]
    internal static partial int Eot(nint vocabulary);

    [LibraryImport(Library, EntryPoint = "llama_vocab_get_add_bos")]
    internal static partial byte AddBos(nint vocabulary);

    [LibraryImport(Library, EntryPoint = "llama_vocab_get_add_eos")]
    internal static partial byte AddEos(nint vocabulary);

    [LibraryImport(Library, EntryPoint = "llama_tokenize")]
    internal static partial int Tokenize(nint vocabulary, byte* text, int length, int* tokens, int capacity, byte addSpecial, byte parseSpecial);

    [LibraryImport(Library, EntryPoint = "llama_detokenize")]
    internal static partial int Detokenize(
        nint vocabulary, int* tokens, int count, byte* text, int capacity, byte removeSpecial, byte unparseSpecial);

    [LibraryImport(Library, EntryPoint = "llama_init_from_model")]
    internal static partial nint ContextCreate(LlamaModelHandle model, LlamaContextParams parameters);

    [LibraryImport(Library, EntryPoint = "llama_free")]
    internal static partial void ContextFree(nint context);

    [LibraryImport(Library, EntryPoint = "llama_n_ctx")]
    internal static partial uint ContextLength(LlamaContextHandle context);

    [LibraryImport(Library, EntryPoint = "llama_n_ctx_seq")]
    internal static partial uint ContextLengthPerSequence(LlamaContextHandle context);

    [LibraryImport(Library, EntryPoint = "llama_n_batch")]
    internal static partial uint ContextBatchSize(LlamaContextHandle context);

    [LibraryImport(Library, EntryPoint = "llama_get_memory")]
    internal static partial nint ContextMemory(LlamaContextHandle context);

    [LibraryImport(Library, EntryPoint = "llama_memory_clear")]
    internal static partial void MemoryClear(nint memory, byte data);

    [LibraryImport(Library, EntryPoint = "llama_decode")]
    internal static partial int Decode(LlamaContextHandle context, LlamaNativeBatch batch);

    [LibraryImport(Library, EntryPoint = "llama_get_logits_ith")]
    internal static partial float* Logits(LlamaContextHandle context, int index);

    [LibraryImport(Library, EntryPoint = "llama_perf_context")]
    internal static partial LlamaPerformance Performance(LlamaContextHandle context);

    [LibraryImport(Library, EntryPoint = "llama_perf_context_reset")]
    internal static partial void PerformanceReset(LlamaContextHandle context);

    [LibraryImport(Library, EntryPoint = "llama_model_quantize")]
    internal static partial uint Quantize(byte* input, byte* output, LlamaQuantizeParams* parameters);
}
