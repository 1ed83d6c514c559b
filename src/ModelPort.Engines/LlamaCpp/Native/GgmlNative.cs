using System.Runtime.InteropServices;

namespace ModelPort.Engines.LlamaCpp.Native;

/// <summary>The functions of libggml and libggml-base that the binding uses.</summary>
internal static unsafe partial class GgmlNative
{
    private const string Base = LlamaLibraries.GgmlBase;
    private const string Registry = LlamaLibraries.Ggml;

    [LibraryImport(Registry, EntryPoint = "ggml_backend_load")]
    internal static partial nint BackendLoad(byte* path);

    [LibraryImport(Base, EntryPoint = "ggml_type_name")]
    internal static partial byte* TypeName(int type);

    [LibraryImport(Base, EntryPoint = "ggml_blck_size")]
    internal static partial long BlockLength(int type);

    [LibraryImport(Base, EntryPoint = "ggml_type_size")]
    internal static partial nuint BlockBytes(int type);

    [LibraryImport(Base, EntryPoint = "ggml_quantize_requires_imatrix")]
    internal static partial byte RequiresImportance(int type);

    [LibraryImport(Base, EntryPoint = "ggml_quantize_chunk")]
    internal static partial nuint QuantizeChunk(int type, float* source, void* destination, long start, long rows, long rowLength, float* importance);

    [LibraryImport(Base, EntryPoint = "ggml_fp32_to_fp16_row")]
    internal static partial void SingleToHalf(float* source, ushort* destination, long count);

    [LibraryImport(Base, EntryPoint = "ggml_fp16_to_fp32_row")]
    internal static partial void HalfToSingle(ushort* source, float* destination, long count);

    [LibraryImport(Base, EntryPoint = "ggml_fp32_to_bf16_row_ref")]
    internal static partial void SingleToBFloat16(float* source, ushort* destination, long count);

    [LibraryImport(Base, EntryPoint = "ggml_bf16_to_fp32_row")]
    internal static partial void BFloat16ToSingle(ushort* source, float* destination, long count);

    [LibraryImport(Base, EntryPoint = "ggml_validate_row_data")]
    internal static partial byte ValidateRows(int type, void* data, nuint bytes);

    [LibraryImport(Base, EntryPoint = "ggml_get_type_traits")]
    internal static partial GgmlTypeTraits* TypeTraits(int type);
}

/// <summary>struct ggml_type_traits, as far as it is read.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct GgmlTypeTraits
{
    public byte* Name;
    public long BlockLength;
    public long BlockInterleave;
    public nuint BlockBytes;
    public byte IsQuantized;
    public delegate* unmanaged[Cdecl]<void*, float*, long, void> ToFloat;
}
