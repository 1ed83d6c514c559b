using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using ModelPort.Kernels.Decoding;

namespace ModelPort.Kernels;

/// <summary>Gives ggml's blocks back as floats, bit for bit as the <c>dequantize_row_*</c> functions of the released libggml-base do.</summary>
/// <remarks>A NaN, which only a damaged block decodes to, may have another sign or payload.</remarks>
public static class BlockDequantizer
{
    /// <summary>Whether <see cref="Dequantize"/> knows the type: all that <see cref="BlockQuantizer"/> makes itself but those of grids.</summary>
    public static bool IsSupported(BlockType type) => type is
        BlockType.Q8_0 or BlockType.Q4_0 or BlockType.Q4_1 or BlockType.Q5_0 or BlockType.Q5_1 or
        BlockType.Q2_K or BlockType.Q3_K or BlockType.Q4_K or BlockType.Q5_K or BlockType.Q6_K or BlockType.IQ4_NL or BlockType.IQ4_XS or
        BlockType.TQ1_0 or BlockType.TQ2_0 or BlockType.MXFP4;

    /// <summary>Decodes whole blocks. Any bytes are blocks: nothing in them is an offset or a length.</summary>
    /// <param name="type">A supported type.</param>
    /// <param name="blocks">The blocks, one after another.</param>
    /// <param name="destination">Receives the values: <see cref="BlockQuantizer.BlockElements"/> a block.</param>
    /// <exception cref="NotSupportedException">The type is not supported.</exception>
    /// <exception cref="ArgumentException">The lengths do not fit together.</exception>
    [SkipLocalsInit]
    public static void Dequantize(BlockType type, ReadOnlySpan<byte> blocks, Span<float> destination)
    {
        if (!IsSupported(type))
        {
            throw new NotSupportedException($"Blocks of type {type} cannot be decoded here.");
        }

        int elements = BlockQuantizer.BlockElements(type), bytes = BlockQuantizer.BlockBytes(type), group = BlockReader.Group(type);
        if (blocks.Length % bytes != 0 || destination.Length != (long)blocks.Length / bytes * elements)
        {
            throw new ArgumentException($"{blocks.Length} bytes of {type} do not decode to {destination.Length} values.", nameof(destination));
        }

        Span<sbyte> levels = stackalloc sbyte[BlockReader.MostElements];
        Span<float> scales = stackalloc float[BlockReader.MostGroups], minima = stackalloc float[BlockReader.MostGroups];
        levels = levels[..elements];
        minima.Clear();
        for (int block = 0; block < blocks.Length / bytes; block++)
        {
            BlockReader.Read(type, blocks.Slice(block * bytes, bytes), levels, scales, minima);
            Expand(levels, scales, minima, group, destination.Slice(block * elements, elements));
        }
    }

    /// <summary>value = scale * level - minimum, each operation rounded on its own.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Expand(ReadOnlySpan<sbyte> levels, ReadOnlySpan<float> scales, ReadOnlySpan<float> minima, int group, Span<float> values)
    {
        ref sbyte from = ref MemoryMarshal.GetReference(levels);
        ref float to = ref MemoryMarshal.GetReference(values);
        for (int at = 0, j = 0; at < levels.Length; j++)
        {
            Vector128<float> scale = Vector128.Create(scales[j]), minimum = Vector128.Create(minima[j]);
            for (int end = at + group; at < end; at += 16)
            {
                (Vector128<short> low, Vector128<short> high) = Vector128.Widen(Vector128.LoadUnsafe(ref from, (nuint)at));
                (Vector128<int> a, Vector128<int> b) = Vector128.Widen(low);
                (Vector128<int> c, Vector128<int> d) = Vector128.Widen(high);
                ((Vector128.ConvertToSingle(a) * scale) - minimum).StoreUnsafe(ref to, (nuint)at);
                ((Vector128.ConvertToSingle(b) * scale) - minimum).StoreUnsafe(ref to, (nuint)at + 4);
                ((Vector128.ConvertToSingle(c) * scale) - minimum).StoreUnsafe(ref to, (nuint)at + 8);
                ((Vector128.ConvertToSingle(d) * scale) - minimum).StoreUnsafe(ref to, (nuint)at + 12);
            }
        }
    }
}
