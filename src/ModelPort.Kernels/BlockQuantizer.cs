using ModelPort.Kernels.Lanes;
using ModelPort.Kernels.Scalar;

namespace ModelPort.Kernels;

/// <summary>Quantises rows of floats into ggml's block formats, byte for byte as <c>ggml_quantize_chunk</c> of the released libggml-base does.</summary>
/// <remarks>The released x86-64 library is compiled without fused multiply-add; builds with it round differently and give other bytes.</remarks>
public static class BlockQuantizer
{
    /// <summary>Whether <see cref="Quantize"/> knows the type.</summary>
    public static bool IsSupported(BlockType type) => type is
        BlockType.Q8_0 or BlockType.Q4_0 or BlockType.Q4_1 or BlockType.Q5_0 or BlockType.Q5_1 or
        BlockType.Q2_K or BlockType.Q3_K or BlockType.Q4_K or BlockType.Q5_K or BlockType.Q6_K or BlockType.IQ4_NL or BlockType.IQ4_XS or
        BlockType.TQ1_0 or BlockType.TQ2_0 or BlockType.MXFP4 or
        BlockType.IQ2_XXS or BlockType.IQ2_XS or BlockType.IQ2_S or BlockType.IQ3_XXS or BlockType.IQ3_S;

    /// <summary>Whether a type cannot be quantised to without importance: its levels are so few that the plain error would ruin it.</summary>
    public static bool RequiresImportance(BlockType type) => type is BlockType.IQ2_XXS or BlockType.IQ2_XS or BlockType.IQ1_S;

    /// <summary>Values a block: 32 or 256. A row is a whole number of blocks.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The type is unknown.</exception>
    public static int BlockElements(BlockType type) => Layout(type).Elements;

    /// <summary>Bytes a block.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The type is unknown.</exception>
    public static int BlockBytes(BlockType type) => Layout(type).Bytes;

    /// <summary>Quantises rows. The values must be finite (see <see cref="Finite"/>).</summary>
    /// <param name="type">A supported type.</param>
    /// <param name="rows">Whole rows, one after another.</param>
    /// <param name="destination">Receives the blocks: <c>rows.Length / BlockElements * BlockBytes</c> bytes.</param>
    /// <param name="rowLength">Values a row, a multiple of <see cref="BlockElements"/>.</param>
    /// <param name="importance">Mean squared activation of each column, shared by all rows (<paramref name="rowLength"/> values), or nothing where <see cref="RequiresImportance"/> permits.</param>
    /// <exception cref="NotSupportedException">The type is not supported.</exception>
    /// <exception cref="ArgumentException">The lengths do not fit together, or importance is missing.</exception>
    public static void Quantize(BlockType type, ReadOnlySpan<float> rows, Span<byte> destination, int rowLength, ReadOnlySpan<float> importance = default)
    {
        if (!IsSupported(type))
        {
            throw new NotSupportedException($"Blocks of type {type} cannot be quantised here.");
        }

        (int elements, int bytes) = Layout(type);
        if (rowLength <= 0 || rowLength % elements != 0 || rows.Length % rowLength != 0)
        {
            throw new ArgumentException($"{rows.Length} values are not whole rows of {rowLength}, each whole blocks of {elements}.", nameof(rowLength));
        }

        if (destination.Length != (long)rows.Length / elements * bytes)
        {
            throw new ArgumentException($"The destination holds {destination.Length} bytes, {(long)rows.Length / elements * bytes} are needed.", nameof(destination));
        }

        if (importance.IsEmpty ? RequiresImportance(type) : importance.Length != rowLength)
        {
            throw new ArgumentException($"{importance.Length} importance values for rows of {rowLength}.", nameof(importance));
        }

        if (!LaneQuantizer.TryQuantize(type, rows, rowLength, importance, destination))
        {
            ScalarQuantizer.Quantize(type, rows, rowLength, importance, destination);
        }
    }

    private static (int Elements, int Bytes) Layout(BlockType type) => type switch
    {
        BlockType.Q4_0 or BlockType.IQ4_NL => (32, 18),
        BlockType.Q4_1 => (32, 20),
        BlockType.Q5_0 => (32, 22),
        BlockType.Q5_1 => (32, 24),
        BlockType.Q8_0 => (32, 34),
        BlockType.MXFP4 => (32, 17),
        BlockType.Q2_K => (256, 84),
        BlockType.Q3_K or BlockType.IQ3_S => (256, 110),
        BlockType.Q4_K => (256, 144),
        BlockType.Q5_K => (256, 176),
        BlockType.Q6_K => (256, 210),
        BlockType.IQ2_XXS or BlockType.TQ2_0 => (256, 66),
        BlockType.IQ2_XS => (256, 74),
        BlockType.IQ2_S => (256, 82),
        BlockType.IQ3_XXS => (256, 98),
        BlockType.IQ1_S => (256, 50),
        BlockType.IQ1_M => (256, 56),
        BlockType.IQ4_XS => (256, 136),
        BlockType.TQ1_0 => (256, 54),
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "Not a block type."),
    };
}
