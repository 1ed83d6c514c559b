using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using ModelPort.Kernels.Scalar;

namespace ModelPort.Kernels.Blocks;

/// <summary>Blocks of 32 values with 4 or 5 bits each: scale, maybe a minimum, maybe 32 fifth bits, then 16 bytes of low bits (ggml-common.h).</summary>
/// <param name="Type">The block type.</param>
/// <param name="Top">Largest level: 15 or 31.</param>
/// <param name="HasMinimum">Whether the block stores a minimum.</param>
internal sealed record SmallFormat(BlockType Type, int Top, bool HasMinimum)
{
    private static readonly SmallFormat s_q4_0 = new(BlockType.Q4_0, 15, false);
    private static readonly SmallFormat s_q4_1 = new(BlockType.Q4_1, 15, true);
    private static readonly SmallFormat s_q5_0 = new(BlockType.Q5_0, 31, false);
    private static readonly SmallFormat s_q5_1 = new(BlockType.Q5_1, 31, true);

    internal int Bytes { get; } = BlockQuantizer.BlockBytes(Type);

    internal static SmallFormat Of(BlockType type) => type switch
    {
        BlockType.Q4_0 => s_q4_0,
        BlockType.Q4_1 => s_q4_1,
        BlockType.Q5_0 => s_q5_0,
        _ => s_q5_1,
    };

    /// <summary>C's conversions: truncate, keep eight bits, and (except Q5_1, which stores five bits of them) limit as a signed byte.</summary>
    internal byte Level(float value)
    {
        int truncated = NearestInt.Truncated(value);
        return Type == BlockType.Q5_1 ? (byte)truncated : (byte)Math.Min(Top, (int)(sbyte)truncated);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal void Write(Span<byte> block, float scale, float minimum, ReadOnlySpan<byte> levels)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(block, Narrow.ToHalf(scale));
        if (HasMinimum)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(block[2..], Narrow.ToHalf(minimum));
        }

        int at = HasMinimum ? 4 : 2;
        if (Top == 31)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(block[at..], LevelPacking.FifthBits32(levels));
            LevelPacking.Pairs(levels, block.Slice(at + 4, 16));
        }
        else
        {
            LevelPacking.UnmaskedPairs(levels, block.Slice(at, 16));
        }
    }
}
