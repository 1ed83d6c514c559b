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

    internal const int Elements = 32;

    /// <summary>Without a search, level = (value - minimum) / scale + this, without its fraction; without a minimum, zero lies in the middle of the levels.</summary>
    internal float Offset { get; } = HasMinimum ? 0.5f : ((Top + 1) / 2) + 0.5f;

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
    internal unsafe void Write(Span<byte> block, float scale, float minimum, ReadOnlySpan<byte> levels)
    {
        fixed (byte* to = block[..Bytes], from = levels[..Elements])
        {
            WriteLevels(WriteScales(to, Narrow.ToHalf(scale), Narrow.ToHalf(minimum)), from);
        }
    }

    /// <summary>Writes scale and minimum, given as the bits of halves; returns the place of the levels.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal unsafe byte* WriteScales(byte* block, ushort scale, ushort minimum)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(new Span<byte>(block, 2), scale);
        if (!HasMinimum)
        {
            return block + 2;
        }

        BinaryPrimitives.WriteUInt16LittleEndian(new Span<byte>(block + 2, 2), minimum);
        return block + 4;
    }

    /// <summary>Writes the 32 levels, one a byte, to their place in a block.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal unsafe void WriteLevels(byte* place, byte* levels)
    {
        var from = new ReadOnlySpan<byte>(levels, Elements);
        if (Top == 31)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(new Span<byte>(place, 4), LevelPacking.FifthBits32(from));
            LevelPacking.Pairs(from, new Span<byte>(place + 4, 16));
        }
        else
        {
            LevelPacking.UnmaskedPairs(from, new Span<byte>(place, 16));
        }
    }
}
