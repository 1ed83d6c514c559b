namespace ModelPort.Kernels;

/// <summary>Block formats of ggml, with the numbers that GGUF files and libggml use (ggml.h, <c>enum ggml_type</c>).</summary>
public enum BlockType
{
    /// <summary>4 bits, one scale for 32 values.</summary>
    Q4_0 = 2,

    /// <summary>4 bits, scale and minimum for 32 values.</summary>
    Q4_1 = 3,

    /// <summary>5 bits, one scale for 32 values.</summary>
    Q5_0 = 6,

    /// <summary>5 bits, scale and minimum for 32 values.</summary>
    Q5_1 = 7,

    /// <summary>8 bits, one scale for 32 values.</summary>
    Q8_0 = 8,

    /// <summary>2 bits, 4-bit scale and minimum for 16 values.</summary>
    Q2_K = 10,

    /// <summary>3 bits, 6-bit scale for 16 values.</summary>
    Q3_K = 11,

    /// <summary>4 bits, 6-bit scale and minimum for 32 values.</summary>
    Q4_K = 12,

    /// <summary>5 bits, 6-bit scale and minimum for 32 values.</summary>
    Q5_K = 13,

    /// <summary>6 bits, 8-bit scale for 16 values.</summary>
    Q6_K = 14,

    /// <summary>2.06 bits, grid of 256 points.</summary>
    IQ2_XXS = 16,

    /// <summary>2.31 bits, grid of 512 points.</summary>
    IQ2_XS = 17,

    /// <summary>3.06 bits, grid of 256 points.</summary>
    IQ3_XXS = 18,

    /// <summary>1.56 bits, grid of ternary points.</summary>
    IQ1_S = 19,

    /// <summary>4 bits into 16 uneven levels, one scale for 32 values.</summary>
    IQ4_NL = 20,

    /// <summary>3.44 bits, grid of 512 points.</summary>
    IQ3_S = 21,

    /// <summary>2.5 bits, grid of 1024 points.</summary>
    IQ2_S = 22,

    /// <summary>4 bits into 16 uneven levels, 6-bit scale for 32 values.</summary>
    IQ4_XS = 23,

    /// <summary>1.75 bits, grid of ternary points.</summary>
    IQ1_M = 29,

    /// <summary>Ternary, five values in a byte.</summary>
    TQ1_0 = 34,

    /// <summary>Ternary, four values in a byte.</summary>
    TQ2_0 = 35,

    /// <summary>4-bit floats (E2M1) with a power of two for 32 values (OCP MX).</summary>
    MXFP4 = 39,
}
