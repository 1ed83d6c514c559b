using System.Runtime.InteropServices;

namespace ModelPort.Engines.LlamaCpp.Native;

/// <summary>struct ggml_tensor (ggml.h), 336 bytes. <see cref="TensorGuard"/> proves the layout at start.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct GgmlTensor
{
    public const int F32 = 0;
    public const int I32 = 26;

    public int Type;
    public nint Buffer;

    /// <summary>Elements of each dimension, the row first.</summary>
    public fixed long Shape[4];

    /// <summary>Bytes from one element of a dimension to the next.</summary>
    public fixed ulong Strides[4];
    public int Operation;
    public fixed int Parameters[16];
    public int Flags;

    /// <summary>Pointers to the tensors that it is computed from.</summary>
    public fixed long Sources[10];
    public nint ViewSource;
    public nuint ViewOffset;
    public byte* Data;
    public fixed byte Name[64];
    public nint Extra;
    public fixed byte Padding[8];

    public readonly GgmlTensor* Source(int index) => (GgmlTensor*)Sources[index];
}
