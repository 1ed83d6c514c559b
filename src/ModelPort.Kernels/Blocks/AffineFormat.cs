using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using ModelPort.Kernels.Scalar;

namespace ModelPort.Kernels.Blocks;

/// <summary>Super-blocks of 256 values whose groups have a scale and a minimum: Q2_K, Q4_K, Q5_K (ggml-common.h).</summary>
/// <param name="Type">The block type.</param>
/// <param name="Group">Values a group.</param>
/// <param name="ScaleTop">Largest level of a group's scale or minimum.</param>
/// <param name="Steps">The search without an importance matrix.</param>
internal sealed record AffineFormat(BlockType Type, int Group, int ScaleTop, AffineSteps Steps)
{
    internal const int Elements = 256;

    /// <summary>The most groups of a super-block.</summary>
    internal const int MaxGroups = 16;

    private static readonly AffineFormat s_q2_K = new(BlockType.Q2_K, 16, 15, AffineSteps.Q2_K);
    private static readonly AffineFormat s_q4_K = new(BlockType.Q4_K, 32, 63, AffineSteps.Q4_K);
    private static readonly AffineFormat s_q5_K = new(BlockType.Q5_K, 32, 63, AffineSteps.Q5_K);

    internal static AffineFormat Of(BlockType type) => type switch
    {
        BlockType.Q2_K => s_q2_K,
        BlockType.Q4_K => s_q4_K,
        _ => s_q5_K,
    };

    internal int Groups => Elements / Group;

    internal int Bytes { get; } = BlockQuantizer.BlockBytes(Type);

    /// <summary>The search with an importance matrix.</summary>
    internal AffineSteps WeightedSteps => AffineSteps.Weighted(Steps.Top);

    /// <summary>Mean square used in importance weights; the doubling comes before the division, as it may overflow.</summary>
    internal float Sigma2(float sumOfSquares) => Type == BlockType.Q2_K ? sumOfSquares / Elements : 2 * sumOfSquares / Elements;

    /// <summary>Levels of the groups' scales (or minima) from the largest one; returns the super-block's factor.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal float ScaleLevels(ReadOnlySpan<float> values, Span<byte> levels)
    {
        float max = 0;
        foreach (float value in values)
        {
            max = value > max ? value : max;
        }

        float inverse = max > 0 ? ScaleTop / max : 0f;
        for (int j = 0; j < values.Length; j++)
        {
            var level = (byte)NearestInt.Of(inverse * values[j]);
            levels[j] = Type == BlockType.Q2_K ? level : Math.Min((byte)63, level);
        }

        return max / ScaleTop;
    }

    /// <summary>A searched level of a scale or minimum: Q5_K limits what the byte holds, the others do not.</summary>
    internal byte Limit(byte level) => Type == BlockType.Q5_K ? Math.Min((byte)63, level) : level;

    /// <summary>Writes the scale fields, then reads them back.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal void WriteScales(
        Span<byte> block, float scale, float minimum, ReadOnlySpan<byte> scaleLevels, ReadOnlySpan<byte> minLevels, Span<float> scales, Span<float> minima)
    {
        bool q2 = Type == BlockType.Q2_K;
        Span<byte> factors = block[(q2 ? 80 : 0)..];
        BinaryPrimitives.WriteUInt16LittleEndian(factors, Narrow.ToHalf(scale));
        BinaryPrimitives.WriteUInt16LittleEndian(factors[2..], Narrow.ToHalf(minimum));
        Span<byte> packed = block.Slice(q2 ? 0 : 4, q2 ? 16 : 12);
        for (int j = 0; j < Groups; j++)
        {
            if (q2)
            {
                packed[j] = (byte)(scaleLevels[j] | (minLevels[j] << 4));
            }
            else
            {
                PackSixBits(packed, j, scaleLevels[j], minLevels[j]);
            }
        }

        ReadScales(block, scales, minima);
    }

    /// <summary>What a decoder sees: scale and minimum of each group.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal void ReadScales(ReadOnlySpan<byte> block, Span<float> scales, Span<float> minima)
    {
        bool q2 = Type == BlockType.Q2_K;
        ReadOnlySpan<byte> factors = block[(q2 ? 80 : 0)..], packed = block[(q2 ? 0 : 4)..];
        var d = (float)BinaryPrimitives.ReadHalfLittleEndian(factors);
        var m = (float)BinaryPrimitives.ReadHalfLittleEndian(factors[2..]);
        for (int j = 0; j < Groups; j++)
        {
            (int scale, int min) = q2 ? (packed[j] & 15, packed[j] >> 4) : UnpackSixBits(packed, j);
            scales[j] = d * scale;
            minima[j] = m * min;
        }
    }

    /// <summary>Packs the 256 levels.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal void WriteLevels(Span<byte> block, ReadOnlySpan<byte> levels)
    {
        switch (Type)
        {
            case BlockType.Q2_K:
                LevelPacking.TwoBits(levels, block.Slice(16, 64));
                break;
            case BlockType.Q4_K:
                LevelPacking.FourBits(levels, block.Slice(16, 128));
                break;
            default:
                LevelPacking.FourBits(levels, block.Slice(48, 128));
                LevelPacking.FifthBits(levels, block.Slice(16, 32));
                break;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void PackSixBits(Span<byte> packed, int j, int scale, int min)
    {
        if (j < 4)
        {
            packed[j] = (byte)scale;
            packed[j + 4] = (byte)min;
        }
        else
        {
            packed[j + 4] = (byte)((scale & 15) | ((min & 15) << 4));
            packed[j - 4] |= (byte)((scale >> 4) << 6);
            packed[j] |= (byte)((min >> 4) << 6);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (int Scale, int Min) UnpackSixBits(ReadOnlySpan<byte> packed, int j) => j < 4
        ? (packed[j] & 63, packed[j + 4] & 63)
        : ((packed[j + 4] & 15) | ((packed[j - 4] >> 6) << 4), (packed[j + 4] >> 4) | ((packed[j] >> 6) << 4));
}
