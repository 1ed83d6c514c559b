namespace ModelPort.Formats.Gguf;

/// <summary>
/// Tensor types of ggml with the ids that GGUF files hold (ggml.h, enum ggml_type). Ids that are missing here were removed.
/// </summary>
public enum GgmlType : uint
{
    /// <summary>IEEE 754 single.</summary>
    F32 = 0,

    /// <summary>IEEE 754 half.</summary>
    F16 = 1,

    /// <summary>4-bit, one half scale a block.</summary>
    Q4_0 = 2,

    /// <summary>4-bit, scale and minimum.</summary>
    Q4_1 = 3,

    /// <summary>5-bit, one half scale a block.</summary>
    Q5_0 = 6,

    /// <summary>5-bit, scale and minimum.</summary>
    Q5_1 = 7,

    /// <summary>8-bit, one half scale a block.</summary>
    Q8_0 = 8,

    /// <summary>8-bit, scale and sum; for activations.</summary>
    Q8_1 = 9,

    /// <summary>2-bit K-quant.</summary>
    Q2_K = 10,

    /// <summary>3-bit K-quant.</summary>
    Q3_K = 11,

    /// <summary>4-bit K-quant.</summary>
    Q4_K = 12,

    /// <summary>5-bit K-quant.</summary>
    Q5_K = 13,

    /// <summary>6-bit K-quant.</summary>
    Q6_K = 14,

    /// <summary>8-bit K-quant; for activations.</summary>
    Q8_K = 15,

    /// <summary>2.06 bits, lattice codebook.</summary>
    IQ2_XXS = 16,

    /// <summary>2.31 bits, lattice codebook.</summary>
    IQ2_XS = 17,

    /// <summary>3.06 bits, lattice codebook.</summary>
    IQ3_XXS = 18,

    /// <summary>1.56 bits, lattice codebook.</summary>
    IQ1_S = 19,

    /// <summary>4-bit, non-linear levels.</summary>
    IQ4_NL = 20,

    /// <summary>3.44 bits, lattice codebook.</summary>
    IQ3_S = 21,

    /// <summary>2.56 bits, lattice codebook.</summary>
    IQ2_S = 22,

    /// <summary>4.25 bits, non-linear levels.</summary>
    IQ4_XS = 23,

    /// <summary>Signed 8-bit integer.</summary>
    I8 = 24,

    /// <summary>Signed 16-bit integer.</summary>
    I16 = 25,

    /// <summary>Signed 32-bit integer.</summary>
    I32 = 26,

    /// <summary>Signed 64-bit integer.</summary>
    I64 = 27,

    /// <summary>IEEE 754 double.</summary>
    F64 = 28,

    /// <summary>1.75 bits, lattice codebook.</summary>
    IQ1_M = 29,

    /// <summary>The upper half of an IEEE 754 single.</summary>
    BF16 = 30,

    /// <summary>Ternary, 1.69 bits.</summary>
    TQ1_0 = 34,

    /// <summary>Ternary, 2.06 bits.</summary>
    TQ2_0 = 35,

    /// <summary>4-bit float E2M1 with a power-of-two scale a block.</summary>
    MXFP4 = 39,

    /// <summary>4-bit float E2M1 with four E4M3 scales a block.</summary>
    NVFP4 = 40,

    /// <summary>1-bit, one half scale a block.</summary>
    Q1_0 = 41,

    /// <summary>2-bit, one half scale a block.</summary>
    Q2_0 = 42,
}
