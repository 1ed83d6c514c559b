using System.Runtime.InteropServices;
using ModelPort.Engines.LlamaCpp;
using ModelPort.Formats.Gguf;
using ModelPort.Kernels;

namespace ModelPort.Porting;

/// <summary>Gives stored values of any type back as floats.</summary>
internal static class TensorDecoder
{
    /// <summary>Whether values of a type can be decoded.</summary>
    public static bool CanDecode(GgmlType type) =>
        type is GgmlType.F32 or GgmlType.F16 or GgmlType.BF16 || BlockDequantizer.IsSupported((BlockType)type) || GgmlQuantizer.Supports((int)type);

    /// <summary>Decodes whole blocks. Types without a kernel here are ggml's own work.</summary>
    /// <param name="type">A type that can be decoded.</param>
    /// <param name="bytes">The stored values.</param>
    /// <param name="values">Receives them: as many as the blocks have.</param>
    public static void Decode(GgmlType type, ReadOnlySpan<byte> bytes, Span<float> values)
    {
        switch (type)
        {
            case GgmlType.F32:
                MemoryMarshal.Cast<byte, float>(bytes).CopyTo(values);
                break;
            case GgmlType.BF16:
                Widen.FromBFloat16(MemoryMarshal.Cast<byte, ushort>(bytes), values);
                break;
            case GgmlType.F16:
                Widen.FromHalf(MemoryMarshal.Cast<byte, ushort>(bytes), values);
                break;
            case var _ when BlockDequantizer.IsSupported((BlockType)type):
                BlockDequantizer.Dequantize((BlockType)type, bytes, values);
                break;
            default:
                GgmlQuantizer.Dequantize((int)type, bytes, values);
                break;
        }
    }
}
