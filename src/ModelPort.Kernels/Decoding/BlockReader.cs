using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using ModelPort.Kernels.Blocks;

namespace ModelPort.Kernels.Decoding;

/// <summary>What a block says: a level for each value, and scale and minimum of each group (layouts: ggml-common.h).</summary>
internal static class BlockReader
{
    /// <summary>The most values of a block.</summary>
    internal const int MostElements = 256;

    /// <summary>The most groups of a block.</summary>
    internal const int MostGroups = 16;

    /// <summary>E2M1 with its sign, doubled so that all values are integers; the second zero is negative and decodes to plus zero, as in ggml.</summary>
    private static ReadOnlySpan<sbyte> FourBitFloats => [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12];

    /// <summary>Values that share a scale.</summary>
    internal static int Group(BlockType type) => type switch
    {
        BlockType.Q2_K or BlockType.Q3_K or BlockType.Q6_K => 16,
        BlockType.TQ1_0 or BlockType.TQ2_0 => TernaryFormat.Elements,
        _ => 32,
    };

    /// <summary>Reads a block.</summary>
    /// <param name="type">Its type.</param>
    /// <param name="block">Its bytes.</param>
    /// <param name="levels">Receives the levels.</param>
    /// <param name="scales">Receives the scales of the groups.</param>
    /// <param name="minima">Receives the minima of the groups; untouched for types that have none.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Read(BlockType type, ReadOnlySpan<byte> block, Span<sbyte> levels, Span<float> scales, Span<float> minima)
    {
        Span<byte> raw = MemoryMarshal.Cast<sbyte, byte>(levels);
        switch (type)
        {
            case BlockType.Q8_0:
                scales[0] = Half(block);
                block[2..].CopyTo(raw);
                break;
            case BlockType.Q4_0 or BlockType.Q4_1 or BlockType.Q5_0 or BlockType.Q5_1:
                Small(SmallFormat.Of(type), block, raw, scales, minima);
                break;
            case BlockType.IQ4_NL:
                scales[0] = Half(block);
                LevelUnpacking.Pairs(block[2..], raw);
                LevelUnpacking.Map(raw, UnevenFormat.Values);
                break;
            case BlockType.MXFP4:
                scales[0] = MicroscaledFormat.HalfScale(block[0]);
                LevelUnpacking.Pairs(block[1..], raw);
                LevelUnpacking.Map(raw, FourBitFloats);
                break;
            case BlockType.IQ4_XS:
                Uneven(block, raw, scales);
                break;
            case BlockType.Q3_K:
                ThreeBits(block, raw, scales);
                break;
            case BlockType.Q6_K:
                SixBits(block, raw, scales);
                break;
            case BlockType.TQ1_0 or BlockType.TQ2_0:
                Ternary(type, block, raw, scales);
                break;
            default:
                Affine(AffineFormat.Of(type), block, raw, scales, minima);
                break;
        }
    }

    private static void Small(SmallFormat format, ReadOnlySpan<byte> block, Span<byte> levels, Span<float> scales, Span<float> minima)
    {
        scales[0] = Half(block);
        ReadOnlySpan<byte> packed = block[^16..];
        LevelUnpacking.Pairs(packed, levels);
        if (format.Top == 31)
        {
            uint fifth = BinaryPrimitives.ReadUInt32LittleEndian(block[^20..]);
            for (int i = 0; i < 32; i++)
            {
                levels[i] |= (byte)(((fifth >> i) & 1) << 4);
            }
        }

        if (format.HasMinimum)
        {
            // The stored minimum is added.
            minima[0] = -Half(block[2..]);
        }
        else
        {
            LevelUnpacking.Centre(levels, (format.Top + 1) / 2);
        }
    }

    private static void Affine(AffineFormat format, ReadOnlySpan<byte> block, Span<byte> levels, Span<float> scales, Span<float> minima)
    {
        format.ReadScales(block, scales, minima);
        switch (format.Type)
        {
            case BlockType.Q2_K:
                LevelUnpacking.TwoBits(block.Slice(16, 64), levels);
                break;
            case BlockType.Q4_K:
                LevelUnpacking.FourBits(block.Slice(16, 128), levels);
                break;
            default:
                LevelUnpacking.FourBits(block.Slice(48, 128), levels);
                LevelUnpacking.AddHighBits(block.Slice(16, 32), levels, 4);
                break;
        }
    }

    private static void ThreeBits(ReadOnlySpan<byte> block, Span<byte> levels, Span<float> scales)
    {
        float d = Half(block[108..]);
        ReadOnlySpan<byte> packed = block.Slice(96, 12);
        for (int j = 0; j < 16; j++)
        {
            int level = ((packed[j & 7] >> (j / 8 * 4)) & 15) | (((packed[8 + (j & 3)] >> (2 * (j / 4))) & 3) << 4);
            scales[j] = d * (level - 32);
        }

        LevelUnpacking.TwoBits(block.Slice(32, 64), levels);
        LevelUnpacking.AddHighBits(block[..32], levels, 2);
        LevelUnpacking.Centre(levels, 4);
    }

    private static void SixBits(ReadOnlySpan<byte> block, Span<byte> levels, Span<float> scales)
    {
        float d = Half(block[208..]);
        for (int j = 0; j < 16; j++)
        {
            scales[j] = d * (sbyte)block[192 + j];
        }

        LevelUnpacking.SixBits(block[..128], block.Slice(128, 64), levels);
        LevelUnpacking.Centre(levels, 32);
    }

    private static void Uneven(ReadOnlySpan<byte> block, Span<byte> levels, Span<float> scales)
    {
        float d = Half(block);
        int high = BinaryPrimitives.ReadUInt16LittleEndian(block[2..]);
        for (int j = 0; j < 8; j++)
        {
            int level = ((block[4 + (j / 2)] >> (j % 2 * 4)) & 15) | (((high >> (2 * j)) & 3) << 4);
            scales[j] = d * (level - 32);
        }

        LevelUnpacking.Pairs(block[8..], levels);
        LevelUnpacking.Map(levels, UnevenFormat.Values);
    }

    private static void Ternary(BlockType type, ReadOnlySpan<byte> block, Span<byte> levels, Span<float> scales)
    {
        scales[0] = Half(block[^2..]);
        if (type == BlockType.TQ2_0)
        {
            LevelUnpacking.TwoBits(block[..64], levels);
        }
        else
        {
            LevelUnpacking.Digits(block[..32], 5, levels);
            LevelUnpacking.Digits(block.Slice(32, 16), 5, levels[160..]);
            LevelUnpacking.Digits(block.Slice(48, 4), 4, levels[240..]);
        }

        LevelUnpacking.Centre(levels, 1);
    }

    private static float Half(ReadOnlySpan<byte> bytes) => (float)BinaryPrimitives.ReadHalfLittleEndian(bytes);
}
